/** Strings. Positions and lengths count code points. Each function is charged for what it reads and makes before it does. */
import { allocateItems, allocateText, charged, spend, spendCharacters } from '../run/budget.ts'
import { codePointCount, isPair, unitOffset } from '../values/code-points.ts'
import type { RegoObject, RegoSet } from '../values/collections.ts'
import { toBigint, toWhole } from '../values/numbers.ts'
import { sortedEntries } from '../values/operations.ts'
import { isArray, isSet, kindOf } from '../values/value.ts'
import type { Num, PlainObject, Value } from '../values/value.ts'
import { itemsOf } from './collections.ts'
import { builtin, failure, integerOperand, operandError, positionOperand, stringsOf, typeFailure } from './types.ts'
import type { BuiltinSpec } from './types.ts'
import { sprintf } from './sprintf.ts'

type List = readonly Value[] | RegoSet
type Texts = string | List

export const stringBuiltins: readonly BuiltinSpec[] = [
  builtin('concat', ['string', 'array|set'], 'string', (delimiter: string, list: List) => {
    const texts = stringsOf(itemsOf(list), 2, isSet(list) ? 'set' : 'array')
    const length = texts.reduce((total, text) => total + text.length, delimiter.length * Math.max(0, texts.length - 1))
    allocateText(length, delimiter, ...texts.slice(0, MAX_SAMPLES))
    return texts.join(delimiter)
  }),
  builtin('contains', ['string', 'string'], 'boolean', (text: string, part: string) => text.includes(part)),
  builtin('startswith', ['string', 'string'], 'boolean', (text: string, part: string) => text.startsWith(part)),
  builtin('endswith', ['string', 'string'], 'boolean', (text: string, part: string) => text.endsWith(part)),
  builtin('format_int', ['number', 'number'], 'string', formatInt),
  builtin('indexof', ['string', 'string'], 'number', (text: string, part: string) => {
    if (part === '') throw failure('empty search character')
    const at = text.indexOf(part)
    return at < 0 ? -1 : codePointCount(text.slice(0, at))
  }),
  builtin('indexof_n', ['string', 'string'], 'array', indexesOf),
  builtin('lower', ['string'], 'string', (text: string) => {
    allocateText(text.length, text)
    return text.toLowerCase()
  }),
  builtin('upper', ['string'], 'string', (text: string) => {
    allocateText(text.length, text)
    return text.toUpperCase()
  }),
  builtin('replace', ['string', 'string', 'string'], 'string', replaceAll),
  builtin('reverse', ['string'], 'string', reversed),
  builtin('strings.reverse', ['string'], 'string', reversed),
  builtin('split', ['string', 'string'], 'array', (text: string, delimiter: string) => split(text, delimiter, Infinity)),
  builtin('strings.split_n', ['string', 'string', 'number'], 'array', (text: string, delimiter: string, count: Num) => {
    const limit = positionOperand(count, 3)
    return limit >= 0 ? split(text, delimiter, limit) : split(text, delimiter, Infinity).slice(limit)
  }),
  builtin('sprintf', ['string', 'array'], 'string', (format: string, values: readonly Value[]) => sprintf(format, values)),
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
  builtin('trim_space', ['string'], 'string', (text: string) => trim(text, (point) => WHITE_SPACE.has(point), true, true)),
  builtin('strings.any_prefix_match', ['any', 'any'], 'boolean', (texts: Texts, parts: Texts) =>
    anyMatch(texts, parts, (text, part) => text.startsWith(part)),
  ),
  builtin('strings.any_suffix_match', ['any', 'any'], 'boolean', (texts: Texts, parts: Texts) =>
    anyMatch(texts, parts, (text, part) => text.endsWith(part)),
  ),
  builtin('strings.count', ['string', 'string'], 'number', (text: string, part: string) =>
    part === '' ? codePointCount(text) + 1 : occurrences(text, part),
  ),
  builtin('strings.replace_n', ['object', 'string'], 'string', replaceMany),
]

/** Strings that are looked at to learn whether what they make has wide characters. */
const MAX_SAMPLES = 64
/** Units that are taken apart at once. */
const UNITS_AT_ONCE = 4096
const PER_OCCURRENCE = 2
/** Unicode's property White_Space. */
const WHITE_SPACE: ReadonlySet<number> = new Set([
  9, 10, 11, 12, 13, 32, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028,
  0x2029, 0x202f, 0x205f, 0x3000,
])

function formatInt(value: Num, base: Num): Value {
  const radix = integerOperand(base, 2)
  if (![2, 8, 10, 16].includes(radix)) throw operandError(2, 'must be one of {2, 8, 10, 16}')
  const whole = toBigint(toWhole(value, 'floor'))!
  // A fraction is cut off, not rounded down.
  const isCut = toBigint(value) === undefined && whole < 0n
  return charged((isCut ? whole + 1n : whole).toString(radix))
}

function indexesOf(text: string, part: string): Value {
  if (part === '') throw failure('empty search character')
  allocateItems(occurrences(text, part))
  const found: number[] = []
  let units = 0
  let points = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    points += codePointCount(text.slice(units, at))
    units = at
    found.push(points)
  }
  return found
}

/** How often a part is in a text, without overlaps. */
function occurrences(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    count++
    spend(PER_OCCURRENCE)
  }
  return count
}

