// Who uses the store. Transactions that depend on it lock the server's own row first and the epoch's row second, so that they cannot
// wait for each other in a circle.
import type { Db, OperationTable } from '../operation.ts'
import type { ReplayOperations } from '../ports/replay.ts'
import { toBytes } from '../column.ts'
import type { ReplayRecord } from '../tables/replay-records.ts'
import { replayWindows } from '../tables/replay-windows.ts'
import { server, servers } from '../tables/servers.ts'
import { storeFences } from './fences.ts'

async function raiseEpoch(db: Db): Promise<number> {
  const { value } = await db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'epoch')
    .returning('value')
    .executeTakeFirstOrThrow()
  return value
}

export const serverOperations = {
  registerServer: {
    mode: 'write',
    async run(db, { id, at, recordLimit }) {
      const columns = servers.toColumns({ id, heartbeat: 0, startedAt: at, domainRevision: 0 })
      await db
        .insertInto('servers')
        .values(columns)
        .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
        .execute()
      // Waits for everybody who is raising fences under the old epoch: what they wrote is read below.
      const epoch = await raiseEpoch(db)
      const peers = await db.selectFrom('servers').select(server.names).where('id', '!=', id).orderBy('id').execute()
      const fences = await db.selectFrom('fences').selectAll().orderBy('app_id').execute()
      const records = await db
        .selectFrom('replay_records as record')
        .leftJoin('fences', 'fences.app_id', 'record.app_id')
        .select(['record.app_id', 'record.stamp', 'record.fingerprint'])
        .where(({ eb, ref, fn, val }) => eb('record.stamp', '>', fn.coalesce(ref('fences.stamp'), val(-1))))
        .orderBy('record.stamp')
        .orderBy('record.app_id')
        .orderBy('record.fingerprint')
        .limit(recordLimit + 1)
        .execute()
      const windows = await db.selectFrom('replay_windows').selectAll().orderBy('app_id').execute()
      return {
        epoch,
        peers: peers.map(server.fromColumns),
        fences: fences.map((fence): [string, number] => [fence.app_id, fence.stamp]),
        records:
          records.length > recordLimit
            ? null
            : records.map(({ app_id, stamp, fingerprint }): ReplayRecord => [app_id, stamp, toBytes(fingerprint)]),
        windows: windows.map(replayWindows.fromColumns),
      }
    },
  },

  heartbeat: {
    mode: 'write',
    async run(db, { id, domainRevision }) {
      const { numUpdatedRows } = await db
        .updateTable('servers')
        .set((eb) => ({ heartbeat: eb('heartbeat', '+', 1), domain_revision: domainRevision ?? eb.ref('domain_revision') }))
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      const { value: epoch } = await db.selectFrom('counters').select('value').where('name', '=', 'epoch').executeTakeFirstOrThrow()
      const all = await db.selectFrom('servers').select(server.names).orderBy('id').execute()
      return {
        registered: numUpdatedRows === 1n,
        epoch,
        servers: all.map(server.fromColumns),
      }
    },
  },

  expelServer: {
    mode: 'write',
    async run(db, { id, heartbeat }) {
      const { numDeletedRows } = await db
        .deleteFrom('servers')
        .where('id', '=', id)
        .where('heartbeat', '=', heartbeat)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return false
      await raiseEpoch(db)
      return true
    },
  },

  unregisterServer: {
    mode: 'write',
    async run(db, { id, fences }, { dialect }) {
      const { numDeletedRows } = await db.deleteFrom('servers').where('id', '=', id).executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return
      if (dialect === 'postgres') {
        // A server that registers now either is seen below, or reads these fences after they are set.
        await db.selectFrom('counters').select('value').where('name', '=', 'epoch').forUpdate().execute()
      }
      const other = await db.selectFrom('servers').select('id').limit(1).executeTakeFirst()
      if (other === undefined) await storeFences(db, fences, 'exactly')
    },
  },
} satisfies Pick<OperationTable, Extract<keyof ReplayOperations, 'registerServer' | 'heartbeat' | 'expelServer' | 'unregisterServer'>>
