/** Amounts with units, and semantic versions. */
import { spend } from '../run/budget.ts'
import { compareStrings } from '../values/operations.ts'
import { fromBigint, multiplyExactly, parseNumber, toWhole } from '../values/numbers.ts'
import type { Num, Value } from '../values/value.ts'
import { builtin, failure } from './types.ts'
import type { BuiltinSpec } from './types.ts'

const AMOUNT = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(.*)$/s
const DECIMAL = ['', 'k', 'm', 'g', 't', 'p', 'e']

/** Factors of byte units, in lower case; `b` at their end may be left out. */
const BYTE_FACTORS: ReadonlyMap<string, bigint> = new Map(
  DECIMAL.flatMap((letter, i): [string, bigint][] => [
    [letter, 1000n ** BigInt(i)],
    ...(letter === '' ? [] : ([[`${letter}i`, 1024n ** BigInt(i)]] as [string, bigint][])),
  ]),
)

export const unitBuiltins: readonly BuiltinSpec[] = [
  builtin('units.parse', ['string'], 'number', parseUnits),
  builtin('units.parse_bytes', ['string'], 'number', parseBytes),
  builtin('semver.is_valid', ['any'], 'boolean', (text: Value) => typeof text === 'string' && tryVersion(text) !== undefined),
  builtin('semver.compare', ['string', 'string'], 'number', compareVersions),
]

/** The number and the unit of an amount. */
function split(text: string, noun: string): [Num, string] {
  const trimmed = text.replaceAll('"', '')
  if (/\s/.test(trimmed)) throw failure('spaces not allowed in resource strings')
  const [, number = '', unit = ''] = AMOUNT.exec(trimmed) ?? []
  if (number === '') throw failure(`no ${noun} provided`)
  const value = parseNumber(
    number
      .replace(/^\+/, '')
      .replace(/^(-?)\./, '$10.')
      .replace(/\.$/, '')
      .replace(/\.(?=[eE])/, '')
      .replace(/^(-?)0+(?=\d)/, '$1'),
  )
  if (value === undefined) throw failure(`could not parse ${noun} to a number`)
  return [value, unit]
}

function parseBytes(text: string): Value {
  const [value, unit] = split(text, 'byte amount')
  const factor = BYTE_FACTORS.get(unit.toLowerCase().replace(/b$/, ''))
  if (factor === undefined) throw failure(`byte unit ${unit} not recognized`)
  const product = multiplyExactly(value, fromBigint(factor))
  // Bytes are whole; a part of one is dropped.
  return typeof product === 'number' && product < 0 ? toWhole(product, 'ceil') : toWhole(product, 'floor')
}

function parseUnits(text: string): Value {
  const [value, unit] = split(text, 'amount')
  // Only the case of m and M differs in meaning: thousandths and millions.
  if (unit === 'm') return multiplyExactly(value, 0.001)
  const factor = BYTE_FACTORS.get(unit.toLowerCase())
  if (factor === undefined) throw failure(`unit ${unit} not recognized`)
  return multiplyExactly(value, fromBigint(factor))
}

interface Version {
  numbers: readonly bigint[]
  preRelease: string
}

const IDENTIFIERS = /^[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*$/

/** A version by SemVer 2.0.0, with or without a `v` before it; undefined where it is none. */
function tryVersion(text: string): Version | undefined {
  spend(text.length >> 2)
  const [core = '', metadata] = splitAt(text.replace(/^v/, ''), '+')
  const [numbers, preRelease] = splitAt(core, '-')
  if (metadata !== undefined && !IDENTIFIERS.test(metadata)) return undefined
  if (preRelease !== undefined && (!IDENTIFIERS.test(preRelease) || /(?:^|\.)0[0-9]+(?:\.|$)/.test(preRelease))) return undefined
  const [, ...parts] = /^(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})$/.exec(numbers) ?? []
  const values = parts.map(BigInt)
  if (values.length < 3 || values.some((value) => BigInt.asIntN(64, value) !== value)) return undefined
  return { numbers: values, preRelease: preRelease ?? '' }
}

function splitAt(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function version(text: string, operand: number): Version {
  const found = tryVersion(text)
  if (!found) throw failure(`operand ${operand}: string ${JSON.stringify(text.slice(0, 200))} is not a valid SemVer`)
  return found
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [version(a, 1), version(b, 2)]
  for (const [i, x] of left.numbers.entries()) {
    const y = right.numbers[i]!
    if (x !== y) return x < y ? -1 : 1
  }
  return comparePreRelease(left.preRelease, right.preRelease)
}

function comparePreRelease(a: string, b: string): number {
  if (a === b) return 0
  if (a === '') return 1
  if (b === '') return -1
  const [left, right] = [a.split('.'), b.split('.')]
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [left[i]!, right[i]!]
    if (x === y) continue
    const [isNumber, isOther] = [/^\d+$/.test(x), /^\d+$/.test(y)]
    if (isNumber && isOther) return x.length < y.length || (x.length === y.length && compareStrings(x, y) < 0) ? -1 : 1
    if (isNumber !== isOther) return isNumber ? -1 : 1
    return compareStrings(x, y) < 0 ? -1 : 1
  }
  return left.length < right.length ? -1 : 1
}
