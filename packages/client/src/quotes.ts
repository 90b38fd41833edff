// What a quote of the server is bound to, shared by the client, which checks it, and the server, which asks for it.
import { createHash, timingSafeEqual } from 'node:crypto'
import { notAnAnswer } from './exchange.ts'
import { textField } from './fields.ts'
import { canonicalPayload, hmacBase64 } from './signing.ts'

const CHALLENGE_TAG = 'vouchsafe quote challenge v1\n'
const HASH_LENGTH = 32

/**
 * The report data of a quote that answers `challenge`: SHA-256 of a domain tag and the challenge's bytes, then SHA-256 of the server's TLS key
 * (its SubjectPublicKeyInfo in DER), or zeros where the server itself does not speak TLS.
 *
 * @example
 * const challenge = randomBytes(32)
 * quoteReportData(challenge).length // → 64
 */
export function quoteReportData(challenge: Uint8Array, tlsKeyHash: Uint8Array = new Uint8Array(HASH_LENGTH)): Uint8Array {
  if (tlsKeyHash.length !== HASH_LENGTH) throw new TypeError(`tlsKeyHash must be ${HASH_LENGTH} bytes`)
  const digest = createHash('sha256').update(CHALLENGE_TAG).update(challenge).digest()
  return new Uint8Array(Buffer.concat([digest, tlsKeyHash]))
}

/** GenerateQuote. */
export interface GeneratedQuote {
  /** The challenge as the server returned it. */
  challenge: Uint8Array
  /** A quote whose report data is `quoteReportData` of the challenge. */
  quote: Uint8Array
}

/** VerifyQuote. */
export interface VerifyQuoteRequest {
  quote: Uint8Array
  /** Included in the signed answer; random by default. */
  nonce?: Uint8Array
  /** If given, a quote of any other enclave than the policy's is refused with an error. */
  policyId?: string
  /** Collateral as one JSON text, in place of the server's own. */
  collateral?: string
}

/** The result of VerifyQuote; its signature has been checked. */
export interface VerifiedQuote {
  result: boolean
  /** In hex: MRENCLAVE and MRSIGNER; for a TDX quote, MRTD and the empty string. */
  mrEnclave: string
  mrSigner: string
  /** The report: TCB status, advisories, every check. */
  detail: Record<string, unknown>
}

/** GetQuotePolicy. */
export interface QuotePolicy {
  policyId: string
  mrEnclave: string
  mrSigner: string
  createTime: number
}

/** The answer of VerifyQuote, whose `sign` covers everything else in it. Throws VouchsafeConnectionError where it does not. */
export function verifiedQuote(answer: Record<string, unknown>, nonce: string, apikey: string): VerifiedQuote {
  const action = 'VerifyQuote'
  const { sign, ...signed } = answer
  const expected = Buffer.from(hmacBase64(apikey, canonicalPayload(signed, 'keep-json').text))
  const given = Buffer.from(typeof sign === 'string' ? sign : '')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw notAnAnswer(action, 'its signature is wrong')
  const { result, detail } = signed
  if (signed['nonce'] !== nonce) throw notAnAnswer(action, 'it is for another nonce')
  if (typeof result !== 'boolean') throw notAnAnswer(action, 'the result has no result')
  return {
    result,
    mrEnclave: textField(action, signed, 'mr_enclave'),
    mrSigner: textField(action, signed, 'mr_signer'),
    detail: typeof detail === 'object' && detail !== null ? (detail as Record<string, unknown>) : {},
  }
}
