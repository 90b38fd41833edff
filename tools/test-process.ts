// Preloaded into each process of tests. Random choices follow the run's seed. The process is ended when it has run for too long, even if it spins
// or waits for something that will never come: Node's own timeout ends a test, not its process.
import { writeSync } from 'node:fs'
import { Worker, isMainThread, workerData } from 'node:worker_threads'

const DEADLINE_MS = 600_000
const WATCHDOG = 'test deadline'

if (isMainThread && process.env.NODE_TEST_CONTEXT !== undefined) {
  const file = process.argv[1] ?? 'a test file'
  new Worker(new URL(import.meta.url), { workerData: { [WATCHDOG]: file }, execArgv: [] }).unref()
  const seed = process.env.VOUCHSAFE_TEST_SEED
  if (seed !== undefined) (await import('fast-check')).configureGlobal({ seed: Number(seed) })
} else if (workerData?.[WATCHDOG] !== undefined) {
  setTimeout(() => {
    writeSync(2, `test: ${workerData[WATCHDOG]} has run for ${DEADLINE_MS / 1_000} s and is ended\n`)
    process.kill(process.pid, 'SIGKILL')
  }, DEADLINE_MS)
}
