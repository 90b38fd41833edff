// What the appraisal workers are asked for, and what they answer. Everything here is copied between threads, but for shared memory.
import type { SharedReferenceSets } from '../reference-values/references.ts'
import type { Check } from '@vouchsafe/checks'
import type { EvidenceLimits, PolicyInput } from '../verifiers/verifier.ts'

/** A policy as it is evaluated. */
export interface PolicySource {
  id: string
  version: number
  /** SHA-256 of the text, in hex: compiled policies are kept under it. */
  hash: string
  /** Rego. */
  text: string
}

export interface AppraisalTask {
  /** The attester type, whose verifier does it. */
  verifier: string
  evidence: unknown
  nodeId: string
  /** What the quote must contain; undefined when the nonce is ignored. */
  qualifyingData?: Uint8Array
  limits: EvidenceLimits
  /** Says which claims the token carries for this attester. */
  exportPolicy: PolicySource
  policies: PolicySource[]
  /** The user's reference values; undefined when there are none. */
  references?: SharedReferenceSets
  /** Tells the named checks, and why policies decided as they did; this costs a compilation of each. */
  explain: boolean
}

export interface PolicyResult {
  id: string
  version: number
  matched: boolean
  /** The policy's `custom_data`, JSON. */
  customData?: unknown
  /** With `explain`: which rules failed and why, or, of a policy that matched, what they gave. */
  reasons?: string[]
}

export interface Appraisal {
  /** The export policy's result. */
  exported: { [claim: string]: unknown }
  /** With `explain`. */
  checks: Check[]
  results: PolicyResult[]
}

/** A policy and the inputs that it is tried on. */
export interface Trial {
  text: string
  inputs: PolicyInput[]
}

/** A baseline's reference values as a digest set (see baselines/digest-set.ts). */
export interface BaselineDigests {
  digests: Uint8Array
  count: number
}

export interface Jobs {
  appraise: { input: AppraisalTask; output: Appraisal }
  /** The outcome is in the failure: a policy that passes gives nothing. */
  try: { input: Trial; output: null }
  /** The payload of a baseline's JWT, base64url. */
  'read-baseline': { input: string; output: BaselineDigests }
  'build-references': { input: Uint8Array[]; output: SharedArrayBuffer }
}

export type JobName = keyof Jobs
export type Job = { [N in JobName]: { name: N; input: Jobs[N]['input'] } }[JobName]

/** `evidence`, `policy` and `content`: the caller's, and public; `internal`: ours, for the log. */
export interface Failure {
  kind: 'evidence' | 'policy' | 'content' | 'internal'
  message: string
}

export type Reply = { output: Jobs[JobName]['output'] } | { failure: Failure }
