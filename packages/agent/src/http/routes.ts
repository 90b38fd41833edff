// The table of the REST API (contract §2).
import type { Collector } from '../collector.ts'
import { readEvidenceRequest, readTokenRequest } from '../requests.ts'
import type { LastResult } from '../scheduler.ts'
import type { Tokens } from '../tokens.ts'
import { AGENT_VERSION } from '../version.ts'

export interface Services {
  collector: Collector
  tokens: Tokens
  /** How the last scheduled attestation ended. */
  last: () => LastResult | undefined
}

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** The answer of status 200; throws AgentError for others. */
  readonly handle: (services: Services, body: unknown) => Promise<object> | object
}

const PREFIX = '/global-trust-authority/agent/v1'

export const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: `${PREFIX}/tokens`,
    handle: async ({ tokens }, body) => ({ token: await tokens.get(readTokenRequest(body)) }),
  },
  {
    method: 'POST',
    path: `${PREFIX}/evidences`,
    handle({ collector }, body) {
      const { types, freshness, attesterData } = readEvidenceRequest(body)
      const selected = collector.select(types).map((enabled) => ({ enabled, policyIds: undefined }))
      return collector.collect(selected, freshness, attesterData)
    },
  },
  {
    method: 'GET',
    path: `${PREFIX}/status`,
    handle({ last }) {
      const result = last()
      const attestation = result && { ...result, at: new Date(result.at).toISOString() }
      return { agent_version: AGENT_VERSION, last_attestation: attestation ?? null }
    },
  },
  { method: 'GET', path: '/health', handle: () => ({ status: 'healthy' }) },
]
