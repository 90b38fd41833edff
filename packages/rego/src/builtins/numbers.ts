/** Arithmetic, rounding, ranges and bits. */
import { allocateItems, allocateText, spend } from '../run/budget.ts'
import { memoize } from './random.ts'
import type { Session } from '../run/context.ts'
import {
  add,
  bounded,
  compareNumbers,
  divide,
  fromBigint,
  multiply,
  negate,
  parseNumber,
  subtract,
  toBigint,
  toWhole,
} from '../values/numbers.ts'
import { hashKey } from '../values/operations.ts'
import { makeSet } from '../values/operations.ts'
import { isSet, kindOf } from '../values/value.ts'
import type { Num, Value } from '../values/value.ts'
import type { RegoSet } from '../values/collections.ts'
import { randomInteger } from './random.ts'
import { builtin, failure, operandError } from './types.ts'
import type { BuiltinSpec } from './types.ts'

/** Longest shift, in bits. */
const MAX_SHIFT = 65_536n
/** Words that Go would read as numbers. */
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i

export const numberBuiltins: readonly BuiltinSpec[] = [
  builtin('plus', ['number', 'number'], 'number', add),
  builtin('minus', ['number|set', 'number|set'], 'number|set', minus),
  builtin('mul', ['number', 'number'], 'number', multiply),
  builtin('div', ['number', 'number'], 'number', (a: Num, b: Num) => {
    if (compareNumbers(b, 0) === 0) throw failure('divide by zero')
    return divide(a, b)
  }),
  builtin('rem', ['number', 'number'], 'number', remainder),
  builtin('abs', ['number'], 'number', (a: Num) => (compareNumbers(a, 0) < 0 ? negate(a) : a)),
  builtin('round', ['number'], 'number', (a: Num) => toWhole(a, 'round')),
  builtin('ceil', ['number'], 'number', (a: Num) => toWhole(a, 'ceil')),
  builtin('floor', ['number'], 'number', (a: Num) => toWhole(a, 'floor')),
  builtin('numbers.range', ['number', 'number'], 'array', (from: Num, to: Num) => range(from, to, 1)),
  builtin('numbers.range_step', ['number', 'number', 'number'], 'array', range),
  builtin('rand.intn', ['string', 'number'], 'number', (name: string, limit: Num, session: Session) => {
    const size = integer(limit, 2)
    const span = size < 0n ? -size : size
    bounded(span)
    if (span === 0n) return 0
    allocateText(name.length + 64, name)
    return memoize(session, `rand.intn ${name} ${span.toString(16)}`, () => fromBigint(randomInteger(session, span)))
  }),
  builtin('bits.and', ['number', 'number'], 'number', (a: Num, b: Num) => bounded(integer(a, 1) & integer(b, 2))),
  builtin('bits.or', ['number', 'number'], 'number', (a: Num, b: Num) => bounded(integer(a, 1) | integer(b, 2))),
  builtin('bits.xor', ['number', 'number'], 'number', (a: Num, b: Num) => bounded(integer(a, 1) ^ integer(b, 2))),
  builtin('bits.negate', ['number'], 'number', (a: Num) => bounded(~integer(a, 1))),
  builtin('bits.lsh', ['number', 'number'], 'number', (a: Num, b: Num) => bounded(integer(a, 1) << shift(b))),
  builtin('bits.rsh', ['number', 'number'], 'number', (a: Num, b: Num) => bounded(integer(a, 1) >> shift(b))),
  builtin('to_number', ['any'], 'number', toNumber),
]

function minus(a: Value, b: Value): Value {
  if (isSet(a) && isSet(b)) return difference(a, b)
  const [first, second] = [kindOf(a), kindOf(b)]
  if (first === 'number' && second === 'number') return subtract(a as Num, b as Num)
  throw operandError(2, `must be ${first} but got ${second}`)
}

export function difference(a: RegoSet, b: RegoSet): Value {
  allocateItems(2 * a.size)
  spend(a.size)
  return makeSet([...a.members.values()].filter((member) => !b.members.has(hashKey(member))))
}

function remainder(a: Num, b: Num): Num {
  const [x, y] = [toBigint(a), toBigint(b)]
  if (x === undefined || y === undefined) throw failure('modulo on floating-point number')
  if (y === 0n) throw failure('modulo by zero')
  bounded(x)
  return bounded(x % y)
}

function integer(value: Num, operand: number): bigint {
  const exact = toBigint(value)
  if (exact === undefined) throw operandError(operand, 'must be integer number but got floating-point number')
  return exact
}

function shift(value: Num): bigint {
  const bits = integer(value, 2)
  if (bits < 0n) throw operandError(2, 'must be an unsigned integer number but got a negative integer')
  if (bits > MAX_SHIFT) throw failure('the shift is too long')
  return bits
}

function range(from: Num, to: Num, step: Num): Value {
  const [first, last, by] = [integer(from, 1), integer(to, 2), integer(step, 3)]
  if (by <= 0n) throw failure('step must be a positive integer')
  const distance = first < last ? last - first : first - last
  const count = distance / by + 1n
  allocateItems(Number(count))
  spend(Number(count))
  const sign = first <= last ? by : -by
  return Array.from({ length: Number(count) }, (_, i) => fromBigint(first + BigInt(i) * sign))
}

function toNumber(value: Value): Value {
  switch (kindOf(value)) {
    case 'null':
      return 0
    case 'boolean':
      return value === true ? 1 : 0
    case 'number':
      return value
    case 'string': {
      const number = parseNumber(value as string)
      if (number === undefined && NOT_FINITE.test(value as string)) throw operandError(1, 'must be a finite number')
      if (number === undefined) throw failure(`strconv.ParseFloat: parsing "${value as string}": invalid syntax`)
      return number
    }
    default:
      throw operandError(1, `must be one of {boolean, null, number, string} but got ${kindOf(value)}`)
  }
}
