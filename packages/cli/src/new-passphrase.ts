import { readFile } from 'node:fs/promises'
import { CommandError } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { promptHidden } from './hidden-prompt.ts'

/** Where a passphrase may come from; never an argument, which process lists and shell histories show. */
export interface PassphraseSource {
  /** The option that names a file, as it was given. */
  file: string | undefined
  /** The name of that option, and of the environment variable. */
  option: string
  variable: string
  /** What it is for, for the prompt. */
  what: string
}

/** A passphrase from a file (its first line), the environment or the terminal; a new one is asked for twice. Throws CommandError. */
export async function readPassphrase(host: Host, { file, option, variable, what }: PassphraseSource, isNew: boolean): Promise<string> {
  if (file !== undefined) return (await readFile(file, 'utf8')).split(/\r?\n/)[0]!
  const given = host.env[variable]
  if (given) return given
  if (!host.stdin.isTTY) throw new CommandError(`no passphrase for ${what}: give --${option} FILE or set ${variable}`)
  const typed = await promptHidden(host, `Passphrase for ${what}: `)
  if (isNew && (await promptHidden(host, 'Once more: ')) !== typed) throw new CommandError('the two differ; nothing was done')
  return typed
}
