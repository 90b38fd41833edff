// What a command is. A program is a table of them (program.ts); parsing, help and tests are derived from it.
import type { Writable } from 'node:stream'

/** What every program has of the process that it runs in; a program's commands may see more. */
export interface Streams {
  stdout: Writable
  stderr: Writable
}

export interface Option {
  type: 'string' | 'boolean'
  /** What stands for the value in the help, for strings. */
  value?: string
  /** May be given several times; the value is a list. */
  multiple?: true
  /** With `multiple`, for commands without arguments: several values may follow, up to the next option. */
  list?: true
  /** For booleans of commands without arguments: `true` or `false` may follow. */
  worded?: true
  /** A letter: `-n`. */
  short?: string
  summary: string
}
export type Options = Readonly<Record<string, Option>>

/** Parsed options; `--no-x` sets a boolean x to false. */
export type Values<O extends Options> = {
  [K in keyof O]?: O[K]['type'] extends 'boolean' ? boolean : O[K] extends { multiple: true } ? string[] : string
}

/** What a command returns: a JSON document for `--json`, else text for people or bytes; the exit code is 0 unless told. */
export interface Outcome {
  /** undefined when another program has written to standard output, which a document would spoil. */
  json: unknown
  text: string | Uint8Array
  exitCode?: number
}

export interface Command<Host = never, O extends Options = Options> {
  /** One to three words. */
  name: string
  /** Names of the positional arguments; one in brackets may be left out. */
  args: readonly string[]
  summary: string
  options: O
  /** Everything after the name is an argument: the command parses for itself. */
  verbatim?: true
  /** The arguments are another program's command line, so they come after `--`: their options are not ours. */
  afterDashes?: true
  run(host: Host, args: readonly string[], values: Values<O>): Promise<Outcome>
}

/**
 * Returns what a program makes its commands with: it checks a command's options against their use in `run`, then forgets their types so that
 * commands fit in one table.
 */
export function commandFor<Host>() {
  return <const O extends Options>(definition: Command<Host, O>) => definition as unknown as Command<Host>
}

/** A wrong command line: exit code 2. */
export class UsageError extends Error {}

/** Anything else that a person can put right: exit code 1 unless told. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Options of every command. */
export const COMMON_OPTIONS = {
  json: { type: 'boolean', summary: 'print one JSON document' },
  help: { type: 'boolean', short: 'h', summary: 'explain the command' },
} as const satisfies Options
