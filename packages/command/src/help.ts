import { COMMON_OPTIONS } from './command.ts'
import type { Command, Options } from './command.ts'
import { columns } from './text.ts'

/** How a program's command is called: `vouchsafe keys show ID [options]`. */
export function synopsis(program: string, { name, args, afterDashes }: Command): string {
  return [program, name, ...(afterDashes ? ['[options]', '--', ...args] : [...args, '[options]'])].join(' ')
}

/** The help of one command. */
export function commandHelp(program: string, command: Command): string {
  if (command.verbatim) return `Usage: ${synopsis(program, command)}\n\n${command.summary}.\n`
  const options: Options = { ...command.options, ...COMMON_OPTIONS }
  const rows = Object.entries(options).map(([name, { value, short, list, summary }]) => {
    const values = value === undefined ? '' : ` ${value}${list ? '…' : ''}`
    return [`  ${short === undefined ? '' : `-${short}, `}--${name}${values}`, summary]
  })
  return `Usage: ${synopsis(program, command)}\n\n${command.summary}.\n\nOptions:\n${columns(rows)}`
}

/** A list of commands: all, or those of a group. */
export function listHelp(program: string, commands: readonly Command[], footer: string): string {
  const rows = commands.map((command) => [`  ${[command.name, ...command.args].join(' ')}`, command.summary])
  return `Usage: ${program} COMMAND [options]\n\nCommands:\n${columns(rows)}\n${footer}`
}
