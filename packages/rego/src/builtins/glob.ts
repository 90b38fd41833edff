/** Globs: `*` and `?` within delimiters, `**` across them, sets in brackets, alternatives in braces. */
import type { Value } from '../values/value.ts'
import { isArray } from '../values/value.ts'
import { allocateText, spend } from '../run/budget.ts'
import { MAX_PATTERN, matchesPattern } from './regex.ts'
import { builtin, failure, operandError, stringsOf } from './types.ts'
import type { BuiltinSpec } from './types.ts'
import { kindOf } from '../values/value.ts'

/** Alternatives inside alternatives. */
const MAX_NESTING = 32

export const globBuiltins: readonly BuiltinSpec[] = [
  builtin('glob.match', ['string', 'any', 'string'], 'boolean', (pattern: string, delimiters: Value, text: string) =>
    matchesPattern(globPattern(pattern, delimitersOf(delimiters)), text),
  ),
  builtin('glob.quote_meta', ['string'], 'string', (text: string) => {
    allocateText(2 * text.length, text)
    spend(text.length)
    return text.replace(/[*?\\[\]{}!-]/g, '\\$&')
  }),
]

/** Null means none, no entries the dot. */
function delimitersOf(value: Value): string[] {
  if (value === null) return []
  if (!isArray(value)) throw operandError(2, `must be one of {null, array} but got ${kindOf(value)}`)
  const list = stringsOf(value, 2, 'array')
  for (const each of list) if ([...each].length !== 1) throw failure('delimiters must be one character each')
  return list.length === 0 ? ['.'] : list
}

/** The glob as an RE2 pattern. */
function globPattern(glob: string, delimiters: readonly string[]): string {
  if (glob.length > MAX_PATTERN) throw failure('the pattern is too long')
  const single = delimiters.length === 0 ? '.' : `[^${delimiters.map(inClass).join('')}]`
  const chars = [...glob]
  let depth = 0
  let pattern = ''
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!
    if (char === '*' && chars[i + 1] === '*') {
      pattern += '.*'
      while (chars[i + 1] === '*') i++
    } else if (char === '*') pattern += `${single}*`
    else if (char === '?') pattern += single
    else if (char === '[') {
      const end = chars.indexOf(']', i + 1)
      if (end < 0) throw failure('unexpected end of input: a set is not closed')
      pattern += setPattern(chars.slice(i + 1, end))
      i = end
    } else if (char === '{') {
      if (++depth > MAX_NESTING) throw failure('alternatives are nested too deeply')
      pattern += '(?:'
    } else if (char === '}' && depth > 0) {
      depth--
      pattern += ')'
    } else if (char === ',' && depth > 0) pattern += '|'
    else if (char === '\\' && i + 1 < chars.length) pattern += literal(chars[++i]!)
    else pattern += literal(char)
  }
  if (depth > 0) throw failure('unexpected end of input: alternatives are not closed')
  return `(?s)^(?:${pattern})$`
}

function setPattern(chars: readonly string[]): string {
  const isNegated = chars[0] === '!' || chars[0] === '^'
  const items = isNegated ? chars.slice(1) : chars
  if (items.length === 0) throw failure('a set is empty')
  const body = items.map((char, i) => (char === '-' && i > 0 && i < items.length - 1 ? '-' : inClass(char))).join('')
  return `[${isNegated ? '^' : ''}${body}]`
}

function literal(char: string): string {
  return char.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

function inClass(char: string): string {
  return char.replace(/[\^\-\]\\[]/g, '\\$&')
}
