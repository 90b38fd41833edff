import { VouchsafeConnectionError, VouchsafeError } from '@vouchsafe/client'
import { CommandError, UsageError } from './command.ts'
import type { Host } from './command.ts'
import { COMMANDS } from './commands.ts'
import { findCommand, namesInGroup, parseCommand } from './parse.ts'
import type { Parsed } from './parse.ts'
import { printable } from './text.ts'

/**
 * Runs one command line; gives the exit code: 0 done, 1 failed (or a signature that isn't valid), 2 a wrong command line; `vouchsafe run`
 * gives that of its command. Never throws.
 */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  try {
    const { command, args, values } = parseCommandLine(argv)
    const { json, text, exitCode = 0 } = await command.run(host, args, values)
    const output = !values.json ? text : json === undefined ? '' : `${JSON.stringify(json)}\n`
    if (output.length > 0) host.stdout.write(output)
    return exitCode
  } catch (error) {
    const message = messageOf(error)
    host.stderr.write(wantsJson(argv) ? `${JSON.stringify({ error: message })}\n` : `vouchsafe: ${printable(message)}\n`)
    if (error instanceof UsageError) return 2
    return error instanceof CommandError ? error.exitCode : 1
  }
}

function parseCommandLine(argv: readonly string[]): Parsed {
  const [first, ...others] = argv
  if (first === undefined) throw new UsageError("which command? 'vouchsafe help' lists them")
  const aliases: Record<string, string> = { '--help': 'help', '-h': 'help', '--version': 'version', certificate: 'cert' }
  const words = Object.hasOwn(aliases, first) ? [aliases[first]!, ...others] : argv
  // `vouchsafe keys --help` is `vouchsafe help keys`.
  const group = words.slice(0, -1)
  if (isHelp(words.at(-1)) && namesInGroup(COMMANDS, group).length > 0) return parseCommand(findCommand(COMMANDS, ['help']).command, group)
  const { command, rest } = findCommand(COMMANDS, words)
  const parsed = parseCommand(command, rest)
  if (!parsed.values.help) return parsed
  const help = findCommand(COMMANDS, ['help']).command
  return { command: help, args: command === help ? [] : command.name.split(' '), values: parsed.values }
}

const isHelp = (word: string | undefined) => word === '--help' || word === '-h'

function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
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
