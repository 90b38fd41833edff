import { canonicalPayload } from '@vouchsafe/client'
import type { QuoteReport } from '@vouchsafe/dcap'
import { EHSM } from '@vouchsafe/operations'
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

export const quoteOperations = [
  operation(EHSM.GenerateQuote, {
    fields: { challenge: base64Text(MAX_CHALLENGE) },
    result: resultSchema({ challenge: BASE64, quote: BASE64 }),
    async handle({ challenge }, call, { quotes }) {
      const quote = await quotes.generate(call.principal, Buffer.from(challenge, 'base64'))
      return { challenge, quote: quote.toString('base64') }
    },
  }),
  operation(EHSM.VerifyQuote, {
    fields: {
      quote: base64(MAX_QUOTE),
      nonce: base64Text(MAX_CHALLENGE, { otherwise: MAX_PLAIN_NONCE }),
      policyId: optional(id()),
      collateral: optional(content(MAX_COLLATERAL, { description: 'Collateral as one JSON text.' })),
      detail: optional(booleanOrText(5)),
    },
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
  operation(EHSM.UploadQuotePolicy, {
    fields: { mr_enclave: measurement, mr_signer: measurement },
    result: resultSchema({ policyId: STRING }),
    async handle({ mr_enclave, mr_signer }, call, { quotePolicies }) {
      return { policyId: await quotePolicies.upload(call, { mrEnclave: mr_enclave, mrSigner: mr_signer }) }
    },
  }),
  operation(EHSM.GetQuotePolicy, {
    fields: { policyId: id() },
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
