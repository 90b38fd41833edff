/** What only this edge refuses: requests that are malformed, unsigned or without a known action, before any domain is called. */
import type { ErrorKind } from '../foundation/index.ts'

const REFUSALS = {
  invalid_json: { kind: 'invalid', sentence: 'Invalid JSON' },
  body_too_large: { kind: 'invalid', sentence: 'The request body is too large.' },
  missing_parameters: { kind: 'invalid', sentence: 'Missing required parameters' },
  parameter_type: { kind: 'invalid', sentence: 'param type error' },
  nonce_length: { kind: 'invalid', sentence: 'Nonce length error' },
  timestamp_length: { kind: 'invalid', sentence: 'Timestamp length error' },
  timestamp_window: { kind: 'invalid', sentence: 'Timestamp error' },
  sign_error: { kind: 'unauthenticated', sentence: 'sign error' },
  strict_signature: { kind: 'unauthenticated', sentence: 'sign error, this app requires the X-Vouchsafe-Signature header.' },
  unknown_action: { kind: 'not_found', sentence: 'API Not Found' },
  enroll_forwarded: { kind: 'denied', sentence: 'enroll user info failed, open enrolment takes direct loopback requests only.' },
  enroll_token_missing: {
    kind: 'unauthenticated',
    sentence: 'enroll user info failed, enrolment here needs a token (Authorization: Bearer), which operators make.',
  },
  force_delete: { kind: 'invalid', sentence: 'The forceDelete must be true or false' },
} as const satisfies Record<string, { kind: ErrorKind; sentence: string }>

export type EhsmRefusalCode = keyof typeof REFUSALS

export const EHSM_REFUSAL_CODES = Object.keys(REFUSALS) as EhsmRefusalCode[]

/** A refusal by this edge itself, with its sentence as the message. */
export class EhsmRefusal extends Error {
  override readonly name = 'EhsmRefusal'
  readonly code: EhsmRefusalCode

  constructor(code: EhsmRefusalCode, sentence: string = REFUSALS[code].sentence) {
    super(sentence)
    this.code = code
  }

  get kind(): ErrorKind {
    return REFUSALS[this.code].kind
  }
}
