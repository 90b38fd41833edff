// Tokens: asked for at the server, and kept as long as they may be given to somebody else.
import type { Collector, Selected } from './collector.ts'
import { AgentError } from './errors.ts'
import type { TokenRequest } from './requests.ts'
import type { ServerClient } from './server-client.ts'

/** A token that is kept is given out only while it is valid for so long. */
const LEAST_LIFE_MS = 60_000
const MAX_KEPT = 64
/** Some services count milliseconds where RFC 7519 says seconds. */
const MILLISECONDS_FROM = 1e11

interface Kept {
  token: string
  expiresAt: number
}

export interface TokensOptions {
  collector: Collector
  server: ServerClient
  /** Milliseconds since 1970. */
  now: () => number
}

export class Tokens {
  readonly #collector: Collector
  readonly #server: ServerClient
  readonly #now: () => number
  /** By what they were asked for; the oldest first. */
  readonly #kept = new Map<string, Kept>()
  /** Attestations under way that callers who don't insist on their own can wait for. */
  readonly #underWay = new Map<string, Promise<string>>()

  constructor({ collector, server, now }: TokensOptions) {
    this.#collector = collector
    this.#server = server
    this.#now = now
  }

  /**
   * A token for this node. Without `challenge` one that is kept will do, if it has at least 60 seconds left and was made for equal `attesters` and
   * `attesterData`.
   * @throws {AgentError}
   */
  async get(request: TokenRequest): Promise<string> {
    const selected = this.#select(request)
    const key = keyOf(selected, request.attesterData)
    if (request.challenge) return await this.#attest(selected, request.attesterData, key)
    const kept = this.#kept.get(key)
    if (kept !== undefined && kept.expiresAt >= this.#now() + LEAST_LIFE_MS) return kept.token
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return await underWay
    const attestation = this.#attest(selected, request.attesterData, key)
    this.#underWay.set(key, attestation)
    try {
      return await attestation
    } finally {
      this.#underWay.delete(key)
    }
  }

  #select({ attesters }: TokenRequest): Selected[] {
    if (attesters.length === 0)
      return this.#collector
        .select(undefined)
        .map((enabled) => ({ enabled, policyIds: enabled.policyIds.length > 0 ? enabled.policyIds : undefined }))
    const asked = attesters.flatMap(({ type, policyIds }) =>
      this.#collector.select(type === undefined ? undefined : [type]).map((enabled) => ({ enabled, policyIds })),
    )
    this.#collector.select(asked.map(({ enabled }) => enabled.attester.type))
    return asked
  }

  async #attest(selected: readonly Selected[], attesterData: unknown, key: string): Promise<string> {
    const nonce = await this.#server.challenge(selected.map(({ enabled }) => enabled.attester.type))
    const document = await this.#collector.collect(selected, { type: 'default', nonce }, attesterData)
    const { tokens, errors } = await this.#server.attest(document)
    const nodeId = document.measurements[0].node_id
    const token = tokens.find(({ node_id }) => node_id === nodeId)?.token
    if (token === undefined) throw new AgentError('no-token', errors[0]?.message ?? `none for the node '${nodeId}'`)
    this.#keep(key, token)
    return token
  }

  #keep(key: string, token: string): void {
    const expiresAt = expiryOf(token)
    this.#kept.delete(key)
    if (expiresAt !== undefined) this.#kept.set(key, { token, expiresAt })
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest)
  }
}

/** Equal for requests that ask for the same, in whatever order. */
function keyOf(selected: readonly Selected[], attesterData: unknown): string {
  const attesters = selected.map(({ enabled, policyIds }) => [
    enabled.attester.type,
    policyIds === undefined ? null : [...policyIds].sort(),
  ])
  return JSON.stringify([attesters.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)), canonical(attesterData ?? null)])
}

/** Equal texts for equal values: the members of objects in order, and marked, so that no list looks like them. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(canonical)]
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return ['object', ...members.map(([name, each]) => [name, canonical(each)])]
}

/** When a token expires, in milliseconds since 1970; undefined when it doesn't say. It came from the server over the connection that we trust. */
export function expiryOf(token: string): number | undefined {
  const { exp } = claimsOf(token)
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return undefined
  return exp > MILLISECONDS_FROM ? exp : exp * 1000
}

/** What a token says, unverified; nothing when it can't be read. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
