import { simulatedCollateralJson } from '@vouchsafe/dcap'
import { toPem } from '@vouchsafe/x509'
import { quoteProviderOf } from '../config/index.ts'
import type { OperatorServices } from './services.ts'
import { invalidParameter } from '../foundation/index.ts'
import { loadSimulatedPki } from '../quotes/index.ts'
import { optionalText, text, type Handler, type Input } from './input.ts'

/** Quote policies, and what verifiers of simulated quotes need. */
export const quoteRoutes: readonly [string, Handler][] = [
  ['GET /v1/quote-policies', listQuotePolicies],
  ['POST /v1/quote-policies/delete', deleteQuotePolicy],
  ['GET /v1/quotes/simulated', simulatedPki],
]

async function listQuotePolicies(input: Input, { quotePolicies }: OperatorServices) {
  const policies: unknown[] = []
  for await (const page of quotePolicies.list(optionalText(input, 'appid') ?? null))
    for (const { id, appId, mrEnclave, mrSigner, createdAt } of page)
      policies.push({ policyId: id, appid: appId, mrEnclave, mrSigner, createdAt })
  return { policies }
}

async function deleteQuotePolicy(input: Input, { quotePolicies }: OperatorServices, requestId: string) {
  const policyId = text(input, 'policyId')
  if (!(await quotePolicies.delete(policyId, { name: 'operator', requestId })))
    throw invalidParameter(`there is no quote policy ${policyId}`)
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
