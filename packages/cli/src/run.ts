import { VouchsafeConnectionError, VouchsafeError } from '@vouchsafe/client'
import { CommandError, UsageError, program, run as runProgram } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { COMMANDS } from './commands.ts'

export const VOUCHSAFE = program({
  name: 'vouchsafe',
  commands: COMMANDS,
  aliases: { certificate: 'cert' },
  footer: [
    "'vouchsafe COMMAND --help' explains a command and lists its options.\n",
    'Credentials come from a profile that `vouchsafe enroll` writes, or from VOUCHSAFE_URL, VOUCHSAFE_APPID and VOUCHSAFE_APIKEY.\n',
  ].join(''),
  failure: (error) => ({
    message: messageOf(error),
    exitCode: error instanceof UsageError ? 2 : error instanceof CommandError ? error.exitCode : 1,
  }),
})

/**
 * Runs one command line and returns the exit code: 0 done, 1 failed (or a signature that isn't valid), 2 a wrong command line; `vouchsafe run`
 * returns that of its command. Never throws.
 */
export function run(argv: readonly string[], host: Host): Promise<number> {
  return runProgram(VOUCHSAFE, argv, host)
}

/** One line that helps; what isn't foreseen keeps its own message, without a stack. */
function messageOf(error: unknown): string {
  if (error instanceof VouchsafeConnectionError && !error.maybeExecuted)
    return `${error.message}; is the server running, and is its address correct?`
  if (error instanceof VouchsafeConnectionError || error instanceof VouchsafeError) return error.message
  if (error instanceof CommandError || error instanceof UsageError) return error.message
  const { code, path, message } = error as NodeJS.ErrnoException
  const reason = code === undefined ? undefined : FILE_ERRORS[code]
  if (reason !== undefined && path !== undefined) return `${path}: ${reason}`
  return (message || String(error)).split('\n')[0]!
}

const FILE_ERRORS: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'no permission',
  EISDIR: 'this is a folder',
  ENOTDIR: 'part of this path is not a folder',
  ENOSPC: 'no space left',
  EROFS: 'this file system is read-only',
}