function replaceAll(text: string, from: string, to: string): string {
  const count = from === '' ? codePointCount(text) + 1 : occurrences(text, from)
  if (count === 0) return text
  allocateText(text.length + count * (to.length - from.length), text, to)
  spend(count)
  if (from === '') return to + inChunks(text, (chunk) => Array.from(chunk, (char) => char + to).join('')).join('')
  // The engine's own way takes sixteen times the memory and much longer.
  const chunks: string[] = []
  let parts: string[] = []
  let last = 0
  for (let at = text.indexOf(from); at >= 0; at = text.indexOf(from, last)) {
    parts.push(text.slice(last, at), to)
    last = at + from.length
    if (parts.length < UNITS_AT_ONCE) continue
    chunks.push(parts.join(''))
    parts = []
  }
  return [...chunks, ...parts, text.slice(last)].join('')
}

/** What `work` makes of a text piece by piece, no pair of surrogates taken apart: an array of all characters would be too large. */
function inChunks(text: string, work: (chunk: string) => string): string[] {
  const made: string[] = []
  for (let start = 0; start < text.length;) {
    let end = Math.min(text.length, start + UNITS_AT_ONCE)
    if (end < text.length && isPair(text, end - 1)) end++
    made.push(work(text.slice(start, end)))
    start = end
  }
  return made
}

function reversed(text: string): string {
  allocateText(text.length, text)
  spend(text.length >> 2)
  return inChunks(text, (chunk) => Array.from(chunk).reverse().join(''))
    .reverse()
    .join('')
}

/** The parts between delimiters, without one between characters; at most `limit` of them. */
function split(text: string, delimiter: string, limit: number): readonly Value[] {
  const most = delimiter === '' ? codePointCount(text) : occurrences(text, delimiter) + 1
  const count = Math.min(limit, most)
  allocateItems(count * 2)
  spend(count)
  if (delimiter !== '') return text.split(delimiter, count)
  return Array.from(count === most ? text : text.slice(0, unitOffset(text, count)))
}

function substring(text: string, offset: Num, length: Num): string {
  const [start, size] = [positionOperand(offset, 2), positionOperand(length, 3)]
  if (start < 0) throw failure('negative offset')
  const from = unitOffset(text, start)
  const rest = text.slice(from)
  return size < 0 ? rest : rest.slice(0, unitOffset(rest, size))
}

function trimSet(text: string, set: string, left: boolean, right: boolean): string {
  spend(set.length)
  const cut = new Set<number>()
  for (const char of set) cut.add(char.codePointAt(0)!)
  return trim(text, (point) => cut.has(point), left, right)
}

/** Without code points at its ends that `isCut`. */
function trim(text: string, isCut: (point: number) => boolean, left: boolean, right: boolean): string {
  let [start, end] = [0, text.length]
  while (left && start < end && isCut(text.codePointAt(start)!)) {
    spend(1)
    start += isPair(text, start) ? 2 : 1
  }
  while (right && end > start) {
    const last = end - 2 >= start && isPair(text, end - 2) ? end - 2 : end - 1
    if (!isCut(text.codePointAt(last)!)) break
    spend(1)
    end = last
  }
  return text.slice(start, end)
}

function anyMatch(texts: Texts, parts: Texts, matches: (text: string, part: string) => boolean): boolean {
  const [left, right] = [textsOf(texts, 1), textsOf(parts, 2)]
  const compared = right.reduce((total, part) => total + 1 + (part.length >> 6), 0)
  return left.some((text) => {
    spend(compared)
    return right.some((part) => matches(text, part))
  })
}

function textsOf(texts: Texts, operand: number): readonly string[] {
  if (typeof texts === 'string') return [texts]
  if (isArray(texts)) return stringsOf(texts, operand, 'array')
  if (isSet(texts)) return stringsOf(itemsOf(texts), operand, 'set')
  throw operandError(operand, `must be one of {string, set, array} but got ${kindOf(texts)}`)
}

/**
 * Replaces several strings at once: at each place the first that fits, in the order of the patterns. The empty one fits at every place, but
 * not twice in turn.
 */
function replaceMany(patterns: RegoObject | PlainObject, text: string): string {
  const pairs = sortedEntries(patterns).map(([from, to]) => {
    if (typeof from !== 'string') throw typeFailure('operand 1 non-string key found in pattern object')
    if (typeof to !== 'string') throw typeFailure('operand 1 non-string value found in pattern object')
    return [from, to] as const
  })
  const compared = pairs.reduce((total, [from]) => total + 1 + (from.length >> 6), 1)
  const parts: string[] = []
  let last = 0
  let wasEmpty = false
  const add = (piece: string): void => {
    allocateText(piece.length, piece)
    allocateItems(1)
    parts.push(piece)
  }
  for (let at = 0; at <= text.length;) {
    spend(compared)
    const pair = pairs.find(([from]) => (from === '' ? !wasEmpty : text.startsWith(from, at)))
    wasEmpty = pair?.[0] === ''
    if (pair) {
      add(text.slice(last, at))
      add(pair[1])
      at += pair[0].length
      last = at
    } else {
      at += isPair(text, at) ? 2 : 1
    }
  }
  add(text.slice(last))
  spendCharacters(text.length)
  return parts.join('')
}
