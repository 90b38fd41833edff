/** Terms and expressions: the part of the grammar that is the same in queries and modules. */
import { parseNumber } from '../values/numbers.ts'
import { RegoError } from '../errors.ts'
import type { Call, Comprehension, Expr, Operand, Ref, Term, Var, With } from './ast.ts'
import { Cursor, RESERVED } from './cursor.ts'
import type { Token } from './lexer.ts'

/** Infix operators by binding strength, the weakest first, and the built-ins that they call. */
const LEVELS: readonly Readonly<Record<string, string>>[] = [
  { '==': 'equal', '!=': 'neq', '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' },
  { '|': 'or' },
  { '&': 'and' },
  { '+': 'plus', '-': 'minus' },
  { '*': 'mul', '/': 'div', '%': 'rem' },
]

/** A body up to `close`, or without one to the end of the source. */
export function parseBody(c: Cursor, close?: string): Expr[] {
  const body: Expr[] = []
  const isAtEnd = (): boolean => (close === undefined ? c.token.type === 'end' : c.isOp(close))
  while (!isAtEnd()) {
    body.push(parseExpr(c))
    if (isAtEnd()) break
    if (!c.accept(';') && !c.token.newline) throw c.unexpected(`expected \\n or ;${close === undefined ? '' : ` or ${close}`}`)
  }
  return body
}

/** One expression with its `with` modifiers. */
export function parseExpr(c: Cursor): Expr {
  const at = c.token.at
  const expr = parseOr(c)
  expr.with.push(...parseWith(c))
  expr.end = c.lastEnd
  if (expr.type === 'some' && expr.with.length > 0) throw c.fail('unexpected with: some cannot be modified', at)
  return expr
}

/** `… or …`, which binds less than `and`. */
function parseOr(c: Cursor): Expr {
  return parseChain(c, 'or', () => parseChain(c, 'and', () => parseOperand(c)))
}

/** An operand that is an expression, or a body in braces. */
type Part = Expr | Operand

function parseChain(c: Cursor, operator: 'and' | 'or', parse: () => Part): Expr {
  const { at } = c.token
  const first = parse()
  let left = first
  while (c.isKeyword(operator)) {
    c.next()
    left = { type: 'logic', operator, operands: [operandOf(c, left), operandOf(c, parse())], ...base(c, at) }
  }
  if ('inBraces' in left && operator === 'or') throw c.unexpected('expected and or or')
  return left as Expr
}

function base(c: Cursor, at: number): { at: number; end: number; negated: false; with: With[] } {
  return { at, end: c.lastEnd, negated: false, with: [] }
}

function operandOf(c: Cursor, part: Part): Operand {
  if ('inBraces' in part) return part
  if (part.type === 'some' || part.type === 'some-in') throw c.fail(`unexpected ${part.type}: write it in braces`, part.at)
  if (part.type === 'assign') throw c.fail('cannot assign vars inside implicit operand: write it in braces', part.at)
  return { body: [part], inBraces: false }
}

/** One side of `and` or `or`: negated, in braces or in parentheses. */
function parseOperand(c: Cursor): Part {
  const { at } = c.token
  if (c.isKeyword('not')) {
    c.next()
    const part = parseOperandOf(c, true)
    return { type: 'logic', operator: 'not', operands: [operandOf(c, part)], ...base(c, at) }
  }
  return parseOperandOf(c, false)
}

function parseOperandOf(c: Cursor, isNegated: boolean): Part {
  const { at } = c.token
  if (c.keywords.has('not') && c.isKeyword('not')) return parseOperand(c)
  const hasOperators = c.keywords.has('and') || c.keywords.has('or')
  if (c.isOp('{') && (hasOperators || isNegated)) {
    const before = c.index > 0 && ['and', 'or', 'not'].includes(c.tokens[c.index - 1]!.text)
    const body = attempt(c, () => {
      const found = parseBraced(c)
      // Alone, it is a set or an object.
      if (!before && !c.isKeyword('and') && !c.isKeyword('or')) throw c.unexpected('')
      return found
    })
    if (body) return { body, inBraces: true }
  }
  if (c.isOp('(') && (hasOperators || c.keywords.has('not'))) {
    const group = attempt(c, () =>
      c.nested(() => {
        c.next()
        const inner = parseExpr(c)
        c.expect(')')
        // Anything else in parentheses is a term.
        if (inner.type !== 'logic' && inner.with.length === 0) throw c.unexpected('')
        return inner
      }),
    )
    if (group) return group
  }
  const negated = !c.keywords.has('not') && c.isWord('not') && !c.isReferenced
  if (negated) c.next()
  return parseCore(c, at, negated)
}

