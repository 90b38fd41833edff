// Entry of the `vouchsafe` command.
import { endWithReader } from '@vouchsafe/command'
import { run } from './run.ts'

endWithReader()
const { env, stdin, stdout, stderr } = process
process.exitCode = await run(process.argv.slice(2), { env, stdin, stdout, stderr, now: Date.now })
