import { createReadStream } from 'node:fs'
import { CommandError } from '@vouchsafe/command'
import type { Host } from './command.ts'

/**
 * All bytes of a measurement log, or of standard input for `-`. It is read to its end regardless of the reported size, which is 0 for the
 * kernel's log files.
 * Throws CommandError beyond `limit` bytes.
 */
export async function readLogFile(host: Host, path: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of path === '-' ? host.stdin : createReadStream(path)) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    size += chunks.at(-1)!.length
    if (size > limit) throw new CommandError(`${path} is too long: at most ${limit} bytes are read`)
  }
  return Buffer.concat(chunks)
}
