/**
 * Numbers. Integers are exact, of any length. A number with a fraction is the decimal that its shortest text says; arithmetic on those rounds
 * to a 64-bit mantissa as OPA's does, so 0.1 + 0.2 is 0.3.
 */
import { allocateInteger, spend } from '../run/budget.ts'
import { Decimal, isDecimal } from './decimal.ts'
import type { Num } from './value.ts'

/** Mantissa of arithmetic on fractions, in bits. */
const MANTISSA = 64n
/** Decimal exponents beyond this are refused, so that no short text stands for a number that fills the memory. */
const MAX_EXPONENT = 4096
/** Digits that are enough to tell any two 64-bit mantissas apart. */
const MAX_DIGITS = 21
/** Digits of the largest double. */
const MAX_DOUBLE_DIGITS = 308
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

interface Parts {
  coefficient: bigint
  exponent: number
}

/** The number that a decimal text denotes, or undefined if it is malformed or too large. */
export function parseNumber(text: string): Num | undefined {
  const match = NUMBER.exec(text)
  if (!match) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const scale = Number(exponent) - fraction.length
  if (Math.abs(scale) > MAX_EXPONENT || whole.length > MAX_EXPONENT) return undefined
  return fromParts(BigInt(sign + whole + fraction), scale)
}

export function fromBigint(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

function fromParts(coefficient: bigint, exponent: number): Num {
  if (coefficient === 0n) return 0
  while (exponent < 0 && coefficient % 10n === 0n) {
    coefficient /= 10n
    exponent++
  }
  if (exponent >= 0) return fromBigint(coefficient * 10n ** BigInt(exponent))
  const text = decimalText(coefficient, exponent)
  const double = Number(text)
  return plainText(double) === text ? double : new Decimal(coefficient, exponent)
}

function toParts(value: Num): Parts {
  if (typeof value === 'bigint') return { coefficient: value, exponent: 0 }
  if (isDecimal(value)) return value
  if (Number.isSafeInteger(value)) return { coefficient: BigInt(value), exponent: 0 }
  const match = NUMBER.exec(String(value))
  if (!match) throw new TypeError('a number of the input is not finite')
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  return { coefficient: BigInt(sign + whole + fraction), exponent: Number(exponent) - fraction.length }
}

function decimalText(coefficient: bigint, exponent: number): string {
  const negative = coefficient < 0n
  const digits = (negative ? -coefficient : coefficient).toString().padStart(1 - exponent, '0')
  return `${negative ? '-' : ''}${digits.slice(0, exponent)}.${digits.slice(exponent)}`
}

/** Text without an exponent. */
function plainText(value: number): string {
  const text = String(value)
  if (!text.includes('e')) return text
  const { coefficient, exponent } = toParts(value)
  return exponent < 0 ? decimalText(coefficient, exponent) : (coefficient * 10n ** BigInt(exponent)).toString()
}

/** The number in JSON: integers in full, small fractions with an exponent. */
export function numberText(value: Num): string {
  if (typeof value === 'bigint') return integerText(value)
  if (isDecimal(value)) return decimalText(value.coefficient, value.exponent)
  if (!Number.isFinite(value)) throw new TypeError('a number of the input is not finite')
  return Number.isInteger(value) ? plainText(value === 0 ? 0 : value) : String(value)
}

/** Beyond what doubles hold, round numbers are written with an exponent, as literals of them are. */
function integerText(value: bigint): string {
  const text = value.toString()
  if (text.length <= MAX_DOUBLE_DIGITS) return text
  spend(text.length >> 3)
  const [, digits = '', zeros = ''] = /^(-?\d*?)(0*)$/.exec(text)!
  return zeros.length > MAX_DOUBLE_DIGITS / 2 ? `${digits}e${zeros.length}` : text
}

/** An equal key for equal numbers. */
export function numberKey(value: Num): number | bigint | string {
  if (typeof value === 'bigint') return value
  if (isDecimal(value)) return `\0n${decimalText(value.coefficient, value.exponent)}`
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return BigInt(plainText(value))
  return value
}

export function compareNumbers(a: Num, b: Num): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0
  spend(1)
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0
  const [x, y] = aligned(toParts(a), toParts(b))
  return x < y ? -1 : x > y ? 1 : 0
}

