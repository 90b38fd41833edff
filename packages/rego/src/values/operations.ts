/** Comparing, hashing, ordering and looking into values. */
import { allocateEntries, allocateItems, allocateText, charged, evaluationNotes, spend, spendCharacters } from '../run/budget.ts'
import { RegoObject, RegoSet } from './collections.ts'
import type { HashKey } from './collections.ts'
import { compareNumbers, numberKey, numberText } from './numbers.ts'
import { isArray, isNumber, isObject, isRegoObject, isSet, kindOf } from './value.ts'
import type { Kind, Num, PlainObject, Value } from './value.ts'

/** OPA's order of kinds. */
const RANK: Readonly<Record<Kind, number>> = { null: 0, boolean: 1, number: 2, string: 3, array: 4, object: 5, set: 6 }

export const EMPTY_SET: RegoSet = new RegoSet(new Map())
export const EMPTY_OBJECT: RegoObject = new RegoObject(new Map())

/** Units that are compared one by one for one step, and how many are before they are charged. */
const UNITS_PER_STEP = 32
const UNITS_PER_CHARGE = 1024

/** Order of strings by code point, which is also that of their UTF-8 bytes. */
export function compareStrings(a: string, b: string): number {
  if (a.length === b.length && a === b) {
    spendCharacters(a.length)
    return 0
  }
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    if (i % UNITS_PER_CHARGE === UNITS_PER_CHARGE - 1) spend(UNITS_PER_CHARGE / UNITS_PER_STEP)
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x === y) continue
    // Surrogates stand for code points beyond all other units.
    const [xHigh, yHigh] = [x >= 0xd800 && x <= 0xdfff, y >= 0xd800 && y <= 0xdfff]
    if (xHigh !== yHigh) return xHigh ? 1 : -1
    return x < y ? -1 : 1
  }
  return a.length - b.length
}

/** Negative, zero or positive as OPA orders the two. */
export function compare(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') {
    spend(1)
    return compareStrings(a, b)
  }
  if (a === b) return 0
  spend(1)
  const [kind, other] = [kindOf(a), kindOf(b)]
  if (kind !== other) return RANK[kind] - RANK[other]
  switch (kind) {
    case 'null':
      return 0
    case 'boolean':
      return Number(a) - Number(b)
    case 'number':
      return compareNumbers(a as Num, b as Num)
    case 'string':
      return compareStrings(a as string, b as string)
    case 'array':
      return compareArrays(a as readonly Value[], b as readonly Value[])
    case 'set':
      return compareArrays(sortedMembers(a as RegoSet), sortedMembers(b as RegoSet))
    case 'object':
      return compareObjects(a as RegoObject | PlainObject, b as RegoObject | PlainObject)
  }
}

function compareArrays(a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const order = compare(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function compareObjects(a: RegoObject | PlainObject, b: RegoObject | PlainObject): number {
  const [left, right] = [sortedEntries(a), sortedEntries(b)]
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const order = compare(left[i]![0], right[i]![0]) || compare(left[i]![1], right[i]![1])
    if (order !== 0) return order
  }
  return left.length - right.length
}

export function equal(a: Value, b: Value): boolean {
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length !== b.length) return false
    spendCharacters(a.length)
    return a === b
  }
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object') return isNumber(a) && isNumber(b) && compareNumbers(a, b) === 0
  if (a === null || b === null) return false
  if (isArray(a) && isArray(b) && a.length !== b.length) return false
  return compare(a, b) === 0
}

/** What a Map holds the value by. */
export function hashKey(value: Value): HashKey {
  switch (typeof value) {
    case 'string':
      return value.charCodeAt(0) === 0 ? `\0s${value}` : value
    case 'number':
      return numberKey(value)
    case 'object':
      return value === null ? null : isNumber(value) ? numberKey(value) : `\0${compositeHash(value)}`
    default:
      return value
  }
}

