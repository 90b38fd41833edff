// What the appraisal workers are asked for, and what they answer. Everything here is copied between threads, except shared memory.
import type { SharedReferenceSets } from '../reference-values/references.ts'
import type { Check } from '@vouchsafe/checks'
import type { QuoteReport, TcbStatus } from '@vouchsafe/dcap'
import type { EvidenceLimits, PolicyInput } from '../verifiers/verifier.ts'

/** A policy as it is evaluated. */
export interface PolicySource {
  id: string
  version: number
  /** SHA-256 of the text, in hex: the key under which compiled policies are kept. */
  hash: string
  /** Rego. */
  text: string
}

export interface AppraisalTask {
  /** The attester type, which selects the verifier. */
  verifier: string
  evidence: unknown
  nodeId: string
  /** What the quote must contain; undefined if the nonce is ignored. */
  qualifyingData?: Uint8Array
  limits: EvidenceLimits
  /** Determines which claims the token carries for this attester. */
  exportPolicy: PolicySource
  policies: PolicySource[]
  /** The user's reference values; undefined if there are none. */
  references?: SharedReferenceSets
  /** Reports the named checks, and why policies decided as they did; this costs one compilation per policy. */
  explain: boolean
}

export interface PolicyResult {
  id: string
  version: number
  matched: boolean
  /** The policy's `custom_data`, JSON. */
  customData?: unknown
  /** With `explain`: which rules failed and why or, for a policy that matched, what they returned. */
  reasons?: string[]
}

export interface Appraisal {
  /** The export policy's result. */
  exported: { [claim: string]: unknown }
  /** With `explain`. */
  checks: Check[]
  results: PolicyResult[]
}

/** A policy and the inputs that it is tested on. */
export interface Trial {
  text: string
  inputs: PolicyInput[]
}

/** A baseline's reference values as a digest set (see baselines/digest-set.ts). */
export interface BaselineDigests {
  digests: Uint8Array
  count: number
}

/** A quote, and collateral that came with it. */
export interface QuoteTask {
  quote: Uint8Array
  /** JSON, as VerifyQuote takes it. */
  collateral: string
  /** Milliseconds since 1970. */
  at: number
  /** DER. */
  roots: Uint8Array[]
  accept: readonly TcbStatus[]
}

export interface Jobs {
  appraise: { input: AppraisalTask; output: Appraisal }
  /** The failure is the outcome: a policy that passes returns nothing. */
  try: { input: Trial; output: null }
  /** The payload of a baseline's JWT, base64url. */
  'read-baseline': { input: string; output: BaselineDigests }
  'build-references': { input: Uint8Array[]; output: SharedArrayBuffer }
  'verify-quote': { input: QuoteTask; output: QuoteReport }
}

export type JobName = keyof Jobs
export type Job = { [N in JobName]: { name: N; input: Jobs[N]['input'] } }[JobName]

/** `evidence`, `policy` and `content`: the caller's, and public; `internal`: ours, for the log. */
export interface Failure {
  kind: 'evidence' | 'policy' | 'content' | 'internal'
  message: string
}

export type Reply = { output: Jobs[JobName]['output'] } | { failure: Failure }
