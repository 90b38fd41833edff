import { UsageError, program, run as runProgram } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { COMMANDS } from './commands/index.ts'
import { ConfigError } from './config.ts'
import { messageOf } from './errors.ts'

const AGENT = program({
  name: 'vouchsafe-agent',
  commands: COMMANDS,
  footer: "'vouchsafe-agent COMMAND --help' explains a command.\n",
  failure: (error) => ({
    message: messageOf(error),
    exitCode: error instanceof UsageError || error instanceof ConfigError ? 2 : 1,
  }),
})

/**
 * Runs one command line and returns the exit code: 0 done, 1 failed, 2 a wrong command line or configuration. Without any word, lists the
 * commands. Never throws.
 */
export function run(argv: readonly string[], host: Host): Promise<number> {
  return runProgram(AGENT, argv.length === 0 ? ['help'] : argv, host)
}