function parseBraced(c: Cursor): Expr[] {
  c.expect('{')
  const body = c.nested(() => parseBody(c, '}'))
  if (body.length === 0) throw c.unexpected('found empty body')
  c.expect('}')
  return body
}

function parseCore(c: Cursor, at: number, negated: boolean): Expr {
  if (c.isWord('some') && !c.isReferenced) {
    if (negated) throw c.unexpected('illegal negation of some')
    return parseSome(c, at)
  }
  if (c.isKeyword('every') && c.following.type !== 'op') {
    if (negated) throw c.unexpected('illegal negation of every')
    return parseEvery(c, at)
  }
  const left = parseInfixTerm(c)
  const common = { at, end: c.lastEnd, negated, with: [] }
  if (c.isOp(':=')) {
    if (negated) throw c.unexpected('cannot negate an assignment')
    c.next()
    return { type: 'assign', left, right: parseInfixTerm(c), ...common }
  }
  if (c.accept('=')) return { type: 'unify', left, right: parseInfixTerm(c), ...common }
  return { type: 'term', term: left, ...common }
}

function parseWith(c: Cursor): With[] {
  const modifiers: With[] = []
  while (c.isWord('with') && !c.isReferenced) {
    const at = c.next().at
    const target = parseTerm(c)
    if (target.type !== 'var' && target.type !== 'ref') throw c.fail('expected with target to be a reference', target.at)
    if (!c.isWord('as')) throw c.unexpected('expected as')
    c.next()
    modifiers.push({ target, value: parseInfixTerm(c), at, end: c.lastEnd })
  }
  return modifiers
}

function parseSome(c: Cursor, at: number): Expr {
  c.next()
  const terms: Term[] = []
  do terms.push(parseLevel(c, 0))
  while (c.accept(','))
  const common = base(c, at)
  if (c.isKeyword('in')) {
    c.next()
    const [first, second, extra] = terms
    if (extra) throw c.fail('some: expected at most a key and a value before in', extra.at)
    const domain = parseInfixTerm(c)
    const [key, value] = second ? [first, second] : [undefined, first!]
    return { type: 'some-in', key, value, domain, ...common }
  }
  for (const term of terms)
    if (term.type !== 'var') throw c.fail(`unexpected ${term.type}: expected a variable after some${missing(c, 'in')}`, term.at)
  return { type: 'some', names: terms as Var[], ...common }
}

/** Says how to get a keyword that the word at hand would be. */
function missing(c: Cursor, keyword: 'in' | 'every'): string {
  return c.isWord(keyword) ? ` (hint: import future.keywords.${keyword})` : ''
}

function parseEvery(c: Cursor, at: number): Expr {
  c.next()
  let key: Term | undefined
  let value = parseTerm(c)
  if (c.accept(',')) [key, value] = [value, parseTerm(c)]
  for (const term of [key, value]) if (term && term.type !== 'var') throw c.fail('unexpected term: every needs variables', term.at)
  if (!c.isKeyword('in')) throw c.unexpected('expected in')
  c.next()
  const domain = parseInfixTerm(c)
  const body = parseBraced(c)
  return { type: 'every', key, value, domain, body, at, end: c.lastEnd, negated: false, with: [] }
}

/** A term with infix operators, where `k, v in x` may stand. */
export function parseInfixTerm(c: Cursor): Term {
  const left = parseLevel(c, 0)
  if (c.isOp(',') && c.keywords.has('in')) {
    const mark = c.index
    c.next()
    const value = attempt(c, () => parseLevel(c, 0))
    if (value && c.isKeyword('in')) {
      c.next()
      return membership(c, call(c, 'internal.member_3', [left, value, parseLevel(c, 0)], 'in'))
    }
    c.index = mark
  }
  return membership(c, left)
}

/** A term with infix operators, inside a list. */
function parseListTerm(c: Cursor): Term {
  return membership(c, parseLevel(c, 0))
}

function membership(c: Cursor, first: Term): Term {
  let left = first
  while (c.isKeyword('in')) {
    c.next()
    left = call(c, 'internal.member_2', [left, parseLevel(c, 0)], 'in')
  }
  return left
}

