/**
 * The index over all reference values of one user and attester type, in shared memory: built once in a worker, read by all of them without a
 * copy. For each group of digests: the sorted records, and a table of where each prefix begins, so that a lookup touches a few records.
 *
 * Layout, in 32-bit words of the machine's order: the count of groups, six words for each (length of digests, whether names count, records,
 * bits of the prefix, where table and records begin, in bytes), then tables and records.
 */
import {
  compareAt,
  prefixAt,
  prefixBits,
  readDigestSet,
  recordBytes,
  sortedRecords,
  writeNameDigest,
  type DigestGroup,
} from './digest-set.ts'

const GROUP_WORDS = 6

interface IndexedGroup {
  digestBytes: number
  named: boolean
  bits: number
  table: Uint32Array
  records: Uint8Array
}

/** Makes the index of stored digest sets. */
export function buildReferences(sets: readonly Uint8Array[]): SharedArrayBuffer {
  const groups = Map.groupBy(sets.flatMap(readDigestSet), ({ digestBytes, named }) => `${digestBytes} ${named}`)
  const merged = [...groups.values()].map(mergeGroups)
  const places: { table: number; records: number }[] = []
  let length = 4 * (1 + GROUP_WORDS * merged.length)
  for (const group of merged) {
    const table = length
    const records = table + 4 * (2 ** prefixBits(countOf(group)) + 1)
    places.push({ table, records })
    length = records + Math.ceil(group.records.length / 4) * 4
  }
  const buffer = new SharedArrayBuffer(length)
  const words = new Uint32Array(buffer)
  words[0] = merged.length
  merged.forEach((group, i) => {
    const { table, records } = places[i]!
    const count = countOf(group)
    const bits = prefixBits(count)
    words.set([group.digestBytes, Number(group.named), count, bits, table, records], 1 + i * GROUP_WORDS)
    new Uint8Array(buffer, records, group.records.length).set(group.records)
    fillTable(new Uint32Array(buffer, table, 2 ** bits + 1), group.records, recordBytes(group), bits)
  })
  return buffer
}

function countOf(group: DigestGroup): number {
  return group.records.length / recordBytes(group)
}

function mergeGroups(groups: readonly DigestGroup[]): DigestGroup {
  const [first] = groups
  if (groups.length === 1) return first!
  return { ...first!, records: sortedRecords(Buffer.concat(groups.map(({ records }) => records)), recordBytes(first!)) }
}

/** `table[p]` is the first record whose prefix is `p` or more. */
function fillTable(table: Uint32Array, records: Uint8Array, size: number, bits: number): void {
  for (let start = 0; start < records.length; start += size) table[prefixAt(records, start, bits) + 1]!++
  for (let p = 1; p < table.length; p++) table[p]! += table[p - 1]!
}

/** Whether a digest is in the index, under the name where names count. */
export type Lookup = (digestHex: string, fileName: string) => boolean

/** The lookup over an index. */
export function openReferences(buffer: SharedArrayBuffer): Lookup {
  const words = new Uint32Array(buffer)
  const groups: IndexedGroup[] = []
  for (let at = 1; at < 1 + words[0]! * GROUP_WORDS; at += GROUP_WORDS) {
    const [digestBytes, named, count, bits, table, records] = words.subarray(at, at + GROUP_WORDS) as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const size = recordBytes({ digestBytes, named: named === 1 })
    groups.push({
      digestBytes,
      named: named === 1,
      bits,
      table: new Uint32Array(buffer, table, 2 ** bits + 1),
      records: new Uint8Array(buffer, records, count * size),
    })
  }
  const wanted = Buffer.alloc(256)
  return (digestHex, fileName) => {
    if (digestHex.length > 128 || wanted.write(digestHex, 'hex') * 2 !== digestHex.length) return false
    return groups.some((group) => group.digestBytes * 2 === digestHex.length && holds(group, wanted, fileName))
  }
}

function holds(group: IndexedGroup, wanted: Buffer, fileName: string): boolean {
  const { digestBytes, named } = group
  const first = firstAtLeast(group, wanted, digestBytes)
  if (first === undefined || !named) return first !== undefined
  writeNameDigest(wanted, digestBytes, fileName)
  return firstAtLeast(group, wanted, recordBytes(group)) !== undefined
}

/** The first record that begins with the wanted bytes. */
function firstAtLeast({ digestBytes, named, bits, table, records }: IndexedGroup, wanted: Uint8Array, length: number): number | undefined {
  const size = recordBytes({ digestBytes, named })
  const prefix = prefixAt(wanted, 0, bits)
  const end = table[prefix + 1]!
  let low = table[prefix]!
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareAt(records, middle * size, wanted, 0, length) < 0) low = middle + 1
    else high = middle
  }
  return low < end && compareAt(records, low * size, wanted, 0, length) === 0 ? low : undefined
}
