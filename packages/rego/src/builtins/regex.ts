/** Regular expressions with RE2's syntax and linear time. */
import { RE2JS } from 're2js'
import { allocate, allocateItems, chargeRegex, lookAtClock } from '../run/budget.ts'
import type { Num, Value } from '../values/value.ts'
import { globsIntersect } from './glob-intersection.ts'
import { builtin, failure, integerOperand } from './types.ts'
import type { BuiltinSpec } from './types.ts'

/** Longest pattern, in UTF-16 units. */
const MAX_PATTERN = 10_000
/** Copies that counts in one pattern may ask for. */
const MAX_REPEATS = 100_000
/** Patterns that stay compiled, over evaluations. */
const MAX_CACHED = 256
const cache = new Map<string, RE2JS>()

export const regexBuiltins: readonly BuiltinSpec[] = [
  builtin('regex.match', ['string', 'string'], 'boolean', (pattern: string, text: string) => search(pattern, text).find()),
  builtin('re_match', ['string', 'string'], 'boolean', (pattern: string, text: string) => search(pattern, text).find()),
  builtin('regex.is_valid', ['any'], 'boolean', (pattern: Value) => typeof pattern === 'string' && isValid(pattern)),
  builtin('regex.split', ['string', 'string'], 'array', split),
  builtin('regex.find_n', ['string', 'string', 'number'], 'array', (pattern: string, text: string, limit: Num) =>
    matches(pattern, text, integerOperand(limit, 3)).map(([whole]) => whole!),
  ),
  builtin('regex.find_all_string_submatch_n', ['string', 'string', 'number'], 'array', (pattern: string, text: string, limit: Num) =>
    matches(pattern, text, integerOperand(limit, 3)),
  ),
  builtin('regex.replace', ['string', 'string', 'string'], 'string', replace),
  builtin('regex.template_match', ['string', 'string', 'string', 'string'], 'boolean', templateMatch),
  builtin('regex.globs_match', ['string', 'string'], 'boolean', globsIntersect),
]

/** The sum of all counts such as `{10,1000}`: each makes that many copies. */
function repeats(pattern: string): number {
  return [...pattern.matchAll(/\{(\d{1,4})(?:,(\d{0,4}))?\}/g)].reduce(
    (total, [, from, to]) => total + Math.max(Number(from), Number(to ?? 0)),
    0,
  )
}

/** A compiled pattern. Throws BuiltinError. */
export function compilePattern(pattern: string): RE2JS {
  if (pattern.length > MAX_PATTERN || repeats(pattern) > MAX_REPEATS) throw failure('the pattern is too long')
  const known = cache.get(pattern)
  if (known) return known
  chargeRegex(pattern.length, pattern.length)
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern)
  } catch (error) {
    throw failure(`error parsing regexp: ${(error as Error).message.slice(0, 200)}`)
  }
  const [oldest] = cache.keys()
  if (cache.size >= MAX_CACHED && oldest !== undefined) cache.delete(oldest)
  cache.set(pattern, compiled)
  return compiled
}

/** Whether the pattern is found anywhere in the text. */
export function matchesPattern(pattern: string, text: string): boolean {
  return search(pattern, text).find()
}

function search(pattern: string, text: string): ReturnType<RE2JS['matcher']> {
  const compiled = compilePattern(pattern)
  chargeRegex(compiled.programSize(), text.length)
  return compiled.matcher(text)
}

function isValid(pattern: string): boolean {
  try {
    compilePattern(pattern)
    return true
  } catch (error) {
    if ((error as Error).name === 'LimitError') throw error
    return false
  }
}

/** Where each match begins and ends, with its groups; Go leaves out empty matches next to a match. */
function* find(pattern: string, text: string): Generator<{ start: number; end: number; groups: string[] }> {
  const matcher = search(pattern, text)
  const size = compilePattern(pattern).programSize()
  let last = -1
  for (let at = 0; at <= text.length;) {
    chargeRegex(size, 1)
    lookAtClock()
    if (!matcher.find(at)) return
    const [start, end] = [matcher.start(), matcher.end()]
    const isEmpty = start === end
    if (!(isEmpty && start === last)) {
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? '')
      allocate(groups.reduce((total, group) => total + group.length + 1, 1))
      yield { start, end, groups }
    }
    last = end
    at = isEmpty ? end + (text.codePointAt(end)! > 0xffff ? 2 : 1) : end
  }
}

function matches(pattern: string, text: string, limit: number): string[][] {
  const found: string[][] = []
  for (const { groups } of find(pattern, text)) {
    if (limit >= 0 && found.length >= limit) break
    found.push(groups)
  }
  return found
}

function split(pattern: string, text: string): string[] {
  if (pattern.length > 0 && text.length === 0) return ['']
  const parts: string[] = []
  let begin = 0
  let end = 0
  for (const match of find(pattern, text)) {
    if (match.end === 0) continue
    end = match.start
    if (match.end !== 0) parts.push(text.slice(begin, end))
    begin = match.end
  }
  if (end !== text.length) parts.push(text.slice(begin))
  allocateItems(text.length + parts.length)
  return parts
}

/** Go's templates: `$1`, `${name}` and `$$`; a name is as long as it can be. */
const TEMPLATE = /\$(?:(\$)|(\w+)|\{(\w+)\})/g

function replace(text: string, pattern: string, template: string): string {
  const names = compilePattern(pattern).namedGroups()
  let result = ''
  let at = 0
  for (const { start, end, groups } of find(pattern, text)) {
    const piece = template.replace(TEMPLATE, (_whole, dollar: string | undefined, bare: string | undefined, braced: string | undefined) => {
      if (dollar !== undefined) return '$'
      const name = bare ?? braced!
      return groups[/^\d+$/.test(name) ? Number(name) : (names[name] ?? -1)] ?? ''
    })
    allocate(piece.length + start - at)
    result += text.slice(at, start) + piece
    at = end
  }
  return result + text.slice(at)
}

/** A template whose parts between the delimiters are patterns, the rest literal; it must match the whole text. */
function templateMatch(template: string, text: string, open: string, close: string): boolean {
  if ([...open].length !== 1 || [...close].length !== 1) throw failure('delimiters must be one character each')
  let pattern = '^'
  let at = 0
  while (at < template.length) {
    const start = template.indexOf(open, at)
    const literal = template.slice(at, start < 0 ? undefined : start)
    if (literal.includes(close)) throw failure(`unbalanced braces in ${JSON.stringify(template)}`)
    pattern += RE2JS.quote(literal)
    if (start < 0) break
    const end = closing(template, start, open, close)
    pattern += `(${template.slice(start + open.length, end)})`
    at = end + close.length
  }
  return search(`${pattern}$`, text).find()
}

function closing(template: string, start: number, open: string, close: string): number {
  let depth = 0
  for (let i = start; i < template.length; i++) {
    // Where both are the same, the next one closes.
    if (template.startsWith(close, i) && (open !== close || i > start)) {
      if (open === close || --depth === 0) return i
    } else if (template.startsWith(open, i)) {
      depth++
    }
  }
  throw failure(`unbalanced braces in ${JSON.stringify(template)}`)
}
