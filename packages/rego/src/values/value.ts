/**
 * Rego values. Scalars are JavaScript's own; integers beyond 2^53 are bigints and decimals that no double prints are `Decimal`. Arrays are
 * JavaScript arrays. Objects are either `RegoObject` (any key) or plain objects as JSON.parse makes them: input is used as it is, without
 * conversion. Values are never changed once others can see them.
 */
import type { Decimal } from './decimal.ts'
import { isDecimal } from './decimal.ts'
import type { RegoObject, RegoSet } from './collections.ts'
import { isRegoObject, isRegoSet } from './collections.ts'

export type PlainObject = { readonly [name: string]: Value }
export type Num = number | bigint | Decimal
export type Value = null | boolean | Num | string | readonly Value[] | RegoObject | RegoSet | PlainObject
export type Kind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object' | 'set'

/** The kind of a value. Throws TypeError for what is no Rego value, such as a function that a caller left in the input. */
export function kindOf(value: Value): Kind {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('a number of the input is not finite')
      return 'number'
    case 'bigint':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return 'array'
      if (isRegoSet(value)) return 'set'
      if (isDecimal(value)) return 'number'
      return 'object'
    default:
      throw new TypeError(`a ${typeof value} is not a Rego value`)
  }
}

export function isNumber(value: Value): value is Num {
  return typeof value === 'number' || typeof value === 'bigint' || isDecimal(value)
}

export function isArray(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function isObject(value: Value): value is RegoObject | PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRegoSet(value) && !isDecimal(value)
}

export { isRegoObject, isRegoSet as isSet }
