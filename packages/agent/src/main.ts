// Entry of the `vouchsafe-agent` command.
import { endWithReader } from '@vouchsafe/command'
import { systemRuntime } from './runtime.ts'
import { run } from './run.ts'

endWithReader()

const untilEnded = () =>
  new Promise<void>((resolve) => {
    // `disconnect`: the launcher is gone, and nobody would notice that this process lives on.
    const events = ['SIGINT', 'SIGTERM', 'disconnect'] as const
    const end = () => {
      // A second signal ends the process at once; and a listener on the launcher would keep it alive.
      for (const event of events) process.off(event, end)
      resolve()
    }
    for (const event of events) process.on(event, end)
  })

const { env, stdout, stderr } = process
process.exitCode = await run(process.argv.slice(2), { env, stdout, stderr, runtime: systemRuntime, untilEnded })
// What was given up may still be waiting for an answer.
setTimeout(() => process.exit(), 1000).unref()
