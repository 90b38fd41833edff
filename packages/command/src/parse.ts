import { parseArgs } from 'node:util'
import { COMMON_OPTIONS, UsageError } from './command.ts'
import type { Command, Option, Options, Values } from './command.ts'
import { synopsis } from './help.ts'
import { didYouMean } from './nearest.ts'

export interface Parsed<Host> {
  command: Command<Host>
  args: string[]
  values: Values<Options> & Values<typeof COMMON_OPTIONS>
}

/** Whether a command's name begins with `words` and goes on. */
export function isInGroup({ name }: Command, words: readonly string[]): boolean {
  return name.startsWith(`${words.join(' ')} `)
}

/** With no more commands than this, a mistake is answered with all of them. */
const A_HANDFUL = 10

/**
 * Finds the command whose one to three words begin `argv`. Throws UsageError, which names the nearest, the commands of a group, or all if they
 * are few.
 */
export function findCommand<Host>(
  program: string,
  commands: readonly Command<Host>[],
  argv: readonly string[],
): { command: Command<Host>; rest: string[] } {
  for (const words of [3, 2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const command = commands.find((each) => each.name === name)
    if (command) return { command, rest: argv.slice(words) }
  }
  const [first = ''] = argv
  if (first.startsWith('-')) throw new UsageError(`options come after the command: ${program} COMMAND ${first}`)
  const group = [2, 1].map((count) => argv.slice(0, count)).find((words) => commands.some((each) => isInGroup(each, words)))
  if (group === undefined) throw new UsageError(`unknown command '${first}'${hintFor(first, program, commands)}`)
  const prefix = `${group.join(' ')} `
  const names = commands.filter((each) => isInGroup(each, group)).map(({ name }) => name.slice(prefix.length))
  const next = argv[group.length] ?? ''
  if (next === '' || next.startsWith('-')) throw new UsageError(`'${group.join(' ')}' needs one of: ${names.join(', ')}`)
  const hint = didYouMean(next, names) || `; there are: ${names.join(', ')}`
  throw new UsageError(`unknown command '${[...group, next].join(' ')}'${hint}`)
}

function hintFor(word: string, program: string, commands: readonly Command[]): string {
  if (commands.length <= A_HANDFUL) return `; there are ${commands.map(({ name }) => name).join(', ')}`
  const inGroup = commands.find((each) => each.name.endsWith(` ${word}`))
  if (inGroup) return `; did you mean '${inGroup.name}'?`
  return didYouMean(word, new Set(commands.map((each) => each.name.split(' ')[0]!))) || `; '${program} help' lists them`
}

/** Parses what follows the command's name. Throws UsageError. */
export function parseCommand<Host>(program: string, command: Command<Host>, rest: readonly string[]): Parsed<Host> {
  if (command.verbatim) return { command, args: [...rest], values: {} }
  const options: Options = { ...command.options, ...COMMON_OPTIONS }
  const config = { args: plainWords(rest, options), options: parserOptions(options), allowPositionals: true, allowNegative: true } as const
  const { tokens } = parseArgs({ ...config, strict: false, tokens: true })
  if (command.afterDashes && tokens.find(({ kind }) => kind !== 'option')?.kind === 'positional')
    throw new UsageError(`${command.args[0]} and what follows it come after '--': ${synopsis(program, command)}`)
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    const isNegated = token.rawName.startsWith('--no-')
    if (option && !(isNegated && option.type === 'string')) continue
    const known = Object.keys(options).map((name) => `--${name}`)
    throw new UsageError(`unknown option '${token.rawName}'${didYouMean(token.rawName, known)} (${program} ${command.name} --help)`)
  }
  let parsed
  try {
    parsed = parseArgs({ ...config, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message.replaceAll('\n', ' '))
  }
  const values = parsed.values as Parsed<Host>['values']
  if (!values.help) checkCount(program, command, parsed.positionals)
  return { command, args: parsed.positionals, values }
}

function parserOptions(options: Options) {
  const entries = Object.entries(options).map(([name, { type, multiple = false, short }]) => {
    return [name, { type, multiple, ...(short !== undefined && { short }) }] as const
  })
  return Object.fromEntries(entries)
}

/** The words with one option for each value: `--ids a b` becomes `--ids=a --ids=b`, and `--is-default false` becomes `--no-is-default`. */
function plainWords(words: readonly string[], options: Options): string[] {
  const plain: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === '--') return [...plain, ...words.slice(i)]
    const [name, option] = Object.entries(options).find((entry) => isOption(word, ...entry)) ?? []
    const from = i + 1
    if (option?.list) while (i + 1 < words.length && !words[i + 1]!.startsWith('-')) i++
    // PEM is no option, whatever it begins with.
    else if (option?.type === 'string' && words[from]?.startsWith('-----BEGIN ')) i++
    const values = words.slice(from, i + 1)
    if (option?.worded && ['true', 'false'].includes(words[from] ?? '')) plain.push(words[++i] === 'true' ? `--${name}` : `--no-${name}`)
    else plain.push(...(values.length === 0 ? [word] : values.map((value) => `--${name}=${value}`)))
  }
  return plain
}

/** Whether a word names the option; underscores do for hyphens, as in the original's `--cert_type`. */
function isOption(word: string, name: string, { short }: Option): boolean {
  return word.replaceAll('_', '-') === `--${name}` || (short !== undefined && word === `-${short}`)
}

function checkCount(program: string, command: Command, args: readonly string[]): void {
  const required = command.args.filter((name) => !name.startsWith('['))
  const missing = required[args.length]
  if (missing !== undefined) throw new UsageError(`${missing} is missing: ${synopsis(program, command)}`)
  const extra = args[command.args.length]
  if (extra !== undefined && !command.args.at(-1)?.endsWith('…]'))
    throw new UsageError(`unexpected argument '${extra}' (${program} ${command.name} --help)`)
}
