/** The parser's place among the tokens, and the facts that do not change while a module is parsed. */
import type { RegoError } from '../errors.ts'
import { errorAt } from './source.ts'
import type { Source } from './source.ts'
import type { Token } from './lexer.ts'
import type { Term, Version } from './ast.ts'

export type Keyword = 'in' | 'every' | 'contains' | 'if' | 'and' | 'or' | 'not'
/** Keywords of v1, which v0 imports. */
export const V1_KEYWORDS: readonly Keyword[] = ['in', 'every', 'contains', 'if']
/** Those of v2, which v0 and v1 import. */
export const OPERATORS = ['and', 'or', 'not'] as const
export const FUTURE_KEYWORDS: readonly Keyword[] = [...V1_KEYWORDS, ...OPERATORS]
/** Words that are never variables, unless a dot or a bracket follows at once. */
export const RESERVED: ReadonlySet<string> = new Set([
  'package',
  'import',
  'as',
  'default',
  'else',
  'not',
  'some',
  'with',
  'null',
  'true',
  'false',
])
/** Terms inside terms. */
const MAX_DEPTH = 200

export class Cursor {
  readonly source: Source
  readonly tokens: readonly Token[]
  readonly keywords: Set<Keyword>
  version: Version
  index = 0
  depth = 0
  /** Numbers wildcards, so that each is a variable of its own. */
  wildcards: { count: number }
  /** Composite terms that were parsed while trying a reading, by the index of their first token: nothing is parsed twice. */
  readonly parsed = new Map<number, { term: Term; next: number } | { error: RegoError }>()

  constructor(source: Source, tokens: readonly Token[], version: Version, keywords: Set<Keyword>, wildcards: { count: number }) {
    this.source = source
    this.tokens = tokens
    this.version = version
    this.keywords = keywords
    this.wildcards = wildcards
  }

  get token(): Token {
    return this.tokens[this.index]!
  }

  /** The token after the one at hand. */
  get following(): Token {
    return this.tokens[Math.min(this.index + 1, this.tokens.length - 1)]!
  }

  /** Where the token before the one at hand ended. */
  get lastEnd(): number {
    return this.index === 0 ? 0 : this.tokens[this.index - 1]!.end
  }

  next(): Token {
    const token = this.token
    if (token.type !== 'end') this.index++
    return token
  }

  isOp(text: string): boolean {
    return this.token.type === 'op' && this.token.text === text
  }

  isWord(text: string): boolean {
    return this.token.type === 'name' && this.token.text === text
  }

  /** Whether the word at hand is used as the name of a rule: `not.foo`. */
  get isReferenced(): boolean {
    const { following, token } = this
    return following.type === 'op' && (following.text === '.' || following.text === '[') && following.at === token.end
  }

  isKeyword(keyword: Keyword): boolean {
    return this.keywords.has(keyword) && this.isWord(keyword) && !this.isReferenced
  }

  accept(text: string): boolean {
    if (!this.isOp(text)) return false
    this.index++
    return true
  }

  expect(text: string): Token {
    if (!this.isOp(text)) throw this.unexpected(`expected ${text}`)
    return this.next()
  }

  unexpected(hint: string): RegoError {
    const { token } = this
    const what =
      token.type === 'end' ? 'unexpected end of input' : `unexpected ${NOUNS[token.type]} ${token.type === 'op' ? token.text : ''}`.trim()
    return errorAt(this.source, 'rego_parse_error', hint === '' ? what : `${what}: ${hint}`, token.at)
  }

  fail(message: string, at: number): RegoError {
    return errorAt(this.source, 'rego_parse_error', message, at)
  }

  /** Runs `parse` one level deeper. */
  nested<T>(parse: () => T): T {
    if (++this.depth > MAX_DEPTH) throw this.fail('the source is nested too deeply', this.token.at)
    try {
      return parse()
    } finally {
      this.depth--
    }
  }
}

const NOUNS: Readonly<Record<string, string>> = {
  name: 'identifier',
  number: 'number',
  string: 'string',
  template: 'template string',
  op: 'token',
}
