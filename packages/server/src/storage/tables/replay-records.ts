import { blob, integer, text } from '../column.ts'
import { table } from '../table.ts'

/** What servers that share a store have accepted. */
export const replayRecords = table(
  'replay_records',
  { appId: text(), stamp: integer(), fingerprint: blob() },
  {
    primaryKey: ['appId', 'stamp', 'fingerprint'],
    clustered: true,
    statements: ['create index replay_records_by_stamp on replay_records (stamp)'],
    authenticated: {
      by: 'nothing',
      because: 'no MAC shows that a row is gone: someone with write access to the database can make another server accept a request again',
    },
    backup: { held: false, because: 'as the fences' },
  },
)

/** An accepted request: [appId, stamp, fingerprint of 8 to 16 bytes]. */
export type ReplayRecord = [appId: string, stamp: number, fingerprint: Uint8Array]
