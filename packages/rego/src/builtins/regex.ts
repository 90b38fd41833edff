/** Regular expressions with RE2's syntax and linear time. */
import { RE2JS } from 're2js'
import { allocate, allocateItems, allocateText, charged, chargeRegex, lookAtClock, spend } from '../run/budget.ts'
import type { Num, Value } from '../values/value.ts'
import { globsIntersect } from './glob-intersection.ts'
import { builtin, failure, integerOperand } from './types.ts'
import type { BuiltinSpec } from './types.ts'

/** Longest pattern, in UTF-16 units. */
export const MAX_PATTERN = 10_000
/** Instructions that one pattern may be compiled to, as they are estimated. */
const MAX_PROGRAM = 100_000
/** Compiling an instruction takes so many steps, and so many bytes. */
const STEPS_PER_INSTRUCTION = 64
const BYTES_PER_INSTRUCTION = 128
/** What a class counts for: of Unicode's, some have hundreds of ranges. */
const CLASS_INSTRUCTIONS = 16
/** Instructions of the patterns that stay compiled, over evaluations. */
const MAX_CACHED = 200_000
const cache = new Map<string, RE2JS>()
let cached = 0
/** Texts shorter than this by the size of the program are searched without looking at the clock. */
const UNWATCHED_WORK = 20_000
/** Characters that are read for one step, and as many times as a program has so many instructions. */
const CHARACTERS_PER_STEP = 8
const INSTRUCTIONS_PER_STEP = 8

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

/** About how many instructions a pattern is compiled to: counts such as `{10,1000}` make that many copies of what they follow. */
function estimateProgram(pattern: string): number {
  const outer: number[] = []
  let total = 1
  let last = 1
  const add = (size: number): void => {
    last = size
    total += size
  }
  for (let i = 0; i < pattern.length && total <= MAX_PROGRAM; i++) {
    const char = pattern[i]!
    if (char === '\\') {
      i++
      add(/[a-z]/i.test(pattern[i] ?? '') ? CLASS_INSTRUCTIONS : 1)
    } else if (char === '[') {
      const start = i
      while (i < pattern.length && (pattern[i] !== ']' || i < start + 2)) i += pattern[i] === '\\' ? 2 : 1
      add(CLASS_INSTRUCTIONS + (i - start))
    } else if (char === '(') {
      outer.push(total)
      total = 2
    } else if (char === ')') {
      const inside = total
      total = outer.pop() ?? 1
      add(inside)
    } else if (char === '{') {
      const [count, from, to] = /^\{(\d{1,9})(?:,(\d{0,9}))?\}/.exec(pattern.slice(i, i + 24)) ?? []
      if (count === undefined) add(1)
      else {
        const copies = Math.max(Number(from), Number(to ?? 0), 1)
        total += last * (copies - 1)
        last *= copies
        i += count.length - 1
      }
    } else add(1)
  }
  return outer.reduce((sum, size) => sum + size, total)
}

/** A compiled pattern. Throws BuiltinError. */
export function compilePattern(pattern: string): RE2JS {
  if (pattern.length > MAX_PATTERN) throw failure('the pattern is too long')
  const known = cache.get(pattern)
  if (known) return known
  const size = estimateProgram(pattern)
  if (size > MAX_PROGRAM) throw failure('the pattern is too long')
  chargeRegex(size, pattern.length)
  spend(size * STEPS_PER_INSTRUCTION)
  allocate(size * BYTES_PER_INSTRUCTION)
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern)
  } catch (error) {
    throw failure(`error parsing regexp: ${(error as Error).message.slice(0, 200)}`)
  }
  keep(pattern, compiled)
  return compiled
}

/** Keeps a compiled pattern, and forgets the oldest ones where they are too many. */
function keep(pattern: string, compiled: RE2JS): void {
  cached += pattern.length + compiled.programSize()
  cache.set(pattern, compiled)
  for (const [oldest, program] of cache) {
    if (cached <= MAX_CACHED) return
    cache.delete(oldest)
    cached -= oldest.length + program.programSize()
  }
}

/** A text that charges being read: the engine, which nothing else can interrupt, is stopped from inside. */
class WatchedText extends String {
  readonly #text: string
  /** Characters for which one charge is made, and what it is. */
  readonly #interval: number
  readonly #steps: number
  #left = 1

  constructor(text: string, size: number) {
    super(text)
    this.#text = text
    const steps = (1 + size / INSTRUCTIONS_PER_STEP) / CHARACTERS_PER_STEP
    this.#interval = Math.ceil(1 / steps)
    this.#steps = Math.ceil(steps * this.#interval)
  }

  override charCodeAt(index: number): number {
    if (--this.#left === 0) {
      this.#left = this.#interval
      spend(this.#steps)
    }
    return this.#text.charCodeAt(index)
  }
}

/** Whether the pattern is found anywhere in the text. */
export function matchesPattern(pattern: string, text: string): boolean {
  return search(pattern, text).find()
}

function search(pattern: string, text: string): ReturnType<RE2JS['matcher']> {
  const compiled = compilePattern(pattern)
  const size = compiled.programSize()
  chargeRegex(size, text.length)
  if (size * text.length < UNWATCHED_WORK) return compiled.matcher(text)
  return compiled.matcher(new WatchedText(text, size) as unknown as string)
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
      allocateItems(3 * (matcher.groupCount() + 1))
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) =>
        matcher.start(i) < 0 ? '' : text.slice(matcher.start(i), matcher.end(i)),
      )
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
    allocateItems(2)
    parts.push(text.slice(begin, end))
    begin = match.end
  }
  if (end !== text.length) parts.push(text.slice(begin))
  return parts
}

/** Go's templates: `$1`, `${name}` and `$$`; a name is as long as it can be. */
const TEMPLATE = /\$(?:(\$)|(\w+)|\{(\w+)\})/g

function replace(text: string, pattern: string, template: string): string {
  const names = compilePattern(pattern).namedGroups()
  const parts: string[] = []
  const add = (piece: string): void => {
    allocateText(piece.length, piece)
    allocateItems(1)
    parts.push(piece)
  }
  let at = 0
  for (const { start, end, groups } of find(pattern, text)) {
    spend(1 + (template.length >> 2))
    const piece = template.replace(TEMPLATE, (_whole, dollar: string | undefined, bare: string | undefined, braced: string | undefined) => {
      if (dollar !== undefined) return '$'
      const name = bare ?? braced!
      return groups[/^\d+$/.test(name) ? Number(name) : (names[name] ?? -1)] ?? ''
    })
    add(text.slice(at, start))
    add(piece)
    at = end
  }
  add(text.slice(at))
  return charged(parts.join(''))
}

/** A template whose parts between the delimiters are patterns, the rest literal; it must match the whole text. */
function templateMatch(template: string, text: string, open: string, close: string): boolean {
  if ([...open].length !== 1 || [...close].length !== 1) throw failure('delimiters must be one character each')
  if (template.length > MAX_PATTERN) throw failure('the pattern is too long')
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
