/** Go's formatting verbs, as far as they make sense for Rego values. */
import { allocate } from '../run/budget.ts'
import { isInteger, toBigint, toDouble, toWhole } from '../values/numbers.ts'
import { regoText } from '../values/text.ts'
import { isNumber } from '../values/value.ts'
import type { Value } from '../values/value.ts'

const VERB = /%([-+# 0]*)(\[\d+\])?(\*|\d+)?(?:\.(\*|\d+)?)?(\[\d+\])?([a-zA-Z%])?/g
/** Widest field and longest fraction, as Go's. */
const MAX_WIDTH = 1_000_000

interface Spec {
  flags: string
  width: number | undefined
  precision: number | undefined
  verb: string
}

/** `format` with its verbs replaced by the values in turn. */
export function sprintf(format: string, values: readonly Value[]): string {
  let next = 0
  let isReordered = false
  const take = (): Value | undefined => values[next++]
  const size = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined
    const value = text === '*' ? take() : Number(text)
    return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= MAX_WIDTH ? value : undefined
  }
  const result = format.replace(
    VERB,
    (
      whole,
      flags: string,
      index: string | undefined,
      width: string | undefined,
      precision: string | undefined,
      late: string | undefined,
      verb: string | undefined,
    ) => {
      if (verb === undefined) return '%!(NOVERB)'
      if (verb === '%') return '%'
      const explicit = late ?? index
      if (explicit !== undefined) {
        isReordered = true
        next = Number(explicit.slice(1, -1)) - 1
      }
      const hasPoint = whole.includes('.')
      const spec: Spec = { flags, width: size(width), precision: hasPoint ? (size(precision) ?? 0) : undefined, verb }
      const value = take()
      if (value === undefined) return explicit === undefined ? `%!${verb}(MISSING)` : `%!${verb}(BADINDEX)`
      const text = pad(formatValue(value, spec), spec, isNumber(value))
      allocate(text.length)
      return text
    },
  )
  if (isReordered || next >= values.length) return result
  const extra = values.slice(next).map((value) => `${goType(value)}=${plain(value)}`)
  return `${result}%!(EXTRA ${extra.join(', ')})`
}

function plain(value: Value): string {
  return typeof value === 'string' ? value : regoText(value)
}

function goType(value: Value): string {
  if (isNumber(value)) return isInteger(value) ? 'int' : 'float64'
  return 'string'
}

function formatValue(value: Value, spec: Spec): string {
  const { verb, flags, precision } = spec
  if (isNumber(value)) return formatNumber(value, spec)
  if (verb === 'v') return plain(value)
  const text = plain(value)
  switch (verb) {
    case 's':
      return precision === undefined ? text : [...text].slice(0, precision).join('')
    case 'q':
      return flags.includes('#') && !text.includes('`') ? `\`${text}\`` : JSON.stringify(text)
    case 'x':
      return Buffer.from(text).toString('hex')
    case 'X':
      return Buffer.from(text).toString('hex').toUpperCase()
    default:
      return bad(value, spec)
  }
}

function bad(value: Value, { verb }: Spec): string {
  return `%!${verb}(${goType(value)}=${plain(value)})`
}

function formatNumber(value: Value & Parameters<typeof toBigint>[0], spec: Spec): string {
  const { verb, flags } = spec
  const exact = toBigint(value)
  const sign = (text: string): string =>
    text.startsWith('-') ? text : flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text
  switch (verb) {
    case 'v':
      return sign(regoText(value))
    case 's':
      return exact === undefined ? bad(value, spec) : `%!s(int=${exact})`
    case 'd':
      return exact === undefined ? bad(value, spec) : sign(exact.toString())
    case 'b':
    case 'o':
    case 'O':
    case 'x':
    case 'X':
      return exact === undefined ? bad(value, spec) : sign(inBase(exact, spec))
    case 'c':
    case 'U': {
      const point = Number(exact ?? -1n)
      const isPoint = point >= 0 && point <= 0x10ffff
      if (verb === 'U') return exact === undefined ? bad(value, spec) : `U+${exact.toString(16).toUpperCase().padStart(4, '0')}`
      return isPoint ? String.fromCodePoint(point) : '\ufffd'
    }
    case 'q':
      return exact === undefined ? bad(value, spec) : `'${String.fromCodePoint(Number(exact) & 0x1fffff)}'`
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return exact !== undefined && typeof value === 'bigint' && 'fF'.includes(verb)
        ? sign(`${exact}.${'0'.repeat(spec.precision ?? 6)}`)
        : sign(floating(toDouble(value), spec))
    case 't':
      return bad(value, spec)
    default:
      return bad(value, spec)
  }
}

function inBase(value: bigint, { verb, flags }: Spec): string {
  const radix = verb === 'b' ? 2 : verb === 'x' || verb === 'X' ? 16 : 8
  const digits = (value < 0n ? -value : value).toString(radix)
  const prefix = verb === 'O' ? '0o' : !flags.includes('#') ? '' : { b: '0b', o: '0', x: '0x', X: '0X' }[verb as 'b' | 'o' | 'x' | 'X']
  return `${value < 0n ? '-' : ''}${prefix}${verb === 'X' ? digits.toUpperCase() : digits}`
}

/** Go writes at least two digits of an exponent. */
function goExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

function floating(value: number, { verb, precision }: Spec): string {
  const lower = verb.toLowerCase()
  let text: string
  if (lower === 'f') text = toFixed(value, precision ?? 6)
  else if (lower === 'e') text = goExponent(value.toExponential(Math.min(100, precision ?? 6)))
  else text = general(value, precision)
  return verb === lower ? text : text.toUpperCase()
}

function toFixed(value: number, digits: number): string {
  if (Math.abs(value) >= 1e21) return `${toBigint(toWhole(value, 'round'))!}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`
  const text = value.toFixed(Math.min(100, digits))
  return digits > 100 ? text + '0'.repeat(digits - 100) : text
}

function general(value: number, precision: number | undefined): string {
  if (value === 0) return '0'
  const digits = precision === undefined ? undefined : Math.max(1, Math.min(100, precision))
  const exponential = digits === undefined ? value.toExponential() : value.toExponential(digits - 1)
  const exponent = Number(exponential.slice(exponential.indexOf('e') + 1))
  const limit = digits ?? 21
  if (exponent < -4 || exponent >= limit) return goExponent(exponential.replace(/\.?0+e/, 'e'))
  const text = digits === undefined ? String(value) : value.toFixed(Math.max(0, Math.min(100, digits - 1 - exponent)))
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

function pad(text: string, { flags, width }: Spec, isNumeric: boolean): string {
  if (width === undefined) return text
  const missing = Math.abs(width) - [...text].length
  if (missing <= 0) return text
  allocate(missing)
  if (flags.includes('-') || width < 0) return text + ' '.repeat(missing)
  if (!flags.includes('0')) return ' '.repeat(missing) + text
  const sign = isNumeric && /^[+-]/.test(text) ? text[0]! : ''
  return sign + '0'.repeat(missing) + text.slice(sign.length)
}
