/** Comparison, membership, and what programs print. */
import { compare, equal, hashKey, lookup, objectGet, objectSize, sortedEntries } from '../values/operations.ts'
import { isArray, isObject, isSet } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import { charged, spend } from '../run/budget.ts'
import { builtin } from './types.ts'
import type { BuiltinSpec } from './types.ts'
import { regoText } from '../values/text.ts'
import type { Session } from '../run/context.ts'

export const comparisonBuiltins: readonly BuiltinSpec[] = [
  builtin('equal', ['any', 'any'], 'boolean', equal),
  builtin('neq', ['any', 'any'], 'boolean', (a: Value, b: Value) => !equal(a, b)),
  builtin('lt', ['any', 'any'], 'boolean', (a: Value, b: Value) => compare(a, b) < 0),
  builtin('lte', ['any', 'any'], 'boolean', (a: Value, b: Value) => compare(a, b) <= 0),
  builtin('gt', ['any', 'any'], 'boolean', (a: Value, b: Value) => compare(a, b) > 0),
  builtin('gte', ['any', 'any'], 'boolean', (a: Value, b: Value) => compare(a, b) >= 0),
  builtin('internal.member_2', ['any', 'any'], 'boolean', isMember),
  builtin('internal.member_3', ['any', 'any', 'any'], 'boolean', isEntry),
  {
    name: 'print',
    args: [],
    result: 'boolean',
    isVariadic: true,
    call: (values, session) => {
      session.print(charged(values.map((value) => (typeof value === 'string' ? value : regoText(value))).join(' ')))
      return true
    },
  },
  builtin('trace', ['string'], 'boolean', (text: string, session: Session) => {
    session.print(text)
    return true
  }),
]

function isMember(item: Value, collection: Value): boolean {
  if (isSet(collection)) return collection.members.has(hashKey(item))
  if (isArray(collection)) {
    spend(collection.length)
    return collection.some((each) => equal(each, item))
  }
  if (!isObject(collection)) return false
  spend(objectSize(collection))
  return sortedEntries(collection).some(([, each]) => equal(each, item))
}

function isEntry(key: Value, item: Value, collection: Value): boolean {
  const found = isObject(collection) ? objectGet(collection, key) : lookup(collection, key)
  return found !== undefined && equal(found, item)
}
