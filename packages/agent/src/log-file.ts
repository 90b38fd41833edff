import { open } from 'node:fs/promises'
import { AgentError } from './errors.ts'
import type { ReadLog } from './attesters/attester.ts'

const CHUNK = 256 * 1024

/**
 * Reads a measurement log once, from its start until there is no more or the limit is reached. The kernel's files tell a size of zero, come in pieces, and grow
 * while they are read. Throws AgentError.
 */
export async function readLog(path: string, limit: number): Promise<ReadLog> {
  try {
    await using file = await open(path, 'r')
    const chunks: Uint8Array[] = []
    // The kernel returns 4 KiB at a time; none of them may keep a much longer buffer alive.
    const buffer = Buffer.allocUnsafe(CHUNK)
    let size = 0
    while (size <= limit) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null)
      if (bytesRead === 0) return { bytes: Buffer.concat(chunks), whole: true }
      chunks.push(new Uint8Array(buffer.subarray(0, bytesRead)))
      size += bytesRead
    }
    return { bytes: Buffer.concat(chunks).subarray(0, limit), whole: false }
  } catch (error) {
    throw new AgentError('collection', `log ${path}: ${reason(error as NodeJS.ErrnoException)}`, { cause: error })
  }
}

function reason({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to read it'
  return message
}
