import type { Runtime } from '../../foundation/index.ts'
import type { SignedField, SignedRows } from '../../signing-keys/index.ts'
import type { PolicySummary, Storage } from '../../storage/index.ts'

export const POLICY_KIND = 'policy'

/** What the signature of a policy's row covers; the text by its hash. */
export function policyFields(row: Omit<PolicySummary, 'signature' | 'keyVersion' | 'altered'>): SignedField[] {
  return [
    row.id,
    row.userId,
    row.policyId,
    row.name,
    row.description,
    JSON.stringify(row.attesterTypes),
    Number(row.isJwt),
    row.signerId,
    Number(row.isDefault),
    row.contentHash,
    row.version,
    row.createdAt,
    row.updatedAt,
  ]
}

/** How policies are re-signed when the FSK is rotated. */
export function signedPolicies(storage: Storage, runtime: Runtime): SignedRows {
  return {
    kind: POLICY_KIND,
    async outdated({ version, after, limit }) {
      const rows = await storage.outdatedPolicies({ keyVersion: version, after, limit })
      return rows.map((row) => ({ ...row, fields: policyFields(row) }))
    },
    replaceSignature: ({ id, signature }, by) => storage.replaceRowSignature({ table: 'policies', id, signature, by }),
    markAltered: ({ id, signature }) => storage.markRowAltered({ table: 'policies', id, signature, at: runtime.now() }),
  }
}
