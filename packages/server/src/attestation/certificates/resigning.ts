import type { Runtime } from '../../foundation/index.ts'
import type { SignedRows } from '../../signing-keys/index.ts'
import type { Storage } from '../../storage/index.ts'
import { CERTIFICATE_KIND, certificateFields, CRL_KIND, crlFields } from './signed-fields.ts'

/** The rows of this room that are re-signed when the FSK is rotated. */
export function signedRows(storage: Storage, runtime: Runtime): SignedRows[] {
  const writes = (table: 'certificates' | 'crls'): Pick<SignedRows, 'replaceSignature' | 'markAltered'> => ({
    replaceSignature: ({ id, signature }, by) => storage.replaceRowSignature({ table, id, signature, by }),
    markAltered: ({ id, signature }) => storage.markRowAltered({ table, id, signature, at: runtime.now() }),
  })
  return [
    {
      kind: CERTIFICATE_KIND,
      ...writes('certificates'),
      async outdated({ version, after, limit }) {
        const rows = await storage.outdatedCertificates({ keyVersion: version, after, limit })
        return rows.map((row) => ({ ...row, fields: certificateFields(row) }))
      },
    },
    {
      kind: CRL_KIND,
      ...writes('crls'),
      async outdated({ version, after, limit }) {
        const rows = await storage.outdatedCrls({ keyVersion: version, after, limit })
        return rows.map((row) => ({ ...row, fields: crlFields(row) }))
      },
    },
  ]
}
