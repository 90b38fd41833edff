/** Quote policies, and the material that verifiers of simulated quotes need. */
import { Type } from 'typebox'
import { invalidParameter } from '../../foundation/index.ts'
import { ID, TIME, operation } from '../operation.ts'

const POLICY = Type.Object({
  policyId: Type.String(),
  appid: Type.String(),
  mrEnclave: Type.String({ description: 'hex' }),
  mrSigner: Type.String({ description: 'hex' }),
  createdAt: TIME,
})

export const quoteOperations = [
  operation({
    name: 'ListQuotePolicies',
    summary: 'Lists the quote policies, of one app or of all, oldest first.',
    method: 'GET',
    path: '/v1/quote-policies',
    right: 'server:read',
    object: 'appid',
    input: { appid: Type.Optional(ID) },
    result: Type.Object({ policies: Type.Array(POLICY) }),
    async handle({ appid }, _call, { quotePolicies }) {
      const pages = await Array.fromAsync(quotePolicies.list(appid ?? null))
      return { policies: pages.flat().map(({ id, appId, ...facts }) => ({ policyId: id, appid: appId, ...facts })) }
    },
  }),
  operation({
    name: 'DeleteQuotePolicy',
    summary: 'Deletes a quote policy for good.',
    method: 'POST',
    path: '/v1/quote-policies/delete',
    right: 'server:manage',
    object: 'policyId',
    input: { policyId: ID },
    result: Type.Object({ policyId: Type.String() }),
    async handle({ policyId }, call, { quotePolicies }) {
      if (!(await quotePolicies.delete(call, policyId))) throw invalidParameter(`there is no quote policy ${policyId}`)
      return { policyId }
    },
  }),
  operation({
    name: 'GetSimulatedPki',
    summary: 'Returns the root certificate and the collateral that verify simulated quotes of this server.',
    method: 'GET',
    path: '/v1/quotes/simulated',
    right: 'server:read',
    input: {},
    result: Type.Object({ root: Type.String({ description: 'PEM' }), collateral: Type.String({ description: 'JSON' }) }),
    handle: (_input, _call, { simulatedTrust }) => simulatedTrust.describe(),
  }),
]
