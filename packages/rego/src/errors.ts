/** Errors, named as OPA names them, each with its place in the source and an excerpt that points at it. */
import type { Limits } from './run/budget.ts'

export type CompileCode = 'rego_parse_error' | 'rego_compile_error' | 'rego_type_error' | 'rego_unsafe_var_error' | 'rego_recursion_error'
export type EvaluationCode = 'eval_builtin_error' | 'eval_type_error' | 'eval_conflict_error'
export type ErrorCode = CompileCode | EvaluationCode

/** A place in a module; rows and columns count from 1, the offset in UTF-16 units from 0. */
export interface Location {
  file: string
  row: number
  column: number
  offset: number
}

/** One fault: `message` describes it, `excerpt` shows the line with a caret below the place. */
export interface Fault {
  code: ErrorCode
  message: string
  location: Location | undefined
  excerpt: string
}

/** Columns of a source line that an excerpt shows. */
const EXCERPT_COLUMNS = 120

/** The source line of a place with a caret below it. */
export function excerptOf(source: string, location: Location): string {
  const start = location.offset - location.column + 1
  const end = source.indexOf('\n', location.offset)
  const line = source.slice(start, end < 0 ? source.length : end).replace(/\r$/, '')
  const column = location.offset - start
  const first = column > EXCERPT_COLUMNS - 20 ? column - 40 : 0
  const shown = line.slice(first, first + EXCERPT_COLUMNS)
  return `${shown.replaceAll('\t', ' ')}\n${' '.repeat(Math.min(column - first, shown.length))}^`
}

/**
 * `file:row: code: message`, as OPA prints it, with the excerpt below.
 *
 * @example
 * try {
 *   compile([{ file: 'bad.rego', source: 'package host\n\nallow { x }' }])
 * } catch (error) {
 *   const [line] = error instanceof RegoError ? faultText(error.faults[0]!).split('\n') : []
 *   line // → 'bad.rego:3:9: rego_unsafe_var_error: var x is unsafe'
 * }
 */
export function faultText({ code, message, location, excerpt }: Omit<Fault, 'code'> & { code: string }): string {
  const place = location ? `${location.file}:${location.row}:${location.column}: ` : ''
  return `${place}${code}: ${message}${excerpt === '' ? '' : `\n\t${excerpt.replaceAll('\n', '\n\t')}`}`
}

/**
 * The faults in policy source or a query: all that were found, at least one.
 *
 * @example
 * try {
 *   compile([{ file: 'bad.rego', source: 'package host\n\nallow { x }' }])
 * } catch (error) {
 *   error instanceof RegoError && [error.code, error.faults[0]?.location?.row] // → ['rego_unsafe_var_error', 3]
 * }
 */
export class RegoError extends Error {
  readonly code: ErrorCode
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults.map(faultText).join('\n'))
    this.name = 'RegoError'
    this.code = faults[0]!.code
    this.faults = faults
  }
}

/**
 * A policy that could not be evaluated.
 *
 * @example
 * const policy = compile([{ file: 'a.rego', source: 'package a\n\nx = 1 { input.one }\nx = 2 { input.two }' }])
 * policy.evaluate({ query: 'data.a.x', input: { one: true, two: true } }) // throws EvaluationError
 */
export class EvaluationError extends Error {
  readonly code: EvaluationCode
  location: Location | undefined

  constructor(code: EvaluationCode, message: string, location?: Location) {
    super(message)
    this.name = 'EvaluationError'
    this.code = code
    this.location = location
  }
}

/**
 * A policy exceeded a limit; `limit` names it.
 *
 * @example
 * const policy = compile([{ file: 'a.rego', source: 'package a\n\nn := count([x | x := numbers.range(1, 100000)[_]])' }])
 * policy.evaluate({ query: 'data.a.n', limits: { steps: 1000 } }) // throws LimitError
 */
export class LimitError extends Error {
  readonly limit: keyof Limits
  readonly allowed: number

  constructor(limit: keyof Limits, allowed: number) {
    super(`the policy exceeded its limit of ${allowed} ${LIMIT_NAMES[limit]}`)
    this.name = 'LimitError'
    this.limit = limit
    this.allowed = allowed
  }
}

const LIMIT_NAMES: Readonly<Record<keyof Limits, string>> = {
  steps: 'steps',
  milliseconds: 'milliseconds',
  resultBytes: 'bytes of result',
  depth: 'nested evaluations',
  regexWork: 'units of regular expression work',
  memory: 'bytes of memory',
}

/** A built-in that refuses its operands (`eval_type_error`) or fails on them (`eval_builtin_error`). */
export class BuiltinError extends Error {
  readonly code: 'eval_type_error' | 'eval_builtin_error'

  constructor(code: 'eval_type_error' | 'eval_builtin_error', message: string) {
    super(message)
    this.code = code
  }
}
