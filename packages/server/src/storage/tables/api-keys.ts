import { integer, nullable, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const apiKeys = table(
  'api_keys',
  {
    id: text(),
    appId: text('references apps (id)'),
    sealed: sealedBlob(),
    domainVersion: integer(),
    createdAt: integer(),
    expiresAt: nullable(integer()),
  },
  {
    primaryKey: ['id'],
    statements: ['create index api_keys_by_app on api_keys (app_id, created_at, id)'],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

/** An API key, sealed under the domain key `domainVersion`. Several may be valid at once while they are rotated. */
export interface ApiKeyRow extends RowOf<typeof apiKeys> {}