/** Text that is equal for equal composites: canonical JSON with sets in angle brackets, which is made once for each collection. */
function compositeHash(value: Value): string {
  if (isSet(value) || isRegoObject(value)) return (value.hash ??= charged(writeComposite(value)))
  return charged(writeComposite(value))
}

function writeComposite(value: Value): string {
  spend(1)
  if (isArray(value)) return `[${value.map(hashText).join()}]`
  if (isSet(value)) return `<${sortedMembers(value).map(hashText).join()}>`
  const entries = sortedEntries(value as RegoObject | PlainObject)
  return `{${entries.map(([key, item]) => `${hashText(key)}:${hashText(item)}`).join()}}`
}

function hashText(value: Value): string {
  if (typeof value === 'string') return quoted(value)
  if (isNumber(value)) return numberText(value)
  return typeof value !== 'object' || value === null ? String(value) : compositeHash(value)
}

/** A string as JSON. */
export function quoted(text: string): string {
  spend(1)
  allocateText(text.length + 2, text)
  return JSON.stringify(text)
}

export function sortedMembers(set: RegoSet): readonly Value[] {
  return (set.ordered ??= sortedItems(set.members.values(), set.size))
}

/** So many values in Rego's order. */
export function sortedItems(items: Iterable<Value>, count: number): readonly Value[] {
  // The engine sorts a copy.
  allocateItems(2 * count)
  return [...items].sort(compare)
}

type Entries = readonly (readonly [Value, Value])[]
/** The ordering of plain objects of at least this many keys is kept for the next time in the same evaluation. */
const KEEP_ORDER = 8

/** Entries in the order of their keys. */
export function sortedEntries(object: RegoObject | PlainObject): readonly (readonly [Value, Value])[] {
  if (isRegoObject(object)) {
    if (object.ordered) return object.ordered
    allocateItems(2 * object.size)
    return (object.ordered = [...object.entries.values()].sort((a, b) => compare(a[0], b[0])))
  }
  const notes = evaluationNotes()
  const kept = notes?.get(object)
  if (kept) return kept as Entries
  const keys = plainKeys(object)
  spend(keys.length)
  allocateItems(4 * keys.length)
  const entries = keys.sort(compareStrings).map((key) => [key, object[key]!] as const)
  if (entries.length >= KEEP_ORDER) notes?.set(object, entries)
  return entries
}

function plainKeys(object: PlainObject): string[] {
  return Object.keys(object).filter((key) => object[key] !== undefined)
}

export function objectSize(object: RegoObject | PlainObject): number {
  if (isRegoObject(object)) return object.size
  const { length } = plainKeys(object)
  spend(length >> 1)
  return length
}

/** The value at a key, or undefined. */
export function objectGet(object: RegoObject | PlainObject, key: Value): Value | undefined {
  if (isRegoObject(object)) return object.entries.get(hashKey(key))?.[1]
  return typeof key === 'string' && Object.hasOwn(object, key) ? object[key] : undefined
}

/** One step of a reference: an element of an array, the value at a key, or a member of a set. */
export function lookup(value: Value, key: Value): Value | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (isArray(value)) return typeof key === 'number' && Number.isInteger(key) ? value[key] : undefined
  if (isSet(value)) return value.members.get(hashKey(key))
  return isObject(value) ? objectGet(value, key) : undefined
}

export function makeSet(items: Iterable<Value>): RegoSet {
  const members = new Map<HashKey, Value>()
  for (const item of items) {
    allocateEntries(1)
    members.set(hashKey(item), item)
  }
  return members.size === 0 ? EMPTY_SET : new RegoSet(members)
}

/** An object of the entries; later ones replace earlier ones. */
export function makeObject(entries: Iterable<readonly [Value, Value]>): RegoObject {
  const map = new Map<HashKey, readonly [Value, Value]>()
  for (const entry of entries) {
    allocateEntries(1)
    map.set(hashKey(entry[0]), entry)
  }
  return map.size === 0 ? EMPTY_OBJECT : new RegoObject(map)
}
