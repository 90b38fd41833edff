import { blob, integer, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const akAuthorities = table(
  'ak_authorities',
  {
    userId: text(),
    /** Counts from 1; the newest issues. */
    version: integer(),
    /** DER. */
    certificate: blob(),
    notAfter: integer(),
    /** The private key, PKCS#8. */
    sealed: sealedBlob(),
    domainVersion: integer(),
    createdAt: integer(),
  },
  {
    primaryKey: ['userId', 'version'],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

/** A CA of the authority for one user's attestation keys. It never changes. */
export interface AkAuthorityRow extends RowOf<typeof akAuthorities> {}
