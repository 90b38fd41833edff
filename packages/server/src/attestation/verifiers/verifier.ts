/**
 * A verifier of one kind of evidence. Verifiers are pure and run inside the appraisal worker; whatever needs the store (trust in a
 * certificate, the reference values) is done or prepared on the main thread.
 */
import type { Sm2Verify } from '@vouchsafe/tpm'
import type { TSchema } from 'typebox'
import type { ReferenceSets } from '../reference-values/references.ts'
import type { Check } from '@vouchsafe/checks'

/** The `input` of policies: the document that a verifier builds from its evidence. */
export type PolicyInput = { readonly [name: string]: unknown }

export type { Sm2Verify }

/** How much of a log is read. */
export interface EvidenceLimits {
  imaEntries: number
  bootLogBytes: number
}

export const EVIDENCE_LIMITS: EvidenceLimits = { imaEntries: 100_000, bootLogBytes: 5 * 1024 * 1024 }

export interface EvidenceFacts {
  nodeId: string
  /** What the quote must contain; undefined if the nonce is ignored. */
  qualifyingData: Uint8Array | undefined
  /** The user's reference values for this kind; undefined if there are none. */
  references: ReferenceSets | undefined
  limits: EvidenceLimits
  /** Without it, quotes of SM2 keys are refused. */
  sm2Verify?: Sm2Verify
}

export interface Verification {
  input: PolicyInput
  /** Named checks, for explanations. */
  checks: () => Check[]
}

export interface Verifier {
  /** The attester type, such as `tpm_boot`. */
  readonly type: string
  /** The shape of `evidence`. */
  readonly evidenceSchema: TSchema
  /** The field of `evidence` that holds its certificate. */
  readonly certificateField: string
  /** The certificates whose chain is checked before the appraisal, DER. Throws EvidenceError if they cannot be read. */
  certificateOf(evidence: unknown): { leaf: Uint8Array; intermediates: Uint8Array[] }
  /**
   * Verifies evidence and builds the policies' input from it. Anything a policy may decide about (a log that doesn't replay, say) is in the
   * input.
   * @throws {EvidenceError} for faults that are not a verdict: the measurement is refused
   */
  verify(evidence: unknown, facts: EvidenceFacts): Verification
  /** Inputs like those from real evidence, for testing policies before they are stored. */
  samples(): PolicyInput[]
}

/** Evidence that cannot be appraised; the message names the field and is public. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError'
}
