import type { Hashes } from '../hash.ts'
import { parseAsciiLog } from './ascii-log.ts'
import { parseBinaryLog } from './binary-log.ts'
import type { ImaEntry } from './entry.ts'
import type { ImaLimits } from './limits.ts'
import { IMA_LIMITS } from './limits.ts'

export interface ImaLog {
  format: 'ascii' | 'binary'
  entries: ImaEntry[]
  /** Bytes of the whole entries; what follows is an entry that is not complete yet, or the log was cut. */
  end: number
  /** Bytes after `end`. */
  incomplete: number
}

export interface ImaParseOptions {
  limits?: Partial<ImaLimits>
  hashes?: Hashes
  /** The number of the first entry, where the bytes continue a log. */
  first?: number
}

/**
 * Reads a log of runtime measurements, ASCII or binary (distinguished by the first byte), of any template of the kernel or any list of its fields. The entries
 * are views: keep the bytes unchanged. Nothing in the result is authenticated; see `replayImaLog` and `verifyImaLog`.
 *
 * A last entry that is cut off is left out and counted in `incomplete`. Throws TpmError, with entry number and offset, for what is no log and beyond a limit.
 *
 * @example
 * parseImaLog(imaLog).entries.map(({ path }) => path) // → ['boot_aggregate', '/usr/bin/cat']
 */
export function parseImaLog(bytes: Uint8Array, { limits = {}, hashes = {}, first = 0 }: ImaParseOptions = {}): ImaLog {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) // a Buffer's slice would not copy
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const format = view.length === 0 || view[0]! >= 0x20 ? 'ascii' : 'binary'
  const parse = format === 'ascii' ? parseAsciiLog : parseBinaryLog
  const { entries, end } = parse({ bytes: view, text, format, hashes }, first, { ...IMA_LIMITS, ...limits })
  return { format, entries, end, incomplete: view.length - end }
}
