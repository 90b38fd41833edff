import { flag, integer, nullable, text } from '../column.ts'
import { SIGNATURE_COLUMNS, SIGNATURE_EXCEPTIONS } from '../row-signature.ts'
import { type RowOf, table } from '../table.ts'

export const baselines = table(
  'baselines',
  {
    id: text(),
    userId: text(),
    /** One of a kind among the user's baselines. */
    name: text(),
    description: nullable(text()),
    attesterType: text(),
    isDefault: flag(),
    /** The certificate that verified it. */
    signerId: text(),
    /** SHA-256 of the JWT's text, hex. */
    contentHash: text(),
    contentLength: integer(),
    /** SHA-256 of the digest set, hex. */
    digestsHash: text(),
    /** Bytes of the digest set. */
    digestsLength: integer(),
    /** How many reference values the JWT lists. */
    valueCount: integer(),
    version: integer(),
    createdAt: integer(),
    updatedAt: integer(),
    ...SIGNATURE_COLUMNS,
  },
  {
    primaryKey: ['id'],
    statements: [
      'create unique index baselines_by_name on baselines (user_id, name)',
      'create index baselines_by_key_version on baselines (key_version, id) where altered = 0',
    ],
    authenticated: { by: 'mac', except: { ...SIGNATURE_EXCEPTIONS } },
    backup: { held: true },
  },
)

/** A baseline without its content, which its signature covers by hashes. */
export interface BaselineRow extends RowOf<typeof baselines> {}
