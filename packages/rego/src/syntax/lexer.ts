/** Tokens. Strings are decoded here; template strings come as one token, whose expressions the parser reads from the same source. */
import type { Comment } from './ast.ts'
import { errorAt } from './source.ts'
import type { Source } from './source.ts'

export type TokenType = 'name' | 'number' | 'string' | 'template' | 'op' | 'end'

export interface Token {
  type: TokenType
  /** The token's text; of a string, its value. */
  text: string
  at: number
  end: number
  /** Whether a line break lies between it and the token before. */
  newline: boolean
  /** Whether it was written in backticks. */
  raw: boolean
  /** Of a template: strings in turn with the tokens of an expression. */
  parts: (string | Token[])[]
}

const OPERATORS = [':=', '==', '!=', '<=', '>=', ...'=<>+-*/%&|.,;:()[]{}']
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
/** Templates inside templates. */
const MAX_NESTING = 32

export interface Lexed {
  tokens: Token[]
  comments: Comment[]
}

/** Splits a module into tokens; the last is `end`. Throws RegoError. */
export function tokenize(source: Source): Lexed {
  const comments: Comment[] = []
  const lexer = { source, comments, at: 0 }
  const tokens = readTokens(lexer, undefined, 0)
  return { tokens, comments }
}

interface Lexer {
  source: Source
  comments: Comment[]
  at: number
}

/** Tokens to the end of the source, or to the brace that closes a template's expression that began at `opened`. */
function readTokens(lexer: Lexer, opened: number | undefined, nesting: number): Token[] {
  const text = lexer.source.source
  const tokens: Token[] = []
  let braces = 0
  for (;;) {
    const newline = skipBlank(lexer)
    const at = lexer.at
    const push = (type: TokenType, value: string, more?: Partial<Token>): void => {
      tokens.push({ type, text: value, at, end: lexer.at, newline, raw: false, parts: [], ...more })
    }
    if (at >= text.length) {
      if (opened !== undefined) throw errorAt(lexer.source, 'rego_parse_error', 'unterminated template expression', opened)
      push('end', 'end of file')
      return tokens
    }
    const char = text[at]!
    if (char === '}' && opened !== undefined && braces === 0) {
      push('end', '}')
      lexer.at++
      return tokens
    }
    if (char === '{') braces++
    if (char === '}') braces--
    if (char === '"') {
      const value = readString(lexer)
      push('string', value)
    } else if (char === '`') {
      const value = readRaw(lexer)
      push('string', value, { raw: true })
    } else if (char === '$' && (text[at + 1] === '"' || text[at + 1] === '`')) {
      if (nesting >= MAX_NESTING) throw errorAt(lexer.source, 'rego_parse_error', 'template strings are nested too deeply', at)
      lexer.at++
      const raw = text[at + 1] === '`'
      const parts = readTemplate(lexer, raw, nesting + 1)
      push('template', '', { parts, raw })
    } else {
      const name = match(NAME, text, at)
      const number = name === undefined ? match(NUMBER, text, at) : undefined
      const word = name ?? number ?? OPERATORS.find((operator) => text.startsWith(operator, at))
      if (word === undefined) throw errorAt(lexer.source, 'rego_parse_error', 'illegal token', at)
      lexer.at += word.length
      if (number !== undefined && match(NAME, text, lexer.at) !== undefined)
        throw errorAt(lexer.source, 'rego_parse_error', 'illegal number format', at)
      push(name !== undefined ? 'name' : number !== undefined ? 'number' : 'op', word)
    }
  }
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

/** Skips blanks and comments; whether a line break was among them. */
function skipBlank(lexer: Lexer): boolean {
  const text = lexer.source.source
  let newline = false
  for (;;) {
    const char = text[lexer.at]
    if (char === '#') {
      const end = text.indexOf('\n', lexer.at)
      const stop = end < 0 ? text.length : end
      lexer.comments.push({ at: lexer.at, text: text.slice(lexer.at + 1, stop).replace(/\r$/, '') })
      lexer.at = stop
    } else if (char === ' ' || char === '\t' || char === '\r' || char === '\n') {
      newline ||= char === '\n'
      lexer.at++
    } else {
      return newline
    }
  }
}

function readRaw(lexer: Lexer): string {
  const text = lexer.source.source
  const close = text.indexOf('`', lexer.at + 1)
  if (close < 0) throw errorAt(lexer.source, 'rego_parse_error', 'non-terminated string', lexer.at)
  const value = text.slice(lexer.at + 1, close)
  lexer.at = close + 1
  return value
}

function readString(lexer: Lexer): string {
  const start = lexer.at++
  let value = ''
  for (;;) {
    const char = stringChar(lexer, start)
    if (char === '"') {
      lexer.at++
      return value
    }
    value += char === '\\' ? readEscape(lexer) : takeChar(lexer, char)
  }
}

/** The next character inside quotes. */
function stringChar(lexer: Lexer, start: number): string {
  const char = lexer.source.source[lexer.at]
  if (char === undefined || char === '\n') throw errorAt(lexer.source, 'rego_parse_error', 'non-terminated string', start)
  return char
}

function takeChar(lexer: Lexer, char: string): string {
  if (char < ' ' && char !== '\t') throw errorAt(lexer.source, 'rego_parse_error', 'illegal control character in string', lexer.at)
  lexer.at++
  return char
}

function readEscape(lexer: Lexer): string {
  const text = lexer.source.source
  const letter = text[lexer.at + 1] ?? ''
  if (letter === 'u') {
    const hex = text.slice(lexer.at + 2, lexer.at + 6)
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw errorAt(lexer.source, 'rego_parse_error', 'illegal \\u escape in string', lexer.at)
    lexer.at += 6
    return String.fromCharCode(Number.parseInt(hex, 16))
  }
  const value = ESCAPES[letter]
  if (value === undefined) throw errorAt(lexer.source, 'rego_parse_error', 'illegal escape sequence in string', lexer.at)
  lexer.at += 2
  return value
}

function readTemplate(lexer: Lexer, raw: boolean, nesting: number): (string | Token[])[] {
  const start = lexer.at++
  const text = lexer.source.source
  const close = raw ? '`' : '"'
  const parts: (string | Token[])[] = []
  let value = ''
  for (;;) {
    const char = raw ? text[lexer.at] : stringChar(lexer, start)
    if (char === undefined) throw errorAt(lexer.source, 'rego_parse_error', 'non-terminated string', start)
    if (char === close) {
      lexer.at++
      return [...parts, value]
    }
    if (char === '{') {
      parts.push(value)
      value = ''
      const opened = lexer.at++
      parts.push(readTokens(lexer, opened, nesting))
    } else if (char === '\\' && text[lexer.at + 1] === '{') {
      lexer.at += 2
      value += '{'
    } else if (char === '\\' && !raw) {
      value += readEscape(lexer)
    } else if (raw) {
      lexer.at++
      value += char
    } else {
      value += takeChar(lexer, char)
    }
  }
}
