import { integer, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** What is out of date: an app, a key, a secret's data key, what the attestation authority keeps, or the domain keys. */
export type ChangeKind =
  'app' | 'key' | 'secret' | 'user' | 'signing-key' | 'certificate' | 'policy' | 'baseline' | 'ak-certificate' | 'domain-keys'

export const changes = table(
  'changes',
  { seq: integer(), kind: text<ChangeKind>(), objectId: text(), at: integer() },
  {
    primaryKey: ['seq'],
    statements: ['create index changes_by_time on changes (at)'],
    authenticated: { by: 'nothing', because: 'no MAC shows that a row is gone: caches that miss a change are out of date for longer' },
    backup: { held: false, because: 'read within seconds by servers that run' },
  },
)

export const change = changes.without('at')

/** Says that something cached is out of date. */
export interface ChangeRow extends RowOf<typeof change> {}
