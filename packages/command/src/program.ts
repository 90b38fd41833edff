// A program: its commands as a table, with the `help` that follows from it.
import { UsageError, commandFor } from './command.ts'
import type { Command, Streams } from './command.ts'
import { commandHelp, listHelp } from './help.ts'
import { findCommand, isInGroup } from './parse.ts'

export interface Program<Host extends Streams> {
  /** How it is called in a shell. */
  name: string
  /** In the order in which the help lists them. */
  commands: readonly Command<Host>[]
  /** Other words for the first word of a command line. */
  aliases?: Readonly<Record<string, string>>
  /** What the list of all commands ends with. */
  footer: string
  /** What a failure is to the caller: one line, and the exit code. */
  failure(error: unknown): { message: string; exitCode: number }
}

/** Adds the command `help` to a program. */
export function program<Host extends Streams>(definition: Program<Host>): Program<Host> {
  const { name, footer } = definition
  const help = commandFor<Host>()({
    name: 'help',
    args: ['[COMMAND…]'],
    summary: 'List the commands, or explain one',
    options: {},
    async run(_host, words) {
      const wanted = words.length === 0 ? commands : commandsOf(name, commands, words)
      const json = { commands: wanted.map(({ name, args, summary, options }) => ({ name, args, summary, options })) }
      return { json, text: wanted.length === 1 ? commandHelp(name, wanted[0]!) : listHelp(name, wanted, footer) }
    },
  })
  const commands: readonly Command<Host>[] = [...definition.commands, help]
  return { ...definition, commands }
}

/** One command, or those of a group such as `keys`. Throws UsageError. */
function commandsOf<Host>(program: string, commands: readonly Command<Host>[], words: readonly string[]): readonly Command<Host>[] {
  const group = commands.filter((each) => isInGroup(each, words))
  if (group.length > 0) return group
  const { command, rest } = findCommand(program, commands, words)
  if (rest.length > 0) throw new UsageError(`unexpected argument '${rest[0]}'`)
  return [command]
}
