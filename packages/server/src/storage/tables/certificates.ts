import { flag, integer, json, nullable, text } from '../column.ts'
import { SIGNATURE_COLUMNS, SIGNATURE_EXCEPTIONS } from '../row-signature.ts'
import { type RowOf, table } from '../table.ts'

export const certificates = table(
  'certificates',
  {
    id: text(),
    /** The User-Id; it may have no row among the users. */
    userId: text(),
    /** One of a kind among the user's certificates. */
    name: text(),
    description: nullable(text()),
    /** What it may vouch for. */
    types: json<string[]>(),
    isDefault: nullable(flag()),
    /** PEM as it was given. */
    content: text(),
    /** The certificate's own end, for statistics. */
    notAfter: integer(),
    /** Counts from 1 with each change. */
    version: integer(),
    createdAt: integer(),
    updatedAt: integer(),
    ...SIGNATURE_COLUMNS,
  },
  {
    primaryKey: ['id'],
    statements: [
      'create unique index certificates_by_name on certificates (user_id, name)',
      'create index certificates_by_expiry on certificates (not_after)',
      'create index certificates_by_key_version on certificates (key_version, id) where altered = 0',
    ],
    authenticated: { by: 'mac', except: { ...SIGNATURE_EXCEPTIONS } },
    backup: { held: true, rowsAtOnce: 20 },
  },
)

export interface CertificateRow extends RowOf<typeof certificates> {}
