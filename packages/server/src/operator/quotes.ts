import { simulatedCollateralJson } from '@vouchsafe/dcap'
import { toPem } from '@vouchsafe/x509'
import { quoteProviderOf } from '../config/index.ts'
import type { Call } from '../access/index.ts'
import type { OperatorServices } from './services.ts'
import { invalidParameter } from '../foundation/index.ts'
import { loadSimulatedPki } from '../quotes/index.ts'
import { optionalText, text, type OperatorOperation, type Input } from './input.ts'

/** Quote policies, and what verifiers of simulated quotes need. */
export const quoteOperations: readonly OperatorOperation[] = [
  { name: 'ListQuotePolicies', method: 'GET', path: '/v1/quote-policies', right: 'server:read', handle: listQuotePolicies },
  { name: 'DeleteQuotePolicy', method: 'POST', path: '/v1/quote-policies/delete', right: 'server:manage', handle: deleteQuotePolicy },
  { name: 'GetSimulatedPki', method: 'GET', path: '/v1/quotes/simulated', right: 'server:read', handle: simulatedPki },
]

async function listQuotePolicies(input: Input, { quotePolicies }: OperatorServices) {
  const policies: unknown[] = []
  for await (const page of quotePolicies.list(optionalText(input, 'appid') ?? null))
    for (const { id, appId, mrEnclave, mrSigner, createdAt } of page)
      policies.push({ policyId: id, appid: appId, mrEnclave, mrSigner, createdAt })
  return { policies }
}

async function deleteQuotePolicy(input: Input, { quotePolicies }: OperatorServices, call: Call) {
  const policyId = text(input, 'policyId')
  if (!(await quotePolicies.delete(call, policyId))) throw invalidParameter(`there is no quote policy ${policyId}`)
  return { policyId }
}

async function simulatedPki(_input: Input, { config, storage, envelope, runtime }: OperatorServices) {
  if (quoteProviderOf(config) !== 'simulated') throw invalidParameter('the quote provider is not the simulated one')
  const pki = await loadSimulatedPki(storage, envelope, runtime)
  return {
    root: toPem('CERTIFICATE', pki.root.certificate.der),
    collateral: await simulatedCollateralJson(pki, new Date(runtime.now())),
  }
}
