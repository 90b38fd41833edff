/** Aggregates, arrays and sets. */
import { allocateItems, spend } from '../run/budget.ts'
import { add, multiply } from '../values/numbers.ts'
import { codePointCount } from '../values/code-points.ts'
import { compare, hashKey, makeSet, objectSize, sortedItems, sortedMembers } from '../values/operations.ts'
import { isArray, isNumber, isSet, kindOf } from '../values/value.ts'
import type { Num, PlainObject, Value } from '../values/value.ts'
import type { RegoObject, RegoSet } from '../values/collections.ts'
import { difference } from './numbers.ts'
import { builtin, operandError, positionOperand } from './types.ts'
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
    allocateItems(list.reduce<number>((total, item) => total + (isArray(item) ? item.length : 1), 0))
    return list.flatMap((item) => (isArray(item) ? item : [item]))
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
  return sortedItems(list, list.length)
}

function countOf(value: Value): Value {
  if (typeof value === 'string') return codePointCount(value)
  if (isArray(value)) return value.length
  return isSet(value) ? value.size : objectSize(value as RegoObject | PlainObject)
}

function numbersOf(list: List): Num[] {
  spend(isSet(list) ? list.size : list.length)
  return itemsOf(list).map((item) => {
    if (isNumber(item)) return item
    const kind = isSet(list) ? 'set' : 'array'
    throw operandError(1, `must be ${kind} of numbers but got ${kind} containing ${kindOf(item)}`)
  })
}

function extreme(list: List, sign: 1 | -1): Value | undefined {
  let best: Value | undefined
  spend(isSet(list) ? list.size : list.length)
  for (const item of itemsOf(list)) if (best === undefined || compare(item, best) * sign > 0) best = item
  return best
}

function slice(list: readonly Value[], from: Num, to: Num): Value {
  const clamp = (index: number): number => Math.max(0, Math.min(list.length, index))
  const [start, stop] = [clamp(positionOperand(from, 2)), clamp(positionOperand(to, 3))]
  allocateItems(Math.max(0, stop - start))
  return list.slice(start, stop)
}

function intersect(a: RegoSet, b: RegoSet): Value {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a]
  allocateItems(2 * small.size)
  spend(small.size)
  return makeSet([...small.members.values()].filter((member) => large.members.has(hashKey(member))))
}

function unite(sets: readonly RegoSet[]): Value {
  return makeSet(membersOf(sets))
}

function* membersOf(sets: readonly RegoSet[]): Generator<Value> {
  for (const set of sets) yield* set.members.values()
}

function setsOf(sets: RegoSet): RegoSet[] {
  return sortedMembers(sets).map((member) => {
    if (isSet(member)) return member
    throw operandError(1, `must be set of sets but got set containing ${kindOf(member)}`)
  })
}