export function isInteger(value: Num): boolean {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
}

/** An integer as a bigint, or undefined for a fraction. */
export function toBigint(value: Num): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (isDecimal(value) || !Number.isInteger(value)) return undefined
  return Number.isSafeInteger(value) ? BigInt(value) : BigInt(plainText(value))
}

/** The nearest double. */
export function toDouble(value: Num): number {
  return typeof value === 'number' ? value : Number(numberText(value))
}

export function add(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum) && Number.isSafeInteger(a) && Number.isSafeInteger(b)) return sum
  }
  return combine(a, b, (x, y) => x + y)
}

export function subtract(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (Number.isSafeInteger(difference) && Number.isSafeInteger(a) && Number.isSafeInteger(b)) return difference
  }
  return combine(a, b, (x, y) => x - y)
}

export function multiply(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    if (Number.isSafeInteger(product) && Number.isSafeInteger(a) && Number.isSafeInteger(b)) return product === 0 ? 0 : product
  }
  const [x, y] = [toParts(a), toParts(b)]
  if (x.exponent >= 0 && y.exponent >= 0) {
    const [left, right] = aligned(x, { coefficient: 1n, exponent: 0 })
    const [other] = aligned(y, { coefficient: 1n, exponent: 0 })
    return bounded(left * right * other)
  }
  chargeFraction(a, b)
  const [f, g] = [toFloat(x), toFloat(y)]
  return fromFloat(f.numerator * g.numerator, f.denominator * g.denominator)
}

/** The product without rounding, for units. */
export function multiplyExactly(a: Num, b: Num): Num {
  const [x, y] = [toParts(a), toParts(b)]
  return fromParts(x.coefficient * y.coefficient, x.exponent + y.exponent)
}

/** The quotient: exact where it is an integer, else rounded. The divisor is not zero. */
export function divide(a: Num, b: Num): Num {
  chargeFraction(a, b)
  const [x, y] = aligned(toParts(a), toParts(b))
  bounded(x)
  if (x % y === 0n) return bounded(x / y)
  const [f, g] = [toFloat(toParts(a)), toFloat(toParts(b))]
  const negative = g.numerator < 0n
  const [numerator, denominator] = [f.numerator * g.denominator, f.denominator * g.numerator]
  return fromFloat(negative ? -numerator : numerator, negative ? -denominator : denominator)
}

/** The whole number next to `value`: towards minus infinity, plus infinity, or the nearest with halves away from zero. */
export function toWhole(value: Num, mode: 'floor' | 'ceil' | 'round'): Num {
  const { coefficient, exponent } = toParts(value)
  if (exponent >= 0) return value
  const unit = 10n ** BigInt(-exponent)
  const negative = coefficient < 0n
  const size = negative ? -coefficient : coefficient
  const [whole, rest] = [size / unit, size % unit]
  const up = rest !== 0n && (mode === 'round' ? rest * 2n >= unit : (mode === 'ceil') !== negative)
  const result = whole + (up ? 1n : 0n)
  return fromBigint(negative ? -result : result)
}

export function negate(value: Num): Num {
  if (typeof value === 'number') return value === 0 ? 0 : -value
  return isDecimal(value) ? new Decimal(-value.coefficient, value.exponent) : fromBigint(-value)
}

/** An integer result, charged by its length. */
export function bounded(value: bigint): number | bigint {
  const small = fromBigint(value)
  if (typeof small === 'bigint') allocateInteger(small.toString(16).length)
  return small
}

/** Steps for a hexadecimal digit of a long integer, where fractions are worked out with it. */
const STEPS_PER_DIGIT = 4

/** Charges arithmetic on fractions for operands that are long. */
function chargeFraction(...operands: readonly Num[]): void {
  for (const operand of operands)
    if (typeof operand !== 'number') spend(STEPS_PER_DIGIT * (isDecimal(operand) ? operand.coefficient : operand).toString(16).length)
}

