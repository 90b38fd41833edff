import { COMMANDS } from './commands/index.ts'
import { UsageError, commandHelp, listHelp, readCommandLine } from './command-line.ts'
import type { Host } from './command-line.ts'
import { ConfigError } from './config.ts'
import { messageOf } from './errors.ts'

/** Runs one command line; gives the exit code: 0 done, 1 failed, 2 a wrong command line or configuration. Never throws. */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  try {
    const { command, values } = readCommandLine(COMMANDS, argv)
    if (command === undefined || values['help'] === true) {
      host.stdout.write(command === undefined ? listHelp(COMMANDS) : commandHelp(command))
      return 0
    }
    const { json, text, exitCode = 0 } = await command.run(host, values as Parameters<typeof command.run>[1])
    host.stdout.write(values['json'] === true ? `${JSON.stringify(json)}\n` : text)
    return exitCode
  } catch (error) {
    const message = messageOf(error)
    host.stderr.write(argv.includes('--json') ? `${JSON.stringify({ error: message })}\n` : `vouchsafe-agent: ${message}\n`)
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1
  }
}
