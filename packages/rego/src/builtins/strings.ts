/** Strings. Positions and lengths count code points. */
import { allocate, allocateItems, spend } from '../run/budget.ts'
import type { RegoObject, RegoSet } from '../values/collections.ts'
import { toBigint, toWhole } from '../values/numbers.ts'
import { sortedEntries } from '../values/operations.ts'
import { isArray, isSet, kindOf } from '../values/value.ts'
import type { Num, PlainObject, Value } from '../values/value.ts'
import { itemsOf } from './collections.ts'
import { builtin, failure, integerOperand, operandError, stringsOf, typeFailure } from './types.ts'
import type { BuiltinSpec } from './types.ts'
import { sprintf } from './sprintf.ts'

type List = readonly Value[] | RegoSet
type Texts = string | List

export const stringBuiltins: readonly BuiltinSpec[] = [
  builtin('concat', ['string', 'array|set'], 'string', (delimiter: string, list: List) => {
    const texts = stringsOf(itemsOf(list), 2, isSet(list) ? 'set' : 'array')
    return charged(texts.join(delimiter))
  }),
  builtin('contains', ['string', 'string'], 'boolean', (text: string, part: string) => text.includes(part)),
  builtin('startswith', ['string', 'string'], 'boolean', (text: string, part: string) => text.startsWith(part)),
  builtin('endswith', ['string', 'string'], 'boolean', (text: string, part: string) => text.endsWith(part)),
  builtin('format_int', ['number', 'number'], 'string', formatInt),
  builtin('indexof', ['string', 'string'], 'number', (text: string, part: string) => {
    if (part === '') throw failure('empty search character')
    const at = text.indexOf(part)
    return at < 0 ? -1 : codePoints(text.slice(0, at))
  }),
  builtin('indexof_n', ['string', 'string'], 'array', indexesOf),
  builtin('lower', ['string'], 'string', (text: string) => charged(text.toLowerCase())),
  builtin('upper', ['string'], 'string', (text: string) => charged(text.toUpperCase())),
  builtin('replace', ['string', 'string', 'string'], 'string', replaceAll),
  builtin('reverse', ['string'], 'string', (text: string) => charged([...text].reverse().join(''))),
  builtin('strings.reverse', ['string'], 'string', (text: string) => charged([...text].reverse().join(''))),
  builtin('split', ['string', 'string'], 'array', (text: string, delimiter: string) => {
    const parts = delimiter === '' ? [...text] : text.split(delimiter)
    allocateItems(parts.length + text.length)
    return parts
  }),
  builtin('sprintf', ['string', 'array'], 'string', (format: string, values: readonly Value[]) => charged(sprintf(format, values))),
  builtin('substring', ['string', 'number', 'number'], 'string', substring),
  builtin('trim', ['string', 'string'], 'string', (text: string, set: string) => trimSet(text, set, true, true)),
  builtin('trim_left', ['string', 'string'], 'string', (text: string, set: string) => trimSet(text, set, true, false)),
  builtin('trim_right', ['string', 'string'], 'string', (text: string, set: string) => trimSet(text, set, false, true)),
  builtin('trim_prefix', ['string', 'string'], 'string', (text: string, part: string) =>
    text.startsWith(part) ? text.slice(part.length) : text,
  ),
  builtin('trim_suffix', ['string', 'string'], 'string', (text: string, part: string) =>
    part !== '' && text.endsWith(part) ? text.slice(0, -part.length) : text,
  ),
  builtin('trim_space', ['string'], 'string', (text: string) => text.replace(/^[\p{White_Space}]+/u, '').replace(TRAILING_SPACE, '')),
  builtin('strings.any_prefix_match', ['any', 'any'], 'boolean', (texts: Texts, parts: Texts) =>
    anyMatch(texts, parts, (text, part) => text.startsWith(part)),
  ),
  builtin('strings.any_suffix_match', ['any', 'any'], 'boolean', (texts: Texts, parts: Texts) =>
    anyMatch(texts, parts, (text, part) => text.endsWith(part)),
  ),
  builtin('strings.count', ['string', 'string'], 'number', (text: string, part: string) =>
    part === '' ? codePoints(text) + 1 : occurrences(text, part),
  ),
  builtin('strings.replace_n', ['object', 'string'], 'string', replaceMany),
]

