// What the commands for the trail share: the log's keys and files.
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseVerifierKey, type VerifierKey } from '@vouchsafe/audit-log'
import { CommandError, UsageError } from '@vouchsafe/command'

export function sha256(data: Uint8Array): Uint8Array {
  return hash('sha256', data, 'buffer')
}

/** Reads the verifier key that an option gives. Throws UsageError. */
export function readKey(text: string): VerifierKey {
  try {
    return parseVerifierKey(sha256, text.trim())
  } catch (error) {
    throw new UsageError(`--key: ${(error as Error).message}`)
  }
}

/** In an exported log: the first entry that it has, if that is not 0, in decimal. */
export const MINIMUM_FILE = 'minimum'

/** The first entry that an exported log has; 0 if it says nothing of it. Throws CommandError. */
export async function beginningOf(folder: string): Promise<number> {
  const text = (await optionalFile(join(folder, MINIMUM_FILE)))?.toString().trim()
  if (text !== undefined && !/^\d{1,15}$/.test(text)) throw new CommandError(`${join(folder, MINIMUM_FILE)} is no number of an entry`)
  return Number(text ?? 0)
}

/** A file's bytes; undefined if there is no such file. */
export async function optionalFile(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}
