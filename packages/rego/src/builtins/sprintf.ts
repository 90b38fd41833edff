/** Go's formatting verbs, as far as they make sense for Rego values. */
import { allocateItems, allocateText, charged, spend } from '../run/budget.ts'
import { codePointCount, unitOffset } from '../values/code-points.ts'
import { isInteger, toBigint, toDouble, toWhole } from '../values/numbers.ts'
import { quoted } from '../values/operations.ts'
import { regoText } from '../values/text.ts'
import { isNumber } from '../values/value.ts'
import type { Num, Value } from '../values/value.ts'

const VERB = /%([-+# 0]*)(\[\d+\])?(\*|\d+)?(?:\.(\*|\d+)?)?(\[\d+\])?([^])?/gu
/** Widest field and longest fraction, as Go's. */
const MAX_WIDTH = 1_000_000
const STEPS_PER_VERB = 16

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
  const pieces: string[] = []
  const add = (text: string): void => {
    allocateText(text.length, text)
    allocateItems(1)
    pieces.push(text)
  }
  const take = (): Value | undefined => values[next++]
  const size = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined
    const value = text === '*' ? take() : Number(text)
    return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= MAX_WIDTH ? value : undefined
  }
  const directive = ([whole, flags = '', index, width, precision, late, verb]: RegExpExecArray): string => {
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
    return formatValue(value, spec)
  }
  let last = 0
  for (const match of format.matchAll(VERB)) {
    spend(STEPS_PER_VERB)
    add(format.slice(last, match.index))
    add(directive(match))
    last = match.index + match[0].length
  }
  add(format.slice(last))
  if (!isReordered && next < values.length) {
    const extra = values.slice(next).map((value) => charged(`${goType(value)}=${plain(value)}`))
    add(`%!(EXTRA ${extra.join(', ')})`)
  }
  return charged(pieces.join(''))
}

/** As Go's `%v` writes it. */
function plain(value: Value): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' && !Number.isInteger(value) ? general(value, undefined) : regoText(value)
}

function goType(value: Value): string {
  if (!isNumber(value)) return 'string'
  if (!isInteger(value)) return 'float64'
  const exact = toBigint(value)!
  return BigInt.asIntN(64, exact) === exact ? 'int64' : '*big.Int'
}

function formatValue(value: Value, spec: Spec): string {
  const { verb, flags, precision } = spec
  if (verb === 'T') return pad(goType(value), spec, false)
  if (isNumber(value)) return formatNumber(value, spec)
  const text = plain(value)
  const cut = precision === undefined ? text : text.slice(0, unitOffset(text, precision))
  switch (verb) {
    case 'v':
      return pad(flags.includes('#') ? quoted(cut) : cut, spec, false)
    case 's':
      return pad(cut, spec, false)
    case 'q':
      return pad(flags.includes('#') && !cut.includes('`') ? `\`${cut}\`` : quoted(cut), spec, false)
    case 'x':
    case 'X': {
      allocateText(6 * cut.length)
      const hex = Buffer.from(cut).toString('hex')
      return pad(verb === 'x' ? hex : hex.toUpperCase(), spec, false)
    }
    default:
      return bad(value, spec)
  }
}

/** What Go says of a verb that is not for a value: its type, and the value in the same field. */
function bad(value: Value, spec: Spec): string {
  const type = goType(value).replace('*', '')
  return `%!${spec.verb}(${type}=${pad(plain(value), spec, isNumber(value))})`
}

function formatNumber(value: Num, spec: Spec): string {
  const { verb, flags } = spec
  const exact = toBigint(value)
  const isLong = goType(value) === '*big.Int'
  const sign = (text: string): string =>
    pad(text.startsWith('-') ? text : flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text, spec, true)
  switch (verb) {
    case 'v':
      return pad(plain(value), spec, true)
    case 's':
      return isLong ? pad(plain(value), spec, true) : bad(value, spec)
    case 'd':
      return exact === undefined ? bad(value, spec) : sign(atLeast(exact.toString(), spec.precision))
    case 'b':
    case 'o':
    case 'O':
    case 'x':
    case 'X':
      return exact === undefined ? bad(value, spec) : sign(inBase(exact, spec))
    case 'c':
    case 'U': {
      if (exact === undefined || isLong) return bad(value, spec)
      if (verb === 'U') return pad(`U+${exact.toString(16).toUpperCase().padStart(4, '0')}`, spec, false)
      return pad(exact >= 0n && exact <= 0x10ffffn ? String.fromCodePoint(Number(exact)) : '\ufffd', spec, false)
    }
    case 'q': {
      if (exact === undefined || isLong) return bad(value, spec)
      return pad(`'${exact >= 0n && exact <= 0x10ffffn ? String.fromCodePoint(Number(exact)) : '\ufffd'}'`, spec, false)
    }
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      // A whole number is written here like one with a fraction: 1 and 1.0 are the same number.
      return isLong ? bad(value, spec) : sign(floating(toDouble(value), spec))
    default:
      return bad(value, spec)
  }
}

/** An integer with leading zeros up to so many digits. */
function atLeast(digits: string, precision: number | undefined): string {
  if (precision === undefined) return digits
  return digits.startsWith('-') ? `-${digits.slice(1).padStart(precision, '0')}` : digits.padStart(precision, '0')
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
  const missing = Math.abs(width) - codePointCount(text)
  if (missing <= 0) return text
  allocateText(missing)
  if (flags.includes('-') || width < 0) return text + ' '.repeat(missing)
  if (!flags.includes('0')) return ' '.repeat(missing) + text
  const sign = isNumeric && /^[+-]/.test(text) ? text[0]! : ''
  return sign + '0'.repeat(missing) + text.slice(sign.length)
}
