/**
 * A baseline's reference values as they are stored: digests in groups of one length each, sorted, each once. A group is a byte for the
 * length of its digests, a byte that tells whether names are significant, the count of its records in four bytes (little-endian), and the
 * records: the digest and, if names are significant, the digest of the name.
 */
import { hash } from 'node:crypto'

/** Digests that are shorter or longer than any hash's (MD5, SHA-512) match nothing and are left out. */
const MIN_DIGEST_BYTES = 16
const MAX_DIGEST_BYTES = 64
const GROUP_HEADER_BYTES = 6
/** Of the SHA-256 of a file's name: as hard to match as an AES-128 key is to guess. */
export const NAME_BYTES = 16
const MAX_PREFIX_BITS = 22

export interface DigestGroup {
  digestBytes: number
  named: boolean
  records: Uint8Array
}

/** Bytes of one record of a group. */
export function recordBytes({ digestBytes, named }: Pick<DigestGroup, 'digestBytes' | 'named'>): number {
  return digestBytes + (named ? NAME_BYTES : 0)
}

/** Writes the representation of a file name in a record. A digest as one-byte characters is several times faster than as a buffer. */
export function writeNameDigest(target: Buffer, offset: number, fileName: string): void {
  target.write(hash('sha256', fileName, 'latin1'), offset, NAME_BYTES, 'latin1')
}

/** Prefix bits that select a bucket: about four records share a prefix. */
export function prefixBits(count: number): number {
  return Math.max(0, Math.min(MAX_PREFIX_BITS, Math.ceil(Math.log2(Math.max(1, count))) - 2))
}

/** The first bits of the record at `start`. */
export function prefixAt(records: Uint8Array, start: number, bits: number): number {
  if (bits === 0) return 0
  const first = (records[start]! << 24) | (records[start + 1]! << 16) | (records[start + 2]! << 8) | records[start + 3]!
  return first >>> (32 - bits)
}

/** Collects reference values. */
export class DigestSetWriter {
  readonly #groups = new Map<string, { digestBytes: number; named: boolean; bytes: Buffer; length: number }>()
  /** Values given, those that match nothing and repeated ones included. */
  count = 0

  /** Adds a digest in hex; `fileName` if the name must match too. Text that is not a digest in hex cannot match and is not kept. */
  add(digest: string, fileName?: string): void {
    this.count++
    const digestBytes = digest.length / 2
    if (digestBytes < MIN_DIGEST_BYTES || digestBytes > MAX_DIGEST_BYTES || !/^(?:[0-9a-fA-F]{2})+$/.test(digest)) return
    const named = fileName !== undefined
    const group = this.#group(digestBytes, named)
    const size = recordBytes(group)
    if (group.length + size > group.bytes.length) group.bytes = Buffer.concat([group.bytes, Buffer.alloc(group.bytes.length)])
    group.bytes.write(digest, group.length, 'hex')
    if (named) writeNameDigest(group.bytes, group.length + digestBytes, fileName)
    group.length += size
  }

  /** The set, in a buffer of its own. */
  finish(): Uint8Array {
    const groups = [...this.#groups.values()].map(({ bytes, length, ...group }) => ({
      ...group,
      records: sortedRecords(bytes.subarray(0, length), recordBytes(group)),
    }))
    groups.sort((a, b) => a.digestBytes - b.digestBytes || Number(a.named) - Number(b.named))
    const set = new Uint8Array(groups.reduce((sum, { records }) => sum + GROUP_HEADER_BYTES + records.length, 0))
    const view = new DataView(set.buffer)
    let offset = 0
    for (const group of groups) {
      view.setUint8(offset, group.digestBytes)
      view.setUint8(offset + 1, Number(group.named))
      view.setUint32(offset + 2, group.records.length / recordBytes(group), true)
      set.set(group.records, offset + GROUP_HEADER_BYTES)
      offset += GROUP_HEADER_BYTES + group.records.length
    }
    return set
  }

  #group(digestBytes: number, named: boolean) {
    const place = `${digestBytes} ${named}`
    let group = this.#groups.get(place)
    if (!group) this.#groups.set(place, (group = { digestBytes, named, bytes: Buffer.alloc(4096), length: 0 }))
    return group
  }
}

/** The groups of a stored set. Throws if it isn't one. */
export function readDigestSet(set: Uint8Array): DigestGroup[] {
  const view = new DataView(set.buffer, set.byteOffset, set.byteLength)
  const groups: DigestGroup[] = []
  for (let offset = 0; offset < set.length;) {
    if (set.length - offset < GROUP_HEADER_BYTES) throw new Error('a digest set ends inside of a header')
    const group = { digestBytes: view.getUint8(offset), named: view.getUint8(offset + 1) === 1 }
    const length = view.getUint32(offset + 2, true) * recordBytes(group)
    offset += GROUP_HEADER_BYTES
    if (length > set.length - offset) throw new Error('a digest set is shorter than it says')
    groups.push({ ...group, records: set.subarray(offset, offset + length) })
    offset += length
  }
  return groups
}

/** Records in ascending order, each once: sorted into the buckets of their prefixes, then each bucket. */
export function sortedRecords(records: Uint8Array, size: number): Uint8Array {
  const count = records.length / size
  const bits = prefixBits(count)
  const ends = new Uint32Array(2 ** bits + 1)
  for (let i = 0; i < count; i++) ends[prefixAt(records, i * size, bits) + 1]!++
  for (let p = 1; p < ends.length; p++) ends[p]! += ends[p - 1]!
  const starts = ends.slice()
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[starts[prefixAt(records, i * size, bits)]!++] = i
  const compare = (a: number, b: number): number => compareAt(records, a * size, records, b * size, size)
  for (let p = 0; p < 2 ** bits; p++) {
    if (ends[p + 1]! - ends[p]! > 1) order.subarray(ends[p], ends[p + 1]).sort(compare)
  }
  const sorted = new Uint8Array(records.length)
  let length = 0
  for (const index of order) {
    const start = index * size
    if (length > 0 && compareAt(records, start, sorted, length - size, size) === 0) continue
    sorted.set(records.subarray(start, start + size), length)
    length += size
  }
  return sorted.subarray(0, length)
}

/** Orders `size` bytes of one array and another. */
export function compareAt(a: Uint8Array, atA: number, b: Uint8Array, atB: number, size: number): number {
  for (let i = 0; i < size; i++) {
    const difference = a[atA + i]! - b[atB + i]!
    if (difference !== 0) return difference
  }
  return 0
}
