import { type OperationTable, chunks } from '../operation.ts'
import type { ReplayOperations } from '../ports/replay.ts'
import { replayWindows } from '../tables/replay-windows.ts'
import { lockRegistration } from './fences.ts'

function identity(appId: string, stamp: number, fingerprint: Uint8Array): string {
  return `${stamp} ${fingerprint.toHex()} ${appId}`
}

export const replayRecordOperations = {
  insertReplayRecords: {
    mode: 'write',
    async run(db, { serverId, records }, { dialect }) {
      if (!(await lockRegistration(db, dialect, serverId))) return 'expelled'
      const identities = records.map((record) => identity(...record))
      const rows = new Map(records.map(([app_id, stamp, fingerprint], i) => [identities[i], { app_id, stamp, fingerprint }]))
      // In one order for everybody, so that two servers with the same records cannot wait for each other.
      const ordered = [...rows.keys()].sort().flatMap((key) => rows.get(key) ?? [])
      const added = new Set<string>()
      for (const chunk of chunks(ordered)) {
        const inserted = await db
          .insertInto('replay_records')
          .values(chunk)
          .onConflict((conflict) => conflict.columns(['app_id', 'stamp', 'fingerprint']).doNothing())
          .returningAll()
          .execute()
        for (const row of inserted) added.add(identity(row.app_id, row.stamp, row.fingerprint))
      }
      // Of equal records in one call, the first is the new one.
      return identities.map((key) => added.delete(key))
    },
  },

  saveReplayWindows: {
    mode: 'write',
    async run(db, { serverId, windows }, { dialect }) {
      if (!(await lockRegistration(db, dialect, serverId))) return 'expelled'
      for (const window of windows) {
        const columns = replayWindows.toColumns(window)
        await db
          .insertInto('replay_windows')
          .values(columns)
          .onConflict((conflict) => conflict.column('app_id').doUpdateSet(columns))
          .execute()
      }
      return 'ok'
    },
  },

  purgeReplayRecords: {
    mode: 'write',
    async run(db, { before, limit }, { dialect }) {
      await db.deleteFrom('replay_windows').where('newest', '<', before).execute()
      const { numDeletedRows } = await db
        .deleteFrom('replay_records')
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple('app_id', 'stamp', 'fingerprint'),
            'in',
            selectFrom('replay_records as old')
              .select(['old.app_id', 'old.stamp', 'old.fingerprint'])
              .where('old.stamp', '<', before)
              .orderBy('old.stamp')
              .limit(limit)
              .$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked())
              .$asTuple('app_id', 'stamp', 'fingerprint'),
          ),
        )
        .executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  },
} satisfies Pick<OperationTable, Extract<keyof ReplayOperations, 'insertReplayRecords' | 'saveReplayWindows' | 'purgeReplayRecords'>>
