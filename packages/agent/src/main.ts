// Entry of the `vouchsafe-agent` command.
import { systemPlatform } from './platform.ts'
import { run } from './run.ts'

// The reader of a pipe that has seen enough is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}

const untilEnded = () =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
    // The launcher is gone: nobody would notice that this process lives on.
    process.once('disconnect', resolve)
  })

const { env, stdout, stderr } = process
process.exitCode = await run(process.argv.slice(2), { env, stdout, stderr, platform: systemPlatform, untilEnded })
