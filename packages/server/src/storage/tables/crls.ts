import { integer, nullable, text } from '../column.ts'
import { SIGNATURE_COLUMNS, SIGNATURE_EXCEPTIONS } from '../row-signature.ts'
import { type RowOf, table } from '../table.ts'

export const crls = table(
  'crls',
  {
    id: text(),
    userId: text(),
    /** One of a kind among the user's CRLs. */
    name: text(),
    /** PEM as it was given. */
    content: text(),
    nextUpdate: nullable(integer()),
    version: integer(),
    createdAt: integer(),
    updatedAt: integer(),
    ...SIGNATURE_COLUMNS,
  },
  {
    primaryKey: ['id'],
    statements: [
      'create unique index crls_by_name on crls (user_id, name)',
      'create index crls_by_next_update on crls (next_update)',
      'create index crls_by_key_version on crls (key_version, id) where altered = 0',
    ],
    authenticated: { by: 'mac', except: { ...SIGNATURE_EXCEPTIONS } },
    backup: { held: true, rowsAtOnce: 20 },
  },
)

export interface CrlRow extends RowOf<typeof crls> {}
