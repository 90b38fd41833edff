import { integer, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const importSessions = table(
  'import_sessions',
  {
    keyId: text('references keys (id)'),
    appId: text(),
    tokenId: text(),
    wrapping: sealedBlob(),
    domainVersion: integer(),
    expiresAt: integer(),
  },
  {
    primaryKey: ['keyId'],
    statements: ['create index import_sessions_by_expiry on import_sessions (expires_at)'],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

/** The one open import of an external key: the sealed wrapping key and the token that the import must show. */
export interface ImportSessionRow extends RowOf<typeof importSessions> {}
