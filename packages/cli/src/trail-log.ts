// What the commands for the trail share: the log's keys and files.
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseVerifierKey, type VerifierKey } from '@vouchsafe/audit-log'
import { UsageError } from '@vouchsafe/command'

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

/** A file's bytes; undefined if there is no such file. */
export async function optionalFile(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}
