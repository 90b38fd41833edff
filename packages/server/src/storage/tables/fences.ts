import { integer, text } from '../column.ts'
import { table } from '../table.ts'

/** Up to where each app's requests are refused after a start. */
export const fences = table(
  'fences',
  { appId: text(), stamp: integer() },
  {
    primaryKey: ['appId'],
    clustered: true,
    authenticated: {
      by: 'nothing',
      because:
        'an absent fence would verify as well, and no MAC shows that a row is gone: someone with write access to the database can make a request of before the last start acceptable again',
    },
    backup: { held: false, because: 'a restore sets one for every app, beyond whatever was accepted since the backup' },
  },
)

/** The stamp up to which an app's requests are refused after a start: [appId, stamp]. */
export type Fence = [appId: string, stamp: number]
