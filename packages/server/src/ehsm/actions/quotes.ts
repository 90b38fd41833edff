import { canonicalPayload } from '@vouchsafe/client'
import type { QuoteReport } from '@vouchsafe/dcap'
import { enclaveOf } from '../../quotes/index.ts'
import { base64, base64Text, booleanOrText, content, hexDigits, id, optional } from '../fields.ts'
import { BASE64, BOOLEAN, INTEGER, operation, resultSchema, STRING, type EhsmCall, type Result } from '../operation.ts'

/** Characters of base64: the contract's limits (§4). */
const MAX_CHALLENGE = 4096
const MAX_QUOTE = 10_924
/** Nonces that are not base64 are accepted up to this length (contract §9, D19). */
const MAX_PLAIN_NONCE = 64
const MAX_COLLATERAL = 64 * 1024
/** So that the signed text of a report stays within what can be signed. */
const MAX_LISTED = 50

const measurement = hexDigits(64)
const base = { method: 'POST', permission: 'app', payloadRequired: false } as const

export const quoteOperations = [
  operation({
    ...base,
    name: 'GenerateQuote',
    right: 'quotes:use',
    summary: "Returns a quote of the server's enclave, bound to the challenge and to the server's TLS key.",
    notes: 'Report data: SHA-256 of `vouchsafe quote challenge v1`, a line feed and the challenge; SHA-256 of the TLS key, or zeros.',
    fields: { challenge: base64Text(MAX_CHALLENGE) },
    result: resultSchema({ challenge: BASE64, quote: BASE64 }),
    async handle({ challenge }, call, { quotes }) {
      const quote = await quotes.generate(call.principal, Buffer.from(challenge, 'base64'))
      return { challenge, quote: quote.toString('base64') }
    },
  }),
  operation({
    ...base,
    name: 'VerifyQuote',
    right: 'quotes:use',
    summary: 'Verifies an SGX or TDX quote; the answer is signed with the API key.',
    notes:
      "`collateral` (ours) replaces the server's; `detail` (ours) adds the report. A quote that is not of the policy's enclave is an error.",
    fields: {
      quote: base64(MAX_QUOTE),
      nonce: base64Text(MAX_CHALLENGE, { otherwise: MAX_PLAIN_NONCE }),
      policyId: optional(id()),
      collateral: optional(content(MAX_COLLATERAL, { description: 'Collateral as one JSON text.' })),
      detail: optional(booleanOrText(5)),
    },
    object: 'policyId',
    result: resultSchema(
      { result: BOOLEAN, nonce: STRING, mr_enclave: STRING, mr_signer: STRING, sign: BASE64 },
      { detail: { type: 'object' } },
    ),
    async handle({ quote, nonce, policyId, collateral, detail }, call, { quotes }) {
      const report = await quotes.verifyFor(call.principal, { quote, policyId, collateral })
      const { mrEnclave: mr_enclave, mrSigner: mr_signer } = enclaveOf(report)
      const result = { result: report.accepted, nonce, mr_enclave, mr_signer, ...(detail === 'true' && { detail: shortened(report) }) }
      return signed(result, call)
    },
  }),
  operation({
    ...base,
    name: 'UploadQuotePolicy',
    right: 'quotes:manage',
    makes: 'policyId',
    summary: 'Stores the measurements of an enclave that the app expects, as a policy; at most 1000 policies.',
    fields: { mr_enclave: measurement, mr_signer: measurement },
    result: resultSchema({ policyId: STRING }),
    async handle({ mr_enclave, mr_signer }, call, { quotePolicies }) {
      return { policyId: await quotePolicies.upload(call, { mrEnclave: mr_enclave, mrSigner: mr_signer }) }
    },
  }),
  operation({
    ...base,
    name: 'GetQuotePolicy',
    right: 'quotes:read',
    summary: 'Returns the measurements of a policy, or only the id if there is no such policy.',
    fields: { policyId: id() },
    object: 'policyId',
    result: resultSchema({ policyId: STRING }, { mr_enclave: STRING, mr_signer: STRING, createTime: INTEGER }),
    async handle({ policyId }, call, { quotePolicies }) {
      const policy = await quotePolicies.find(call.principal, policyId)
      if (!policy) return { policyId }
      return { policyId, mr_enclave: policy.mrEnclave, mr_signer: policy.mrSigner, createTime: policy.createdAt }
    },
  }),
]

/** The report without the checks, of which the reasons name those that failed. */
function shortened({ checks: _named, ...report }: QuoteReport): object {
  const { reasons, advisories, parts, collateral } = report
  return {
    ...report,
    reasons: reasons.slice(0, MAX_LISTED),
    advisories: advisories.slice(0, MAX_LISTED),
    collateral: collateral.slice(0, MAX_LISTED),
    parts: parts.map((part) => ({ ...part, advisories: part.advisories.slice(0, MAX_LISTED) })),
  }
}

/** With a MAC over all of its content, including false and empty values, under the API key that signed the request. */
function signed(result: Result, { mac }: EhsmCall): Result {
  return { ...result, sign: mac(canonicalPayload(result, 'keep-json').text) }
}
