/** Entry bundles of C2SP tlog-tiles: up to 256 entries, each after its length as a big-endian uint16. */
import { concatBytes, requireCount } from './bytes.ts'
import { LogFormatError } from './errors.ts'
import { MAX_LEAF_BYTES } from './leaf-format.ts'
import { TILE_WIDTH, tilePath, type TileFile } from './tile.ts'

/** The most that 256 entries can have. */
export const MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_LEAF_BYTES)

/**
 * The bytes of some entries in their order.
 * @throws {RangeError} for an entry longer than 65,535 bytes
 *
 * @example
 * encodeBundle([new Uint8Array([7])]).toHex() // → '000107'
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((length, entry) => length + 2 + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    if (entry.length > MAX_LEAF_BYTES) throw new RangeError(`an entry of ${entry.length} bytes`)
    bytes[at] = entry.length >> 8
    bytes[at + 1] = entry.length & 0xff
    bytes.set(entry, at + 2)
    at += 2 + entry.length
  }
  return bytes
}

/**
 * The entries of a bundle: views of its bytes.
 * @throws {LogFormatError} if an entry is cut off, or there are more than 256
 *
 * @example
 * parseBundle(encodeBundle([leafA, leafB])).length // → 2
 */
export function parseBundle(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length > MAX_BUNDLE_BYTES) throw new LogFormatError('bundle', `is longer than ${MAX_BUNDLE_BYTES} bytes`)
  const entries: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    if (entries.length === TILE_WIDTH) throw new LogFormatError('bundle', `has more than ${TILE_WIDTH} entries`)
    const end = at + 2 + ((bytes[at]! << 8) | (bytes[at + 1] ?? 0))
    if (at + 2 > bytes.length || end > bytes.length) throw new LogFormatError('bundle', `entry ${entries.length} is cut off`)
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return entries
}

/**
 * Appends entries to the bundles of a log of `size` entries whose partial bundle is `tail` (empty if its last bundle is full). Returns the bundles to
 * write, and the new partial bundle.
 *
 * @example
 * const { tail, bundles } = appendEntries(0, new Uint8Array(), [leafA, leafB])
 * bundles.map(({ path }) => path) // → ['tile/entries/000.p/2']
 */
export function appendEntries(size: number, tail: Uint8Array, entries: readonly Uint8Array[]): { tail: Uint8Array; bundles: TileFile[] } {
  requireCount(size, 'the size')
  const bundles: TileFile[] = []
  let rest = tail
  for (let done = 0; done < entries.length;) {
    const [index, inTail] = [Math.floor((size + done) / TILE_WIDTH), (size + done) % TILE_WIDTH]
    const added = entries.slice(done, done + TILE_WIDTH - inTail)
    const tile = { level: 'entries' as const, index, width: inTail + added.length }
    const bytes = concatBytes(rest, encodeBundle(added))
    bundles.push({ path: tilePath(tile), tile, bytes })
    rest = tile.width === TILE_WIDTH ? new Uint8Array() : bytes
    done += added.length
  }
  return { tail: rest, bundles }
}
