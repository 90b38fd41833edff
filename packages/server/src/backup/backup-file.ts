/**
 * The backup's format: one line of JSON in clear (how the key is derived), then a sealed stream of lines of JSON: what the backup is, the
 * domain keys, every row of every table, and the end. Version 1.
 */
import type { Runtime } from '../foundation/index.ts'
import { newPassphraseParameters, passphraseKey, readPassphraseParameters } from '../root-key/index.ts'
import type { RawRow } from '../storage/index.ts'
import { SealedStreamError, openStream, sealStream } from './sealed-stream.ts'

const FORMAT = 'vouchsafe-backup'
const FORMAT_VERSION = 1
const MAX_HEADER_BYTES = 4096
/** Longer than any row can be: the largest is a baseline of 100 MiB, with its digests. */
const MAX_LINE_BYTES = 256 * 1024 * 1024
const LINE_FEED = 0x0a

/** A domain key as a backup carries it. */
export interface BackupDomainKey {
  version: number
  createdAt: number
  active: boolean
  /** base64. */
  key: string
}

/** The first line of the content. */
export interface BackupContents {
  schemaVersion: number
  createdAt: number
  /** Rows of each table. */
  tables: Record<string, number>
  domainKeys: BackupDomainKey[]
}

export type BackupLine = { contents: BackupContents } | { table: string; row: RawRow } | { end: true }

/** The file is not a readable backup, for the reason in the message; nothing was changed. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

/** Prepares a file under a passphrase; returns the function that turns its lines into its bytes. */
export async function newBackupFile(
  passphrase: string,
  runtime: Runtime,
): Promise<(lines: AsyncIterable<BackupLine>) => AsyncIterable<Buffer>> {
  const parameters = newPassphraseParameters(runtime)
  const header = Buffer.from(`${JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, ...parameters })}\n`)
  const key = await passphraseKey(passphrase, parameters)
  return async function* (lines) {
    yield header
    yield* sealStream(key, header, encoded(lines))
  }
}

async function* encoded(lines: AsyncIterable<BackupLine>): AsyncGenerator<Buffer> {
  for await (const line of lines) {
    const plain = 'row' in line ? { ...line, row: bytesAsBase64(line.row) } : line
    yield Buffer.from(`${JSON.stringify(plain)}\n`)
  }
}

/**
 * The lines of a backup, in order, each authentic; the last is its end.
 * @throws {BackupError}
 */
export async function* readBackupFile(file: AsyncIterable<Uint8Array>, passphrase: string): AsyncGenerator<BackupLine> {
  const { header, rest } = await splitHeader(file)
  const parameters = readHeader(header)
  const key = await passphraseKey(passphrase, parameters)
  let ended = false
  try {
    for await (const line of decoded(openStream(key, header, rest))) {
      if (ended) throw new BackupError('the backup goes on after its end')
      ended = 'end' in line
      yield line
    }
  } catch (error) {
    if (!(error instanceof SealedStreamError)) throw error
    throw new BackupError(
      error.piece === 0
        ? 'the passphrase is wrong, or the backup was altered or cut short'
        : 'the backup was altered or cut short: a later part of it is not as it was made',
    )
  }
  if (!ended) throw new BackupError('the backup has no end')
}

/** The first line, and a stream of what follows it. */
async function splitHeader(file: AsyncIterable<Uint8Array>): Promise<{ header: Buffer; rest: AsyncIterable<Uint8Array> }> {
  const chunks = file[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  for (;;) {
    const end = head.indexOf(LINE_FEED)
    if (end >= 0 && end < MAX_HEADER_BYTES) {
      const follow = async function* (): AsyncGenerator<Uint8Array> {
        yield head.subarray(end + 1)
        for (;;) {
          const { value, done } = await chunks.next()
          if (done) return
          yield value
        }
      }
      return { header: head.subarray(0, end + 1), rest: follow() }
    }
    const { value, done } = head.length >= MAX_HEADER_BYTES ? { value: undefined, done: true } : await chunks.next()
    if (done || value === undefined) throw new BackupError('this is not a Vouchsafe backup')
    head = Buffer.concat([head, value])
  }
}

function readHeader(header: Buffer) {
  let content: Record<string, unknown> | null
  try {
    content = JSON.parse(header.toString())
  } catch {
    throw new BackupError('this is not a Vouchsafe backup')
  }
  if (content?.format !== FORMAT) throw new BackupError('this is not a Vouchsafe backup')
  if (content.version !== FORMAT_VERSION)
    throw new BackupError(`the backup has format ${String(content.version)}, this release reads ${FORMAT_VERSION}`)
  const parameters = readPassphraseParameters(content)
  if (!parameters) throw new BackupError('the backup is damaged: its first line')
  return parameters
}

async function* decoded(bytes: AsyncIterable<Buffer>): AsyncGenerator<BackupLine> {
  let waiting: Buffer[] = []
  let length = 0
  for await (const chunk of bytes) {
    let start = 0
    for (let end; (end = chunk.indexOf(LINE_FEED, start)) >= 0; start = end + 1) {
      const line = Buffer.concat([...waiting, chunk.subarray(start, end)]).toString()
      waiting = []
      length = 0
      yield JSON.parse(line, base64AsBytes) as BackupLine
    }
    if (start === chunk.length) continue
    waiting.push(chunk.subarray(start))
    length += chunk.length - start
    if (length > MAX_LINE_BYTES) throw new BackupError('the backup holds a line that is too long')
  }
  if (length > 0) throw new BackupError('the backup ends within a line')
}

/** Before JSON.stringify sees them: it would first turn a Buffer into an array of numbers. */
function bytesAsBase64(row: RawRow): Record<string, unknown> {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? { base64: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64') } : value,
  ])
  return Object.fromEntries(entries) as Record<string, unknown>
}

function base64AsBytes(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('base64' in value) || typeof value.base64 !== 'string') return value
  return new Uint8Array(Buffer.from(value.base64, 'base64'))
}
