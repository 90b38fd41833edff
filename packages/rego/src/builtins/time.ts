/** Time, in nanoseconds since 1970 that fit 64 bits. */
import { allocateText, spend } from '../run/budget.ts'
import { fromBigint, isInteger, toBigint } from '../values/numbers.ts'
import { isArray, isNumber, kindOf } from '../values/value.ts'
import type { Num, Value } from '../values/value.ts'
import type { Session } from '../run/context.ts'
import { formatTime, NAMED_LAYOUTS, parseTime, WEEKDAYS } from './time-layout.ts'
import type { Civil, ParsedTime } from './time-layout.ts'
import { zoneAt } from './time-zones.ts'
import { builtin, failure, integerOperand, operandError } from './types.ts'
import type { BuiltinSpec } from './types.ts'

const MIN = -(1n << 63n)
const MAX = (1n << 63n) - 1n
const BILLION = 1_000_000_000n
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: BILLION,
  m: 60n * BILLION,
  h: 3600n * BILLION,
  d: 24n * 3600n * BILLION,
  w: 7n * 24n * 3600n * BILLION,
  y: 365n * 24n * 3600n * BILLION,
}

export const timeBuiltins: readonly BuiltinSpec[] = [
  builtin('time.now_ns', [], 'number', (session: Session) => fromBigint(session.now)),
  builtin('time.parse_ns', ['string', 'string'], 'number', (layout: string, text: string) => {
    spend(layout.length + text.length)
    return instant(parseTime(NAMED_LAYOUTS[layout] ?? layout, text))
  }),
  builtin('time.parse_rfc3339_ns', ['string'], 'number', (text: string) => instant(parseTime(NAMED_LAYOUTS['RFC3339']!, text))),
  builtin('time.parse_duration_ns', ['string'], 'number', parseDuration),
  builtin('time.format', ['any'], 'string', (operand: Value) => {
    const { civil, layout } = momentOf(operand)
    spend(layout.length)
    allocateText(2 * layout.length, layout)
    return formatTime(NAMED_LAYOUTS[layout] ?? layout, civil)
  }),
  builtin('time.date', ['any'], 'array', (operand: Value) => {
    const { year, month, day } = momentOf(operand).civil
    return [year, month, day]
  }),
  builtin('time.clock', ['any'], 'array', (operand: Value) => {
    const { hour, minute, second } = momentOf(operand).civil
    return [hour, minute, second]
  }),
  builtin('time.weekday', ['any'], 'string', (operand: Value) => WEEKDAYS[momentOf(operand).civil.weekday]!),
  builtin('time.add_date', ['number', 'number', 'number', 'number'], 'number', addDate),
  builtin('time.diff', ['any', 'any'], 'array', difference),
]

interface Moment {
  civil: Civil
  layout: string
  nanoseconds: bigint
}

/** What `ns`, `[ns, zone]` or `[ns, zone, layout]` says. */
function momentOf(operand: Value): Moment {
  const [value, zone = '', layout = 'RFC3339Nano'] = isArray(operand) ? operand : [operand]
  if (value === undefined || !isNumber(value))
    throw operandError(1, `must be number or array of a number and strings but got ${kindOf(operand)}`)
  if (typeof zone !== 'string' || typeof layout !== 'string') throw operandError(1, 'must be array of a number and strings')
  const nanoseconds = bounded(value)
  return { civil: civilOf(nanoseconds, zone), layout: layout === '' ? 'RFC3339Nano' : layout, nanoseconds }
}

function bounded(value: Num): bigint {
  if (!isInteger(value)) throw operandError(1, 'must be integer number but got floating-point number')
  const exact = toBigint(value)!
  if (exact > MAX || exact < MIN) throw failure('timestamp too big')
  return exact
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b < 0n ? quotient - 1n : quotient
}

function civilOf(nanoseconds: bigint, zoneName: string): Civil {
  const seconds = Number(floorDivide(nanoseconds, BILLION))
  const zone = zoneAt(zoneName, seconds * 1000)
  const date = new Date((seconds + zone.offset) * 1000)
  const year = date.getUTCFullYear()
  const midnight = Date.UTC(year, date.getUTCMonth(), date.getUTCDate())
  return {
    year,
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    nanosecond: Number(nanoseconds - floorDivide(nanoseconds, BILLION) * BILLION),
    weekday: date.getUTCDay(),
    yearDay: Math.round((midnight - Date.UTC(year, 0, 1)) / 86_400_000) + 1,
    ...zone,
  }
}

function instant({ year, month, day, hour, minute, second, nanosecond, offset }: ParsedTime): Value {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  return inRange((BigInt(date.getTime()) / 1000n - BigInt(offset)) * BILLION + BigInt(nanosecond))
}

function inRange(nanoseconds: bigint): Value {
  if (nanoseconds > MAX || nanoseconds < MIN) throw failure('time outside of valid range')
  return fromBigint(nanoseconds)
}

function addDate(value: Num, years: Num, months: Num, days: Num): Value {
  const nanoseconds = bounded(value)
  const seconds = floorDivide(nanoseconds, BILLION)
  const date = new Date(Number(seconds) * 1000)
  const [y, m, d] = [integerOperand(years, 2), integerOperand(months, 3), integerOperand(days, 4)]
  date.setUTCFullYear(date.getUTCFullYear() + y, date.getUTCMonth() + m, date.getUTCDate() + d)
  if (Number.isNaN(date.getTime())) throw failure('time outside of valid range')
  return inRange((BigInt(date.getTime()) / 1000n) * BILLION + (nanoseconds - seconds * BILLION))
}

function parseDuration(text: string): Value {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0
  const invalid = (): Error => failure(`time: invalid duration ${JSON.stringify(text.slice(0, 64))}`)
  if (text.length > 256 || !/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+$/.test(rest)) throw invalid()
  let total = 0n
  for (const [, whole = '', fraction = '', unit = ''] of rest.matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h|d|w|y)/g)) {
    const factor = UNITS[unit]!
    total += BigInt(whole || '0') * factor + (BigInt(fraction || '0') * factor) / 10n ** BigInt(fraction.length)
  }
  if (total > MAX) throw invalid()
  return fromBigint(sign === '-' ? -total : total)
}

/** Years, months, days, hours, minutes and seconds between two instants, in the zone of the first. */
function difference(a: Value, b: Value): Value {
  const [first, second] = [momentOf(a), momentOf(b)]
  const zone = isArray(a) && typeof a[1] === 'string' ? a[1] : ''
  const [early, late] = first.nanoseconds <= second.nanoseconds ? [first, second] : [second, first]
  const [x, y] = [civilOf(early.nanoseconds, zone), civilOf(late.nanoseconds, zone)]
  let [years, months, days] = [y.year - x.year, y.month - x.month, y.day - x.day]
  let [hours, minutes, seconds] = [y.hour - x.hour, y.minute - x.minute, y.second - x.second]
  if (seconds < 0) [seconds, minutes] = [seconds + 60, minutes - 1]
  if (minutes < 0) [minutes, hours] = [minutes + 60, hours - 1]
  if (hours < 0) [hours, days] = [hours + 24, days - 1]
  if (days < 0) [days, months] = [days + new Date(Date.UTC(x.year, x.month, 0)).getUTCDate(), months - 1]
  if (months < 0) [months, years] = [months + 12, years - 1]
  return [years, months, days, hours, minutes, seconds]
}
