import { blob, integer, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const collateral = table(
  'collateral',
  {
    /** TEE, FMSPC and issuing CA. */
    platform: text(),
    parts: blob(),
    fetchedAt: integer(),
    /** When the first part of it expires. */
    expiresAt: integer(),
  },
  {
    primaryKey: ['platform'],
    statements: ['create index collateral_by_age on collateral (fetched_at, platform)'],
    authenticated: { by: 'nothing', because: 'its parts are signed by those who issue them, and state their own times' },
    backup: { held: false, because: 'kept for a while, and fetched again' },
  },
)

/** Collateral for quotes of one platform, as it was fetched. */
export interface CollateralRow extends RowOf<typeof collateral> {}
