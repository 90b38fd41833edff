/** Addresses and networks. Names are not looked up, except localhost. */
import { isIP } from 'node:net'
import { allocateEntries, allocateItems, spend } from '../run/budget.ts'
import type { RegoSet, RegoObject } from '../values/collections.ts'
import { makeSet, sortedEntries, sortedMembers } from '../values/operations.ts'
import { isArray, isObject, isSet } from '../values/value.ts'
import type { PlainObject, Value } from '../values/value.ts'
import { builtin, failure } from './types.ts'
import type { BuiltinSpec } from './types.ts'

/** Addresses beyond this many exceed any budget. */
const MAX_EXPANDED = 1 << 30

/** Longest text of an address with a prefix length. */
const MAX_ADDRESS = 64
const ADDRESS_STEPS = 16

interface Network {
  /** 32 or 128. */
  bits: number
  first: bigint
  last: bigint
  prefix: number
}

type Networks = string | readonly Value[] | RegoSet | RegoObject | PlainObject

export const netBuiltins: readonly BuiltinSpec[] = [
  builtin('net.cidr_contains', ['string', 'string'], 'boolean', (network: string, other: string) =>
    contains(parseCidr(network), parseEither(other)),
  ),
  builtin('net.cidr_contains_matches', ['string|array|set|object', 'string|array|set|object'], 'set', containsMatches),
  builtin('net.cidr_expand', ['string'], 'set', expand),
  builtin('net.cidr_intersects', ['string', 'string'], 'boolean', intersects),
  builtin('net.cidr_overlap', ['string', 'string'], 'boolean', (network: string, other: string) =>
    contains(parseCidr(network), parseEither(other)),
  ),
  builtin('net.cidr_is_valid', ['any'], 'boolean', (text: Value) => typeof text === 'string' && tryCidr(text) !== undefined),
  builtin('net.cidr_merge', ['array|set'], 'set', merge),
  builtin('net.lookup_ip_addr', ['string'], 'set', (name: string) => {
    if (isIP(name) !== 0) return makeSet([name])
    if (name === 'localhost') return makeSet(['127.0.0.1', '::1'])
    throw failure(`lookup ${name.slice(0, 255)}: names are not looked up`)
  }),
]

/** An address as a number, with its length in bits. */
function parseAddress(text: string): { bits: number; value: bigint } | undefined {
  if (text.length > MAX_ADDRESS) return undefined
  spend(ADDRESS_STEPS)
  const version = isIP(text)
  if (version === 4) return { bits: 32, value: text.split('.').reduce((all, part) => all * 256n + BigInt(part), 0n) }
  if (version !== 6 || text.includes('%')) return undefined
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const mapped = tail ? parseAddress(tail[2]!)!.value : 0n
  const plain = tail ? `${tail[1]}${(mapped >> 16n).toString(16)}:${(mapped & 0xffffn).toString(16)}` : text
  const [head = '', rest] = plain.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [left, right] = [groups(head), groups(rest ?? '')]
  const zeros = rest === undefined ? 0 : 8 - left.length - right.length
  const all = [...left, ...Array.from({ length: zeros }, () => '0'), ...right]
  return { bits: 128, value: all.reduce((value, group) => value * 65536n + BigInt(`0x${group}`), 0n) }
}

function addressText(value: bigint, bits: number): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  const runs = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length)
  const [run] = runs
  if (!run) return groups.join(':')
  const text = groups.join(':')
  return `${text.slice(0, run.index)}::${text.slice(run.index + run[0].length).replace(/^:/, '')}`
}

function makeNetwork(value: bigint, bits: number, prefix: number): Network {
  const size = 1n << BigInt(bits - prefix)
  const first = value - (value % size)
  return { bits, first, last: first + size - 1n, prefix }
}

function tryCidr(text: string): Network | undefined {
  if (text.length > MAX_ADDRESS) return undefined
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const parsed = parseAddress(address)
  return parsed && Number(prefix) <= parsed.bits ? makeNetwork(parsed.value, parsed.bits, Number(prefix)) : undefined
}

