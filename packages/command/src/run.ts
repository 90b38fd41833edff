import { UsageError } from './command.ts'
import type { Streams } from './command.ts'
import { findCommand, isInGroup, parseCommand } from './parse.ts'
import type { Parsed } from './parse.ts'
import type { Program } from './program.ts'
import { printable } from './text.ts'

/** Runs one command line of a program and returns the exit code: the command's, or that of its failure. Never throws. */
export async function run<Host extends Streams>(program: Program<Host>, argv: readonly string[], host: Host): Promise<number> {
  try {
    const { command, args, values } = parseCommandLine(program, argv)
    const { json, text, exitCode = 0 } = await command.run(host, args, values)
    const output = !values.json ? text : json === undefined ? '' : `${JSON.stringify(json)}\n`
    if (output.length > 0) host.stdout.write(output)
    return exitCode
  } catch (error) {
    const { message, exitCode } = program.failure(error)
    host.stderr.write(wantsJson(argv) ? `${JSON.stringify({ error: message })}\n` : `${program.name}: ${printable(message)}\n`)
    return exitCode
  }
}

function parseCommandLine<Host extends Streams>(program: Program<Host>, argv: readonly string[]): Parsed<Host> {
  const { name, commands } = program
  const aliases: Program<Host>['aliases'] = { '--help': 'help', '-h': 'help', '--version': 'version', ...program.aliases }
  const [first, ...others] = argv
  if (first === undefined) throw new UsageError(`which command? '${name} help' lists them`)
  const words = Object.hasOwn(aliases, first) ? [aliases[first]!, ...others] : argv
  const { command: help } = findCommand(name, commands, ['help'])
  // `vouchsafe keys --help` is `vouchsafe help keys`.
  const group = words.slice(0, -1)
  if (isHelp(words.at(-1)) && commands.some((each) => isInGroup(each, group))) return parseCommand(name, help, group)
  const { command, rest } = findCommand(name, commands, words)
  const parsed = parseCommand(name, command, rest)
  if (!parsed.values.help) return parsed
  return { command: help, args: command === help ? [] : command.name.split(' '), values: parsed.values }
}

const isHelp = (word: string | undefined) => word === '--help' || word === '-h'

function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}
