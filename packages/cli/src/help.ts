import { COMMON_OPTIONS } from './command.ts'
import type { Command, Options } from './command.ts'
import { columns } from './text.ts'

/** How a command is called: `vouchsafe keys show ID [options]`. */
export function synopsis({ name, args, afterDashes }: Command): string {
  return ['vouchsafe', name, ...(afterDashes ? ['[options]', '--', ...args] : [...args, '[options]'])].join(' ')
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  if (command.verbatim) return `Usage: ${synopsis(command)}\n\n${command.summary}.\n`
  const options: Options = { ...command.options, ...COMMON_OPTIONS }
  const rows = Object.entries(options).map(([name, { value, short, list, summary }]) => {
    const values = value === undefined ? '' : ` ${value}${list ? '…' : ''}`
    return [`  ${short === undefined ? '' : `-${short}, `}--${name}${values}`, summary]
  })
  return `Usage: ${synopsis(command)}\n\n${command.summary}.\n\nOptions:\n${columns(rows)}`
}

/** A list of commands: all, or those of a group. */
export function listHelp(commands: readonly Command[]): string {
  const rows = commands.map((command) => [`  ${[command.name, ...command.args].join(' ')}`, command.summary])
  return [
    'Usage: vouchsafe COMMAND [options]\n\nCommands:\n',
    columns(rows),
    "\n'vouchsafe COMMAND --help' explains a command and lists its options.\n",
    'Credentials come from a profile that `vouchsafe enroll` writes, or from VOUCHSAFE_URL, VOUCHSAFE_APPID and VOUCHSAFE_APIKEY.\n',
  ].join('')
}
