import { parseArgs } from 'node:util'
import { COMMON_OPTIONS, UsageError } from './command.ts'
import type { Command, Options, Values } from './command.ts'
import { didYouMean } from './nearest.ts'

export interface Parsed {
  command: Command
  args: string[]
  values: Values<Options> & Values<typeof COMMON_OPTIONS>
}

/** The command whose one or two words begin `argv`. Throws UsageError that names the nearest, or the commands of a group. */
export function findCommand(commands: readonly Command[], argv: readonly string[]): { command: Command; rest: string[] } {
  const [first = '', second = ''] = argv
  for (const words of [2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const command = commands.find((each) => each.name === name)
    if (command) return { command, rest: argv.slice(words) }
  }
  if (first.startsWith('-')) throw new UsageError(`options come after the command: vouchsafe COMMAND ${first}`)
  const group = commands.filter((each) => each.name.startsWith(`${first} `)).map((each) => each.name.slice(first.length + 1))
  if (group.length === 0) {
    const words = new Set(commands.map((each) => each.name.split(' ')[0]!))
    const inGroup = commands.find((each) => each.name.endsWith(` ${first}`))
    const hint = inGroup ? `; did you mean '${inGroup.name}'?` : didYouMean(first, words)
    throw new UsageError(`unknown command '${first}'${hint || "; 'vouchsafe help' lists them"}`)
  }
  if (second === '' || second.startsWith('-')) throw new UsageError(`'${first}' needs one of: ${group.join(', ')}`)
  throw new UsageError(`unknown command '${first} ${second}'${didYouMean(second, group) || `; there are: ${group.join(', ')}`}`)
}

/** Parses what follows the command's name. Throws UsageError. */
export function parseCommand(command: Command, rest: string[]): Parsed {
  if (command.verbatim) return { command, args: rest, values: {} }
  const options: Options = { ...command.options, ...COMMON_OPTIONS }
  const config = { args: rest, options: parserOptions(options), allowPositionals: true, allowNegative: true } as const
  const { tokens } = parseArgs({ ...config, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    const isNegated = token.rawName.startsWith('--no-')
    if (option && !(isNegated && option.type === 'string')) continue
    const known = Object.keys(options).map((name) => `--${name}`)
    throw new UsageError(`unknown option '${token.rawName}'${didYouMean(token.rawName, known)} (vouchsafe ${command.name} --help)`)
  }
  let parsed
  try {
    parsed = parseArgs({ ...config, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message.replaceAll('\n', ' '))
  }
  const values = parsed.values as Parsed['values']
  if (!values.help) checkCount(command, parsed.positionals)
  return { command, args: parsed.positionals, values }
}

function parserOptions(options: Options) {
  return Object.fromEntries(
    Object.entries(options).map(([name, { type, multiple = false }]) => [name, { type, multiple, ...(name === 'help' && { short: 'h' }) }]),
  )
}

function checkCount(command: Command, args: readonly string[]): void {
  const required = command.args.filter((name) => !name.startsWith('['))
  const missing = required[args.length]
  if (missing !== undefined) throw new UsageError(`${missing} is missing: vouchsafe ${[command.name, ...command.args].join(' ')}`)
  const extra = args[command.args.length]
  if (extra !== undefined && !command.args.at(-1)?.endsWith('…]'))
    throw new UsageError(`unexpected argument '${extra}' (vouchsafe ${command.name} --help)`)
}
