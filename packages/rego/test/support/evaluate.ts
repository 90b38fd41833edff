// Shorthands: a policy of one module, and what it gives or how it is refused.
import assert from 'node:assert/strict'
import { compile, EvaluationError, LimitError, RegoError } from '../../src/index.ts'
import type { CompileOptions, EvaluateOptions, JavaScriptValue, Outcome, Policy } from '../../src/index.ts'

export function policyOf(source: string, options: CompileOptions = {}): Policy {
  return compile([{ file: 'policy.rego', source }], options)
}

/** Evaluates `data.p.x`, or another query, of a module of package p in v1. */
export function outcomeOf(rules: string, options: Partial<EvaluateOptions> = {}): Outcome {
  return policyOf(`package p\n\nimport rego.v1\n\n${rules}\n`).evaluate({ query: 'data.p.x', ...options })
}

export function valueOf(rules: string, options: Partial<EvaluateOptions> = {}): JavaScriptValue | undefined {
  return outcomeOf(rules, options).result
}

/** The value of an expression. */
export function expression(text: string, options: Partial<EvaluateOptions> = {}): JavaScriptValue | undefined {
  return valueOf(`x := ${text}`, options)
}

/** The error that a source is refused with. */
export function refusal(source: string, options: CompileOptions = {}): RegoError {
  try {
    policyOf(source, options)
  } catch (error) {
    assert.ok(error instanceof RegoError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: `not refused: ${source}` })
}

/** The limit that a policy exceeds. */
export function exceeded(rules: string, options: Partial<EvaluateOptions> = {}): string {
  try {
    outcomeOf(rules, options)
  } catch (error) {
    assert.ok(error instanceof LimitError, String((error as Error).stack))
    assert.equal(error.message.includes(String(error.allowed)), true)
    return error.limit
  }
  return 'nothing'
}

/** The code of the error that an evaluation ends with. */
export function failureOf(rules: string, options: Partial<EvaluateOptions> = {}): EvaluationError {
  try {
    outcomeOf(rules, { strict: true, ...options })
  } catch (error) {
    assert.ok(error instanceof EvaluationError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: `no failure: ${rules}` })
}
