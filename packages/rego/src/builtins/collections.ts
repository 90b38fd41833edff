/** Aggregates, arrays and sets. */
import { allocateItems } from '../run/budget.ts'
import { add, multiply } from '../values/numbers.ts'
import { compare, hashKey, makeSet, objectSize, sortedMembers } from '../values/operations.ts'
import { isArray, isNumber, isSet, kindOf } from '../values/value.ts'
import type { Num, PlainObject, Value } from '../values/value.ts'
import type { RegoObject, RegoSet } from '../values/collections.ts'
import { difference } from './numbers.ts'
import { builtin, integerOperand, operandError } from './types.ts'
import type { BuiltinSpec } from './types.ts'

type List = readonly Value[] | RegoSet

/** Depth to which nested arrays are flattened is that of the value: one level, as OPA's. */
export const collectionBuiltins: readonly BuiltinSpec[] = [
  builtin('count', ['array|object|set|string'], 'number', countOf),
  builtin('sum', ['array|set'], 'number', (list: List) => numbersOf(list).reduce(add, 0)),
  builtin('product', ['array|set'], 'number', (list: List) => numbersOf(list).reduce(multiply, 1)),
  builtin('max', ['array|set'], 'any', (list: List) => extreme(list, 1)),
  builtin('min', ['array|set'], 'any', (list: List) => extreme(list, -1)),
  builtin('sort', ['array|set'], 'array', (list: List) => (isSet(list) ? sortedMembers(list) : sorted(list))),
  builtin('all', ['array|set'], 'boolean', (list: List) => itemsOf(list).every((item) => item === true)),
  builtin('any', ['array|set'], 'boolean', (list: List) => itemsOf(list).some((item) => item === true)),
  builtin('array.concat', ['array', 'array'], 'array', (a: readonly Value[], b: readonly Value[]) => {
    allocateItems(a.length + b.length)
    return [...a, ...b]
  }),
  builtin('array.flatten', ['array'], 'array', (list: readonly Value[]) => {
    const flat = list.flatMap((item) => (isArray(item) ? [...item] : [item]))
    allocateItems(flat.length)
    return flat
  }),
  builtin('array.reverse', ['array'], 'array', (list: readonly Value[]) => {
    allocateItems(list.length)
    return [...list].reverse()
  }),
  builtin('array.slice', ['array', 'number', 'number'], 'array', slice),
  builtin('and', ['set', 'set'], 'set', (a: RegoSet, b: RegoSet) => intersect(a, b)),
  builtin('or', ['set', 'set'], 'set', (a: RegoSet, b: RegoSet) => unite([a, b])),
  builtin('set_diff', ['set', 'set'], 'set', difference),
  builtin('intersection', ['set'], 'set', (sets: RegoSet) => {
    const members = setsOf(sets)
    const [first, ...rest] = members
    return first === undefined ? makeSet([]) : rest.reduce<RegoSet>((all, next) => intersect(all, next) as RegoSet, first)
  }),
  builtin('union', ['set'], 'set', (sets: RegoSet) => unite(setsOf(sets))),
]

export function itemsOf(list: List): readonly Value[] {
  return isSet(list) ? sortedMembers(list) : list
}

function sorted(list: readonly Value[]): Value {
  allocateItems(list.length)
  return [...list].sort(compare)
}

function countOf(value: Value): Value {
  if (typeof value === 'string') return isAscii(value) ? value.length : [...value].length
  if (isArray(value)) return value.length
  return isSet(value) ? value.size : objectSize(value as RegoObject | PlainObject)
}

function isAscii(text: string): boolean {
  // Only surrogates make code points and units differ.
  return !/[\ud800-\udfff]/.test(text)
}

function numbersOf(list: List): Num[] {
  return itemsOf(list).map((item) => {
    if (isNumber(item)) return item
    const kind = isSet(list) ? 'set' : 'array'
    throw operandError(1, `must be ${kind} of numbers but got ${kind} containing ${kindOf(item)}`)
  })
}

function extreme(list: List, sign: 1 | -1): Value | undefined {
  let best: Value | undefined
  for (const item of itemsOf(list)) if (best === undefined || compare(item, best) * sign > 0) best = item
  return best
}

function slice(list: readonly Value[], from: Num, to: Num): Value {
  const clamp = (index: number): number => Math.max(0, Math.min(list.length, index))
  const [start, stop] = [clamp(integerOperand(from, 2)), clamp(integerOperand(to, 3))]
  const part = list.slice(start, stop)
  allocateItems(part.length)
  return part
}

function intersect(a: RegoSet, b: RegoSet): Value {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a]
  allocateItems(small.size)
  return makeSet([...small.members.values()].filter((member) => large.members.has(hashKey(member))))
}

function unite(sets: readonly RegoSet[]): Value {
  allocateItems(sets.reduce((total, { size }) => total + size, 0))
  return makeSet(sets.flatMap((set) => [...set.members.values()]))
}

function setsOf(sets: RegoSet): RegoSet[] {
  return sortedMembers(sets).map((member) => {
    if (isSet(member)) return member
    throw operandError(1, `must be set of sets but got set containing ${kindOf(member)}`)
  })
}
