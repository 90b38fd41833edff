import { type Db, type Dialect, type OperationTable, chunks } from '../operation.ts'
import type { ReplayOperations } from '../ports/replay.ts'
import type { Fence } from '../tables/fences.ts'

/** Stores one fence for each app, the largest given: `exactly` so, or only where it is larger than the stored one. */
export async function storeFences(db: Db, fences: readonly Fence[], how: 'exactly' | 'raising'): Promise<void> {
  const largest = new Map<string, number>()
  for (const [appId, stamp] of fences) largest.set(appId, Math.max(stamp, largest.get(appId) ?? stamp))
  // In one order for everybody, so that two servers cannot wait for each other.
  const rows = [...largest].map(([app_id, stamp]) => ({ app_id, stamp })).sort((a, b) => (a.app_id < b.app_id ? -1 : 1))
  for (const chunk of chunks(rows)) {
    await db
      .insertInto('fences')
      .values(chunk)
      .onConflict((conflict) => {
        const update = conflict.column('app_id').doUpdateSet((eb) => ({ stamp: eb.ref('excluded.stamp') }))
        return how === 'exactly' ? update : update.whereRef('excluded.stamp', '>', 'fences.stamp')
      })
      .execute()
  }
}

/** Whether the server is registered; if so, it stays so until the transaction ends. Its heartbeat is not held up. */
export async function lockRegistration(db: Db, dialect: Dialect, serverId: string): Promise<boolean> {
  const own = await db
    .selectFrom('servers')
    .select('id')
    .where('id', '=', serverId)
    .$if(dialect === 'postgres', (query) => query.forKeyShare())
    .executeTakeFirst()
  return own !== undefined
}

export const fenceOperations = {
  raiseFences: {
    mode: 'write',
    async run(db, { serverId, epoch, fences }, { dialect }) {
      if (!(await lockRegistration(db, dialect, serverId))) return 'expelled'
      // Shared with others who raise fences, not with a registration: it waits, and then reads these fences.
      const current = await db
        .selectFrom('counters')
        .select('value')
        .where('name', '=', 'epoch')
        .$if(dialect === 'postgres', (query) => query.forShare())
        .executeTakeFirstOrThrow()
      if (current.value !== epoch) return 'epoch'
      await storeFences(db, fences, 'raising')
      return 'ok'
    },
  },
} satisfies Pick<OperationTable, Extract<keyof ReplayOperations, 'raiseFences'>>