const TRAILING_SPACE = /(?<![\p{White_Space}])[\p{White_Space}]+$/u

function charged(text: string): string {
  allocate(text.length)
  return text
}

function codePoints(text: string): number {
  return [...text].length
}

function formatInt(value: Num, base: Num): Value {
  const radix = integerOperand(base, 2)
  if (![2, 8, 10, 16].includes(radix)) throw operandError(2, 'must be one of {2, 8, 10, 16}')
  const whole = toBigint(toWhole(value, 'floor'))!
  // A fraction is cut off, not rounded down.
  const isCut = toBigint(value) === undefined && whole < 0n
  return (isCut ? whole + 1n : whole).toString(radix)
}

function indexesOf(text: string, part: string): Value {
  if (part === '') throw failure('empty search character')
  const found: number[] = []
  let units = 0
  let points = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    points += codePoints(text.slice(units, at))
    units = at
    found.push(points)
  }
  allocateItems(found.length)
  return found
}

/** How often a part is in a text, without overlaps. */
function occurrences(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}

function replaceAll(text: string, from: string, to: string): string {
  const count = from === '' ? codePoints(text) + 1 : occurrences(text, from)
  allocate(text.length + count * to.length)
  if (from === '') return to + [...text].map((char) => char + to).join('')
  return text.split(from).join(to)
}

function substring(text: string, offset: Num, length: Num): string {
  const [start, size] = [integerOperand(offset, 2), integerOperand(length, 3)]
  if (start < 0) throw failure('negative offset')
  const points = [...text]
  const end = size < 0 ? points.length : Math.min(points.length, start + size)
  return charged(points.slice(start, end).join(''))
}

function trimSet(text: string, set: string, left: boolean, right: boolean): string {
  const cut = new Set(set)
  const points = [...text]
  let [start, end] = [0, points.length]
  while (left && start < end && cut.has(points[start]!)) start++
  while (right && end > start && cut.has(points[end - 1]!)) end--
  return points.slice(start, end).join('')
}

function anyMatch(texts: Texts, parts: Texts, matches: (text: string, part: string) => boolean): boolean {
  const [left, right] = [textsOf(texts, 1), textsOf(parts, 2)]
  spend(left.length * right.length)
  return left.some((text) => right.some((part) => matches(text, part)))
}

function textsOf(texts: Texts, operand: number): readonly string[] {
  if (typeof texts === 'string') return [texts]
  if (isArray(texts)) return stringsOf(texts, operand, 'array')
  if (isSet(texts)) return stringsOf(itemsOf(texts), operand, 'set')
  throw operandError(operand, `must be one of {string, set, array} but got ${kindOf(texts)}`)
}

/** Replaces several strings at once: at each place the first that fits, in the order of the patterns. */
function replaceMany(patterns: RegoObject | PlainObject, text: string): string {
  const pairs = sortedEntries(patterns).map(([from, to]) => {
    if (typeof from !== 'string') throw typeFailure('operand 1 non-string key found in pattern object')
    if (typeof to !== 'string') throw typeFailure('operand 1 non-string value found in pattern object')
    return [from, to] as const
  })
  spend(text.length * (pairs.length + 1))
  let result = ''
  for (let at = 0; at < text.length;) {
    const pair = pairs.find(([from]) => from !== '' && text.startsWith(from, at))
    const piece = pair ? pair[1] : text[at]!
    allocate(piece.length)
    result += piece
    at += pair ? pair[0].length : 1
  }
  return result
}
