import { integer, text } from '../column.ts'
import { table } from '../table.ts'

/**
 * `epoch`: how often the set of servers has changed; `changes`: the newest change's seq; `domain-keys`: how often the domain keys have
 * changed; `restoring`: 1 while a restore is not finished. A row's lock orders those who raise it.
 */
export type CounterName = 'epoch' | 'changes' | 'domain-keys' | 'restoring'

export const counters = table(
  'counters',
  { name: text<CounterName>(), value: integer() },
  {
    primaryKey: ['name'],
    clustered: true,
    statements: [`insert into counters (name, value) values ('epoch', 0), ('changes', 0), ('domain-keys', 0), ('restoring', 0)`],
    authenticated: { by: 'nothing', because: 'they say when to read again, or that a restore is unfinished, not what may be done' },
    backup: { held: false, because: 'bookkeeping of the store itself' },
  },
)
