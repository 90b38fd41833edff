/** What a server looks at before it serves: whether the store is the one that the trail, and the mark outside it, know. */
import { parseCheckpoint, parseNote } from '@vouchsafe/audit-log'
import { MARKED_AHEAD_MS, describeFaults } from '../trail/index.ts'
import type { MarkContents } from '../trail/index.ts'
import type { AppContext } from './context.ts'

/** The store is not what its trail or the mark says. */
export class RollbackError extends Error {
  override readonly name = 'RollbackError'
}

/**
 * Compares the store with its trail, and with the mark.
 * @throws {RollbackError} unless `on-rollback` is `warn`
 */
export async function admitStore(context: AppContext): Promise<void> {
  const { config, storage, runtime, log, mark, sequencer, trail, trailWatch } = context
  const marked = await mark?.read()
  if (mark !== undefined && marked === undefined && mark.rolledBack === undefined)
    log.warn({ mark: mark.place }, 'there is no mark yet: it is made now, and shows nothing of what was before')
  if (mark === undefined) log.info('no mark is configured: a data directory that is copied back whole would not be noticed (see --mark)')
  const report = await trailWatch.run()
  if (report.faults.length > 0) {
    const found = `the store is not what its trail says: ${describeFaults(report)}`
    if (config.onRollback === 'refuse') throw new RollbackError(`${found}. Find out why; to start all the same, give --on-rollback warn`)
    log.error(`${found}; started all the same, as --on-rollback warn says`)
    if (report.faults.some(({ fault }) => fault === 'rolled_back')) await acceptRollback(context, marked)
    for (const tenant of await storage.makeManifests({ which: 'broken', at: runtime.now() }))
      log.warn({ tenant }, 'what decides for this tenant was altered, and is taken as it is now')
  } else {
    // A store from before there were any. That one was removed, the comparison would have said.
    await storage.makeManifests({ which: 'missing', at: runtime.now() })
  }
  sequencer.start()
  await trail!.start()
  // The mark is written before anything is accepted that a copy from before would not know.
  if (mark !== undefined) await sequencer.settle()
}

/** Begins an epoch that names the last checkpoint that is known of, and refuses what may have been accepted since. */
async function acceptRollback({ storage, runtime, mark, logKey }: AppContext, marked: MarkContents | undefined): Promise<void> {
  const lost = mark?.rolledBack
  const head = await storage.trailHead({ epoch: null })
  const known = marked === undefined ? undefined : parseCheckpoint(parseNote(marked.checkpoint).text)
  if (known === undefined && head === null) return
  const { origin, size, root } = known ?? { origin: logKey.origin(head!.epoch), ...head! }
  const now = runtime.now()
  // Of a mark that was put back with the store, only the counter says how much is missing: an epoch may have begun each time that it was raised.
  const epoch = Number(origin.slice(origin.lastIndexOf('/') + 1)) + (lost?.epochs ?? 0)
  const fence = Math.max(marked?.fence ?? 0, lost === undefined ? 0 : now + MARKED_AHEAD_MS)
  const previous = { epoch, origin, size, root: Buffer.from(root).toString('base64') }
  await storage.acceptRollback({ previous, fence, actor: 'operator', at: now })
}
