import { blob, integer } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const usedNonces = table(
  'used_nonces',
  { digest: blob(), expiresAt: integer() },
  {
    primaryKey: ['digest'],
    clustered: true,
    statements: ['create index used_nonces_by_expiry on used_nonces (expires_at)'],
    authenticated: {
      by: 'nothing',
      because:
        'no MAC shows that a row is gone: someone with write access to the database can make a nonce usable again, on a server that did not accept it itself, or has started since',
    },
    backup: { held: true },
  },
)

/** A nonce that was used: a digest over its user and value, kept until no clock of ours can accept it any more. */
export interface UsedNonceRow extends RowOf<typeof usedNonces> {}