function parseCidr(text: string): Network {
  const network = tryCidr(text)
  if (!network) throw failure(`invalid CIDR address: ${text.slice(0, 100)}`)
  return network
}

function parseEither(text: string): Network {
  const address = parseAddress(text)
  return address ? makeNetwork(address.value, address.bits, address.bits) : parseCidr(text)
}

function contains(outer: Network, inner: Network): boolean {
  return outer.bits === inner.bits && outer.first <= inner.first && outer.last >= inner.last
}

function intersects(a: string, b: string): boolean {
  const [x, y] = [parseCidr(a), parseCidr(b)]
  return x.bits === y.bits && x.first <= y.last && y.first <= x.last
}

/** Networks with what stands for each in the result. */
function named(networks: Networks, operand: number): [Value, Network][] {
  const one = (item: Value): Network => {
    const text = isArray(item) ? item[0] : item
    if (typeof text !== 'string') throw failure(`operand ${operand}: element must be string or non-empty array`)
    return parseEither(text)
  }
  if (typeof networks === 'string') return [[networks, one(networks)]]
  if (isArray(networks)) return networks.map((item, i) => [i, one(item)])
  if (isSet(networks)) return sortedMembers(networks).map((item) => [item, one(item)])
  return isObject(networks) ? sortedEntries(networks).map(([key, item]) => [key, one(item)]) : []
}

function containsMatches(outer: Networks, inner: Networks): Value {
  const [left, right] = [named(outer, 1), named(inner, 2)]
  spend(left.length * right.length)
  const found = left.flatMap(([name, network]) => right.filter(([, other]) => contains(network, other)).map(([other]) => [name, other]))
  allocateItems(3 * found.length)
  return makeSet(found)
}

function expand(text: string): Value {
  const { first, last, bits } = parseCidr(text)
  const count = last - first + 1n
  spend(count > BigInt(MAX_EXPANDED) ? MAX_EXPANDED : Number(count) * 8)
  allocateEntries(count > 1n << 40n ? Number.MAX_SAFE_INTEGER / 1024 : Number(count))
  return makeSet(Array.from({ length: Number(count) }, (_, i) => addressText(first + BigInt(i), bits)))
}

/** The network that an address without a prefix length was in before there were such: of class A, B or C. */
function classNetwork(text: string): Network {
  const { value, bits } = parseAddress(text)!
  const first = Number(value >> 24n)
  if (first >= 224) throw failure(`${text} has no default mask`)
  return makeNetwork(value, bits, first < 128 ? 8 : first < 192 ? 16 : 24)
}

/** The fewest networks that cover the same addresses. */
function merge(list: readonly Value[] | RegoSet): Value {
  const networks = (isSet(list) ? sortedMembers(list) : list).map((item) => {
    if (typeof item !== 'string') throw failure('element must be string')
    if (isIP(item) === 6) throw failure('IPv6 invalid: needs prefix length')
    return isIP(item) === 4 ? classNetwork(item) : parseCidr(item)
  })
  const sorted = networks.sort((a, b) => a.bits - b.bits || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const ranges: Network[] = []
  for (const network of sorted) {
    const before = ranges.at(-1)
    if (before && before.bits === network.bits && network.first <= before.last + 1n)
      before.last = network.last > before.last ? network.last : before.last
    else ranges.push({ ...network })
  }
  return makeSet(ranges.flatMap(cover))
}

/** Networks that make up a range. */
function cover({ bits, first, last }: Network): string[] {
  const parts: string[] = []
  for (let at = first; at <= last;) {
    let size = 0
    while (size < bits && at % (1n << BigInt(size + 1)) === 0n && at + (1n << BigInt(size + 1)) - 1n <= last) size++
    parts.push(`${addressText(at, bits)}/${bits - size}`)
    at += 1n << BigInt(size)
  }
  allocateItems(parts.length)
  return parts
}
