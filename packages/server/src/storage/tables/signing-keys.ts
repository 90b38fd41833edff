import { integer, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** NSK signs nonces, FSK the rows of tenants' resources, TSK tokens. */
export type SigningKeyName = 'NSK' | 'FSK' | 'TSK'
/** LOG signs the trail's checkpoints. */
export type StoredKeyName = SigningKeyName | 'LOG'

export const signingKeys = table(
  'signing_keys',
  {
    name: text<StoredKeyName>(),
    version: integer(),
    /** Such as `rsa_3072` or `ec_p256`. */
    algorithm: text(),
    sealed: sealedBlob(),
    domainVersion: integer(),
    createdAt: integer(),
  },
  {
    primaryKey: ['name', 'version'],
    authenticated: { by: 'mac' },
    backup: { held: true, selfFilled: true },
  },
)

/** One version of a signing key, PKCS#8 sealed under the domain key. Versions count from 1. */
export interface SigningKeyRow extends RowOf<typeof signingKeys> {}
