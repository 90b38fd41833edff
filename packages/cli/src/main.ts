// Entry of the `vouchsafe` command.
import { run } from './run.ts'

// The reader of a pipe that has seen enough (`vouchsafe keys list | head`) is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}

const { env, stdin, stdout, stderr } = process
process.exitCode = await run(process.argv.slice(2), { env, stdin, stdout, stderr, now: Date.now })
