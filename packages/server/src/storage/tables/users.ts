import { integer, text } from '../column.ts'
import { table } from '../table.ts'

/** Tenants of the attestation authority; their credentials determine what they may do. */
export const users = table(
  'users',
  { id: text(), createdAt: integer() },
  {
    primaryKey: ['id'],
    clustered: true,
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)
