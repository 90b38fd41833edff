// What a command is, and how a command line is read. The table of all is in commands/index.ts.
import { parseArgs } from 'node:util'
import type { Writable } from 'node:stream'
import { FieldError } from './fields.ts'
import type { Runtime } from './runtime.ts'

/** What a command sees of the process it runs in. */
export interface Host {
  env: Readonly<Record<string, string | undefined>>
  stdout: Writable
  stderr: Writable
  runtime: Runtime
  /** Resolves when the process is asked to end, which from then on it does by itself. */
  untilEnded(): Promise<unknown>
}

export interface Option {
  type: 'string' | 'boolean'
  /** What stands for the value in the help, for strings. */
  value?: string
  summary: string
}
export type Options = Readonly<Record<string, Option>>
/** Options as they were given. */
export type Given = Readonly<Record<string, string | boolean | undefined>>
export type Values<O extends Options> = { readonly [K in keyof O]?: O[K]['type'] extends 'boolean' ? boolean : string }

/** What a command gives: JSON for `--json`, else text; the exit code is 0 unless told. */
export interface Outcome {
  json: unknown
  text: string
  exitCode?: number
}

export interface Command<O extends Options = Options> {
  name: string
  summary: string
  options: O
  run(host: Host, values: Values<O & typeof COMMON_OPTIONS>): Promise<Outcome>
}

/** Checks a command's options against their use in `run`, then forgets their types so that commands fit in one table. */
export function command<const O extends Options>(definition: Command<O>): Command {
  return definition as unknown as Command
}

/** A wrong command line: exit code 2. */
export class UsageError extends Error {}

export const COMMON_OPTIONS = {
  config: { type: 'string', value: 'FILE', summary: 'configuration (default: agent_config.yaml here, or in /etc/vouchsafe)' },
  json: { type: 'boolean', summary: 'print one JSON document' },
  help: { type: 'boolean', summary: 'explain the command' },
} as const satisfies Options

/** The command and its options. Throws UsageError. */
export function readCommandLine(commands: readonly Command[], argv: readonly string[]): { command: Command | undefined; values: Given } {
  const [name = '', ...args] = argv
  if (['', 'help', '--help', '-h'].includes(name)) return { command: undefined, values: {} }
  const found = commands.find((each) => each.name === (name === '--version' ? 'version' : name))
  if (found === undefined) throw new UsageError(`unknown command '${name}'; there are ${commands.map((each) => each.name).join(', ')}`)
  const options = Object.entries({ ...found.options, ...COMMON_OPTIONS }).map(([option, { type }]) => [option, { type }] as const)
  try {
    return { command: found, values: parseArgs({ args, options: Object.fromEntries(options), strict: true }).values as Given }
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]!.replaceAll('\n', ' ')} (vouchsafe-agent ${name} --help)`)
  }
}

/** The help of one command. */
export function commandHelp({ name, summary, options }: Command): string {
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS } as Options).map(
    ([option, { value, summary }]) => [`  --${option}${value === undefined ? '' : ` ${value}`}`, summary] as const,
  )
  return `Usage: vouchsafe-agent ${name} [options]\n\n${summary}.\n\nOptions:\n${columns(rows)}`
}

/** The help of all. */
export function listHelp(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => [`  ${name}`, summary] as const)
  return `Usage: vouchsafe-agent COMMAND [options]\n\nCommands:\n${columns(rows)}\n'vouchsafe-agent COMMAND --help' explains a command.\n`
}

/** Rows of two columns. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length)) + 2
  return rows.map(([first, second]) => `${first.padEnd(width)}${second}`.trimEnd() + '\n').join('')
}

/** The value of an option that is a list with commas. */
export function commaList(text: string | undefined): string[] | undefined {
  return text === undefined
    ? undefined
    : text
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '')
}

/** The value of an option that is JSON. Throws UsageError. */
export function jsonValue(name: string, text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--${name} is not JSON`, { cause: error })
  }
}

/** The value of an option that is a whole number. Throws UsageError. */
export function wholeNumberValue(name: string, text: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (!(number >= least && number <= most))
    throw new UsageError(new FieldError(`--${name}`, `must be a whole number from ${least} to ${most}`).message)
  return number
}
