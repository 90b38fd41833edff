import type { Runtime } from '../../foundation/index.ts'
import type { SignedField, SignedRows } from '../../signing-keys/index.ts'
import type { BaselineRow, Storage } from '../../storage/index.ts'

export const BASELINE_KIND = 'baseline'

/** What the signature of a baseline's row covers; the content by its hashes. */
export function baselineFields(row: Omit<BaselineRow, 'signature' | 'keyVersion' | 'altered'>): SignedField[] {
  return [
    row.id,
    row.userId,
    row.name,
    row.description,
    row.attesterType,
    Number(row.isDefault),
    row.signerId,
    row.contentHash,
    row.contentLength,
    row.digestsHash,
    row.digestsLength,
    row.valueCount,
    row.version,
    row.createdAt,
    row.updatedAt,
  ]
}

/** How baselines are re-signed when the FSK is rotated. */
export function signedBaselines(storage: Storage, runtime: Runtime): SignedRows {
  return {
    kind: BASELINE_KIND,
    async outdated({ version, after, limit }) {
      const rows = await storage.outdatedBaselines({ keyVersion: version, after, limit })
      return rows.map((row) => ({ ...row, fields: baselineFields(row) }))
    },
    replaceSignature: ({ id, signature }, by) => storage.replaceRowSignature({ table: 'baselines', id, signature, by }),
    markAltered: ({ id, signature }) => storage.markRowAltered({ table: 'baselines', id, signature, at: runtime.now() }),
  }
}
