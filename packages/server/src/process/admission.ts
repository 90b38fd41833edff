/** What a server looks at before it serves: whether the store is the one that the trail, and the mark outside it, know. */
import { parseCheckpoint, parseNote } from '@vouchsafe/audit-log'
import { describeFaults } from '../trail/index.ts'
import type { AppContext } from './context.ts'

/** The store is not what its trail or the mark says. */
export class RollbackError extends Error {
  override readonly name = 'RollbackError'
}

/**
 * Compares the store with its trail, and with the mark.
 * @throws {RollbackError} unless `on-rollback` is `warn`
 */
export async function admitStore({ config, storage, runtime, log, mark, sequencer, trail, trailWatch }: AppContext): Promise<void> {
  const marked = await mark?.read()
  if (mark !== undefined && marked === undefined)
    log.warn({ mark: config.mark }, 'there is no mark yet: it is made now, and shows nothing of what was before')
  if (mark === undefined) log.info('no mark is configured: a data directory that is copied back whole would not be noticed (see --mark)')
  const report = await trailWatch.run()
  if (report.faults.length > 0) {
    const found = `the store is not what its trail says: ${describeFaults(report)}`
    if (config.onRollback === 'refuse') throw new RollbackError(`${found}. Find out why; to start all the same, give --on-rollback warn`)
    log.error(`${found}; started all the same, as --on-rollback warn says`)
    if (marked !== undefined && report.faults.some(({ fault }) => fault === 'rolled_back')) {
      const { origin, size, root } = parseCheckpoint(parseNote(marked.checkpoint).text)
      const epoch = Number(origin.slice(origin.lastIndexOf('/') + 1))
      const previous = { epoch, origin, size, root: Buffer.from(root).toString('base64') }
      await storage.acceptRollback({ previous, fence: marked.fence, actor: 'operator', at: runtime.now() })
    }
  }
  sequencer.start()
  await trail!.start()
}