function call(c: Cursor, name: string, args: Term[], infix: string): Call {
  return { type: 'call', name, args, infix, at: args[0]!.at, end: c.lastEnd }
}

function parseLevel(c: Cursor, level: number, first?: Term): Term {
  const operators = LEVELS[level]
  if (operators === undefined) return first ?? parseTerm(c)
  let left = parseLevel(c, level + 1, first)
  for (;;) {
    const { token } = c
    const name = token.type === 'op' && Object.hasOwn(operators, token.text) ? operators[token.text] : undefined
    if (name === undefined) return left
    c.next()
    left = call(c, name, [left, parseLevel(c, level + 1)], token.text)
  }
}

/** A term without infix operators. */
export function parseTerm(c: Cursor): Term {
  return c.nested(() => parseSuffix(c, parsePrimary(c)))
}

function parsePrimary(c: Cursor): Term {
  const { token } = c
  const { at } = token
  switch (token.type) {
    case 'number':
      return parseNumberTerm(c, '')
    case 'string':
      c.next()
      return { type: 'scalar', value: token.text, at, end: c.lastEnd }
    case 'template':
      return parseTemplate(c)
    case 'name':
      return parseName(c)
    case 'end':
      throw c.unexpected('')
    case 'op':
      if (token.text === '-' && c.following.type === 'number' && c.following.at === token.end) {
        c.next()
        const term = parseNumberTerm(c, '-')
        return { ...term, at }
      }
      if (token.text === '[' || token.text === '{') return parseOnce(c)
      if (token.text === '(') {
        c.next()
        const term = parseInfixTerm(c)
        c.expect(')')
        return term
      }
      throw c.unexpected('')
  }
}

function parseNumberTerm(c: Cursor, sign: string): Term {
  const token = c.next()
  const value = parseNumber(`${sign}${token.text.startsWith('.') ? '0' : ''}${token.text}`)
  if (value === undefined) throw c.fail('number is too large', token.at)
  return { type: 'scalar', value, at: token.at, end: token.end }
}

function parseName(c: Cursor): Term {
  const { token } = c
  const { at, end, text } = token
  if (!c.isReferenced) {
    if (text === 'true' || text === 'false' || text === 'null') {
      c.next()
      return { type: 'scalar', value: text === 'null' ? null : text === 'true', at, end }
    }
    if (text === 'set' && c.following.text === '(' && c.following.type === 'op' && c.following.at === end) {
      c.next()
      c.next()
      c.expect(')')
      return { type: 'set', items: [], at, end: c.lastEnd }
    }
    if (RESERVED.has(text)) throw c.unexpected(`${text} is a keyword`)
    for (const keyword of ['in', 'if', 'every', 'contains'] as const) {
      const isCall = c.following.text === '(' && c.following.at === end
      if (c.isKeyword(keyword) && !isCall) throw c.unexpected(`${keyword} is a keyword`)
    }
  }
  c.next()
  return { type: 'var', name: text === '_' ? `$${c.wildcards.count++}` : text, at, end }
}

/** `.name`, `[term]` and `(args)`, each directly behind what comes before. */
function parseSuffix(c: Cursor, first: Term): Term {
  let term = first
  for (;;) {
    const { token } = c
    if (token.type !== 'op' || token.at !== c.lastEnd) return term
    if (token.text === '.') {
      if (term.type === 'scalar') return term
      c.next()
      const name = c.token
      if (name.type !== 'name' || name.at !== token.end) throw c.unexpected('expected a name after the dot')
      c.next()
      term = extend(term, { type: 'scalar', value: name.text, at: name.at, end: name.end })
    } else if (token.text === '[') {
      if (term.type === 'scalar') return term
      c.next()
      const key = parseInfixTerm(c)
      c.expect(']')
      term = { ...extend(term, key), end: c.lastEnd }
    } else if (token.text === '(') {
      const name = callName(term)
      if (name === undefined) return term
      c.next()
      const args = parseList(c, ')')
      c.expect(')')
      term = { type: 'call', name, args, at: term.at, end: c.lastEnd }
    } else {
      return term
    }
  }
}

function extend(term: Term, key: Term): Ref {
  if (term.type === 'ref') {
    // Still being read, so nobody else has it.
    term.path.push(key)
    term.end = key.end
    return term
  }
  return { type: 'ref', head: term, path: [key], at: term.at, end: key.end }
}

