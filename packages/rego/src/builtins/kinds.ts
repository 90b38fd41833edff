/** Types: asking for them, and the older casts. */
import { makeSet } from '../values/operations.ts'
import { isArray, isSet, kindOf } from '../values/value.ts'
import type { Kind, Value } from '../values/value.ts'
import { itemsOf } from './collections.ts'
import { builtin, operandError } from './types.ts'
import type { BuiltinSpec } from './types.ts'

const KINDS: readonly Kind[] = ['array', 'boolean', 'null', 'number', 'object', 'set', 'string']

export const kindBuiltins: readonly BuiltinSpec[] = [
  builtin('type_name', ['any'], 'string', kindOf),
  ...KINDS.map((kind) => builtin(`is_${kind}`, ['any'], 'boolean', (value: Value) => kindOf(value) === kind)),
  ...(['null', 'boolean', 'string', 'object'] as const).map((kind) =>
    builtin(`cast_${kind}`, ['any'], kind, (value: Value) => cast(value, kind)),
  ),
  builtin('cast_array', ['any'], 'array', (value: Value) => {
    if (isArray(value) || isSet(value)) return itemsOf(value)
    throw operandError(1, `must be one of {array, set} but got ${kindOf(value)}`)
  }),
  builtin('cast_set', ['any'], 'set', (value: Value) => {
    if (isArray(value) || isSet(value)) return makeSet(itemsOf(value))
    throw operandError(1, `must be one of {array, set} but got ${kindOf(value)}`)
  }),
]

function cast(value: Value, kind: Kind): Value {
  if (kindOf(value) === kind) return value
  throw operandError(1, `must be ${kind} but got ${kindOf(value)}`)
}
