import type { Log, Runtime } from '../../src/foundation/index.ts'
import { createLog } from '../../src/process/log.ts'
import type { TrailBatch } from '../../src/storage/index.ts'
import { CallLog } from '../../src/trail/call-log.ts'

/** A call log whose batches go to a list instead of a store. */
export function callLogOf(dataDir: string, runtime: Runtime, batches: TrailBatch[] = [], log: Log = createLog('silent')): CallLog {
  return new CallLog(dataDir, {
    runtime,
    log,
    newWriter: () => 'server/calls',
    async append(batch) {
      batches.push(batch)
      return 'recorded'
    },
  })
}