/** The dotted name of what is called, or undefined where it can't be. */
export function callName(term: Term): string | undefined {
  if (term.type === 'var') return term.name
  if (term.type !== 'ref' || term.head.type !== 'var') return undefined
  const names = term.path.map((key) => (key.type === 'scalar' && typeof key.value === 'string' ? key.value : undefined))
  return names.includes(undefined) ? undefined : [term.head.name, ...names].join('.')
}

/** Terms up to `close`; a comma may follow the last. */
export function parseList(c: Cursor, close: string, first?: Term): Term[] {
  const items: Term[] = []
  if (first) {
    items.push(first)
    if (!c.accept(',')) return items
  }
  while (!c.isOp(close)) {
    items.push(parseListTerm(c))
    if (!c.accept(',')) break
  }
  return items
}

/** A term in brackets or braces, parsed once however often it is tried. */
function parseOnce(c: Cursor): Term {
  const start = c.index
  const known = c.parsed.get(start)
  if (known && 'error' in known) throw known.error
  if (known) {
    c.index = known.next
    return known.term
  }
  try {
    const term = c.isOp('[') ? parseArray(c) : parseBraces(c)
    c.parsed.set(start, { term, next: c.index })
    return term
  } catch (error) {
    if (error instanceof RegoError) c.parsed.set(start, { error })
    throw error
  }
}

/** The result of `parse`; if it fails, undefined, and the cursor stays. */
export function attempt<T>(c: Cursor, parse: () => T): T | undefined {
  const { index, depth } = c
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    c.index = index
    c.depth = depth
    return undefined
  }
}

/** The body of a comprehension behind `|`, if there is one. A vertical bar that can begin a body does: OPA reads it so too. */
function comprehensionBody(c: Cursor, close: string): Expr[] | undefined {
  if (!c.isOp('|')) return undefined
  const mark = c.index
  const body = attempt(c, () => {
    c.next()
    const parsed = parseBody(c, close)
    if (parsed.length === 0) throw c.unexpected('found empty body')
    c.expect(close)
    return parsed
  })
  if (!body) c.index = mark
  return body
}

/** A list's first term, from what was read of it without infix operators. */
function continueTerm(c: Cursor, head: Term): Term {
  return membership(c, parseLevel(c, 0, head))
}

function parseArray(c: Cursor): Term {
  const { at } = c.next()
  if (c.accept(']')) return { type: 'array', items: [], at, end: c.lastEnd }
  const head = parseTerm(c)
  const body = comprehensionBody(c, ']')
  if (body) return { type: 'array-comprehension', term: head, body, at, end: c.lastEnd }
  const items = parseList(c, ']', continueTerm(c, head))
  c.expect(']')
  return { type: 'array', items, at, end: c.lastEnd }
}

function parseBraces(c: Cursor): Term {
  const { at } = c.next()
  if (c.accept('}')) return { type: 'object', entries: [], at, end: c.lastEnd }
  const head = parseTerm(c)
  const body = comprehensionBody(c, '}')
  if (body) return { type: 'set-comprehension', term: head, body, at, end: c.lastEnd }
  const first = continueTerm(c, head)
  if (c.isOp(':')) return parseObject(c, first, at)
  const items = parseList(c, '}', first)
  c.expect('}')
  return { type: 'set', items, at, end: c.lastEnd }
}

function parseObject(c: Cursor, firstKey: Term, at: number): Term {
  c.expect(':')
  const head = parseTerm(c)
  const body = comprehensionBody(c, '}')
  if (body) return { type: 'object-comprehension', key: firstKey, value: head, body, at, end: c.lastEnd } satisfies Comprehension
  const entries: [Term, Term][] = [[firstKey, continueTerm(c, head)]]
  while (c.accept(',')) {
    if (c.isOp('}')) break
    const key = parseListTerm(c)
    c.expect(':')
    entries.push([key, parseListTerm(c)])
  }
  c.expect('}')
  return { type: 'object', entries, at, end: c.lastEnd }
}

function parseTemplate(c: Cursor): Term {
  const token = c.next()
  const parts = token.parts.map((part) => (typeof part === 'string' ? part : parseHole(c, part)))
  return { type: 'template', parts, raw: token.raw, at: token.at, end: token.end }
}

function parseHole(c: Cursor, tokens: Token[]): Expr {
  const inner = new Cursor(c.source, tokens, c.version, c.keywords, c.wildcards)
  inner.depth = c.depth
  const expr = parseExpr(inner)
  if (inner.token.type !== 'end') throw inner.unexpected('expected }')
  return expr
}
