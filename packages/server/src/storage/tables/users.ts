import { integer, text } from '../column.ts'
import { table } from '../table.ts'

/** Tenants of the attestation authority; what they may do is said by their credentials. */
export const users = table(
  'users',
  { id: text(), createdAt: integer() },
  {
    primaryKey: ['id'],
    clustered: true,
    authenticated: { by: 'nothing', because: 'a user without a credential can do nothing, and credentials are sealed' },
    backup: { held: true },
  },
)