function combine(a: Num, b: Num, operation: (x: bigint, y: bigint) => bigint): Num {
  const [left, right] = [toParts(a), toParts(b)]
  if (left.exponent >= 0 && right.exponent >= 0) {
    const [x, y] = aligned(left, right)
    const scale = Math.min(left.exponent, right.exponent)
    return bounded(operation(x, y) * 10n ** BigInt(scale))
  }
  chargeFraction(a, b)
  const [f, g] = [toFloat(left), toFloat(right)]
  return fromFloat(operation(f.numerator * g.denominator, g.numerator * f.denominator), f.denominator * g.denominator)
}

/** Both coefficients at the smaller exponent. */
function aligned(a: Parts, b: Parts): [bigint, bigint] {
  const exponent = Math.min(a.exponent, b.exponent)
  return [a.coefficient * 10n ** BigInt(a.exponent - exponent), b.coefficient * 10n ** BigInt(b.exponent - exponent)]
}

interface Ratio {
  numerator: bigint
  /** Positive. */
  denominator: bigint
}

/** The nearest number with a 64-bit mantissa. */
function toFloat({ coefficient, exponent }: Parts): Ratio {
  if (exponent >= 0) return rounded(coefficient * 10n ** BigInt(exponent), 1n)
  return rounded(coefficient, 10n ** BigInt(-exponent))
}

function bitLength(value: bigint): number {
  const hex = value.toString(16)
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0]!, 16)))
}

/** `numerator / denominator` rounded to the mantissa, halves to even. */
function rounded(numerator: bigint, denominator: bigint): Ratio {
  if (numerator === 0n) return { numerator, denominator: 1n }
  const negative = numerator < 0n
  const size = negative ? -numerator : numerator
  let shift = BigInt(bitLength(size) - bitLength(denominator)) - MANTISSA
  let mantissa = roundedShift(size, denominator, shift)
  if (mantissa < 1n << (MANTISSA - 1n)) mantissa = roundedShift(size, denominator, --shift)
  if (negative) mantissa = -mantissa
  return shift >= 0n ? { numerator: mantissa << shift, denominator: 1n } : { numerator: mantissa, denominator: 1n << -shift }
}

function roundedShift(size: bigint, denominator: bigint, shift: bigint): bigint {
  return roundedQuotient(shift < 0n ? size << -shift : size, shift < 0n ? denominator : denominator << shift)
}

function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator
  const twice = (numerator % denominator) * 2n
  return twice > denominator || (twice === denominator && (quotient & 1n) === 1n) ? quotient + 1n : quotient
}

/** The decimal with the fewest digits that rounds to the same 64-bit mantissa. */
function fromFloat(numerator: bigint, denominator: bigint): Num {
  const float = rounded(numerator, denominator)
  if (float.numerator === 0n) return 0
  const negative = float.numerator < 0n
  const size = negative ? -float.numerator : float.numerator
  if (float.denominator === 1n || size % float.denominator === 0n) return fromBigint(float.numerator / float.denominator)
  const magnitude = (size / float.denominator).toString().length - leadingZeros(size, float.denominator)
  for (let digits = 1; ; digits++) {
    const exponent = magnitude - digits
    const [up, down] = exponent < 0 ? [10n ** BigInt(-exponent), 1n] : [1n, 10n ** BigInt(exponent)]
    const coefficient = roundedQuotient(size * up, float.denominator * down)
    const again = toFloat({ coefficient, exponent })
    if (digits >= MAX_DIGITS || again.numerator * float.denominator === size * again.denominator)
      return fromParts(negative ? -coefficient : coefficient, exponent)
  }
}

/** Of a number below one: how many digits after the point come before the first that isn't zero, and the zero before the point. */
function leadingZeros(size: bigint, denominator: bigint): number {
  let zeros = 0
  if (size >= denominator) return 0
  for (let scaled = size * 10n; scaled < denominator; scaled *= 10n) zeros++
  return zeros + 1
}
