import { CommandError } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { readInput } from './files.ts'
import { promptHidden } from './hidden-prompt.ts'

/** UTF-16 units of a secret's value. */
const MAX_CHARACTERS = 4096
const LIMIT = `the value of a secret has at most ${MAX_CHARACTERS} characters`

/** Options of the commands that take a secret's value, which is never an argument: those show in process lists and shell histories. */
export const VALUE_OPTIONS = {
  in: { type: 'string', value: 'FILE', summary: 'the value (default: standard input; on a terminal, a prompt without echo)' },
  trim: { type: 'boolean', summary: 'drop the line break at the end of the input' },
} as const

/** A secret's value from a file, standard input or the terminal. Throws CommandError when it can't be one. */
export async function readSecretValue(host: Host, values: { in?: string; trim?: boolean }): Promise<string> {
  const { in: path = '-', trim } = values
  const text = path === '-' && host.stdin.isTTY ? await promptHidden(host, 'Value: ') : fromUtf8(await readInput(host, path, LIMIT))
  const value = trim ? text.replace(/\r?\n$/, '') : text
  if (value === '') throw new CommandError('the value is empty')
  if (value.length > MAX_CHARACTERS) throw new CommandError(`the value has ${value.length} characters: ${LIMIT}`)
  return value
}

function fromUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CommandError('the value is not UTF-8 text; encode binary values, for instance in base64')
  }
}
