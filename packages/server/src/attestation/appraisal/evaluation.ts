/**
 * Evaluates policies under limits (contract §9): `data.verification.result` must be an object whose `policy_matched` is a boolean. Runs in the
 * appraisal workers, where compiled policies are kept by the hash of their text.
 */
import { compile, LimitError, RegoError, type JavaScriptValue, type Policy } from '@vouchsafe/rego'
import { LRUCache } from 'lru-cache'
import type { PolicyInput } from '../verifiers/verifier.ts'
import type { PolicyResult, PolicySource, Trial } from './task.ts'

const QUERY = 'data.verification.result'
/** Limit for one policy's result, as JSON. */
const MAX_RESULT_BYTES = 500 * 1024
const MAX_MEMORY = 128 * 1024 * 1024
const POLICY_MS = 2_000
const TRIAL_MS = 1_000
/** Limit for the policy text whose compiled form one worker keeps. */
const MAX_CACHED_CHARACTERS = 8 * 1024 * 1024
const MAX_REASONS = 32
const MAX_REASON_LENGTH = 500

/** A policy that returns no verdict; the message is public. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
}

const compiled = new LRUCache<string, Policy>({ maxSize: MAX_CACHED_CHARACTERS })

/** The time that the policies of one appraisal share. */
export class PolicyTime {
  readonly #until: number

  constructor(milliseconds: number) {
    this.#until = performance.now() + milliseconds
  }

  /** The limits for one policy. */
  share(): number {
    const left = this.#until - performance.now()
    if (left <= 0) throw new PolicyError('the policies together took longer than they may')
    return Math.min(left, POLICY_MS)
  }
}

/** Evaluates a user's policy. Throws PolicyError. */
export function evaluatePolicy(source: PolicySource, input: PolicyInput, explain: boolean, time: PolicyTime): PolicyResult {
  const { id, version } = source
  try {
    const outcome = evaluate(policyOf(source), input, explain, time.share())
    const { policy_matched: matched, custom_data: customData } = verdictOf(outcome.result)
    const result = { id, version, matched, ...(customData === undefined ? {} : { customData }) }
    return explain ? { ...result, reasons: reasonsOf(outcome.explanation, matched) } : result
  } catch (error) {
    if (error instanceof PolicyError) throw new PolicyError(`policy ${id}: ${error.message}`)
    throw error
  }
}

/** Evaluates an export policy, whose result is an object of claims. Throws PolicyError. */
export function evaluateExport(source: PolicySource, input: PolicyInput, time: PolicyTime): { [claim: string]: unknown } {
  const { result } = evaluate(policyOf(source), input, false, time.share())
  if (!isObject(result)) throw new PolicyError(`export policy ${source.id}: its result is not an object`)
  return result
}

/** Compiles a policy and evaluates it on each input. Throws PolicyError if it does not compile, or returns no verdict on one of them. */
export function tryPolicy({ text, inputs }: Trial): void {
  const policy = compileText(text)
  inputs.forEach((input) => verdictOf(evaluate(policy, input, false, TRIAL_MS).result))
}

function policyOf({ hash, text }: PolicySource): Policy {
  const known = compiled.get(hash)
  if (known) return known
  const policy = compileText(text)
  compiled.set(hash, policy, { size: Math.max(1, text.length) })
  return policy
}

function compileText(source: string): Policy {
  try {
    return compile([{ file: 'policy', source }])
  } catch (error) {
    if (error instanceof RegoError || error instanceof LimitError) throw new PolicyError(`Failed to compile policy: ${error.message}`)
    // Nested beyond the parser's own bound.
    if (error instanceof RangeError) throw new PolicyError('Failed to compile policy: it is nested too deeply')
    throw error
  }
}

function evaluate(policy: Policy, input: PolicyInput, explain: boolean, milliseconds: number) {
  try {
    const limits = { milliseconds, memory: MAX_MEMORY, resultBytes: MAX_RESULT_BYTES }
    const { result, explanation } = policy.evaluate({ query: QUERY, input, explain, limits })
    return { result: result === undefined ? undefined : withoutBigints(result), explanation }
  } catch (error) {
    if (error instanceof LimitError && error.limit === 'resultBytes') throw new PolicyError('Output size limit exceeded')
    if (error instanceof Error) throw new PolicyError(`Failed to evaluate policy: ${error.message}`)
    throw error
  }
}

/** With integers that JSON.stringify accepts. */
function withoutBigints(value: JavaScriptValue): JavaScriptValue {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) value.forEach((item, i) => (value[i] = withoutBigints(item)))
  else {
    for (const name in value) {
      const item = withoutBigints(value[name]!)
      if (item !== value[name]) Object.defineProperty(value, name, { value: item })
    }
  }
  return value
}

function verdictOf(result: unknown): { policy_matched: boolean; custom_data?: unknown } {
  if (result === undefined) throw new PolicyError(`Policy evaluation returned no results: ${QUERY} is undefined`)
  if (!isObject(result) || typeof result.policy_matched !== 'boolean') {
    throw new PolicyError(`Failed to extract boolean 'policy_matched' from ${QUERY}`)
  }
  return result as { policy_matched: boolean }
}

function reasonsOf(explanation: ReturnType<Policy['evaluate']>['explanation'], matched: boolean): string[] {
  const failed = explanation.filter(({ outcome }) => outcome === 'failed')
  const told = matched || failed.length === 0 ? explanation : failed
  return told.slice(0, MAX_REASONS).map(({ text }) => text.slice(0, MAX_REASON_LENGTH))
}

function isObject(value: unknown): value is { [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
