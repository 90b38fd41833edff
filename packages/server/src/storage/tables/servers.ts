import { integer, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const servers = table(
  'servers',
  {
    id: text(),
    /** How many heartbeats it has had. */
    heartbeat: integer(),
    startedAt: integer(),
    /** The state of the domain keys that it works with. */
    domainRevision: integer(),
  },
  {
    primaryKey: ['id'],
    clustered: true,
    authenticated: { by: 'nothing', because: 'it decides only whether servers wait for each other' },
    backup: { held: false, because: 'the servers that run now' },
  },
)

export const server = servers.only('id', 'heartbeat')

/** A server that uses this store, and its count of heartbeats. */
export interface ServerRow extends RowOf<typeof server> {}
