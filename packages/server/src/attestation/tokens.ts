/**
 * Attestation tokens: JWTs with the claims of an EAT (contract §11, RFC 9711), signed by the TSK.
 *
 * A token is verified by the key that its `kid` names among ours, with an algorithm that this key allows; nothing else in its header
 * matters.
 */
import { ServiceError, type Runtime } from '../foundation/index.ts'
import { fits, isSignatureAlgorithm, signBytes, verifyBytes, type SigningKeys } from '../signing-keys/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Check } from '@vouchsafe/checks'
import type { Nonce } from './nonces.ts'

const LEEWAY_SECONDS = 60
/** Times above this are in milliseconds, as the original writes them. */
const MILLISECONDS_FROM = 1e11
/** token/verify takes a body of 1 MiB: so every issued token can be verified. */
const MAX_TOKEN_CHARS = 1_000_000

/** The address that tokens name as their issuer, and below which the keys are found. */
export interface Issuer {
  url: string | undefined
}

export interface TokenSettings {
  tokenMinutes: number
  eatProfile: string
  /** Where clients find this server; without a URL if that isn't known. */
  issuer: Readonly<Issuer>
}

/** How one policy decided. */
export interface PolicyOutcome {
  id: string
  version: number
  matched: boolean
  /** The policy's own `custom_data`. */
  customData?: unknown
}

/** The findings about one kind of evidence. */
export interface AttesterResult {
  policies: readonly PolicyOutcome[]
  /** The result of the export policy; its members appear beside ours. */
  exported: Readonly<Record<string, unknown>>
}

export interface TokenContent {
  /** The User-Id. */
  tenant: string
  nodeId: string
  nonceType: 'ignore' | 'user' | 'default'
  /** For `default`. */
  nonce?: Nonce
  /** For `user`, as it was sent. */
  userNonce?: string
  attesterData?: unknown
  /** By attester type. */
  attesters: Readonly<Record<string, AttesterResult>>
  /** Named checks and policy reasons, if the caller asked for them. */
  explanation?: unknown
}

export interface TokenVerdict {
  passed: boolean
  header: Record<string, unknown> | null
  /** Only for a token that passed. */
  body: Record<string, unknown> | null
  /** Up to the first failure. */
  checks: Check[]
}

export class Tokens {
  readonly #storage: Storage
  readonly #runtime: Runtime
  readonly #signingKeys: SigningKeys
  readonly #settings: TokenSettings
  #instanceId: Promise<string> | undefined
  readonly statistics = { issued: 0, verified: 0, refused: 0 }

  constructor(services: { storage: Storage; runtime: Runtime; signingKeys: SigningKeys }, settings: TokenSettings) {
    this.#storage = services.storage
    this.#runtime = services.runtime
    this.#signingKeys = services.signingKeys
    this.#settings = settings
  }

  /**
   * Makes and signs a token.
   * @throws {ServiceError} `token_too_long` if its content would be too long
   */
  async issue(content: TokenContent): Promise<string> {
    const [key, instance] = await Promise.all([this.#signingKeys.current('TSK'), this.#instance()])
    const issuer = this.#settings.issuer.url
    const header = {
      typ: 'JWT',
      alg: this.#signingKeys.tokenAlgorithm,
      ...(issuer === undefined ? {} : { jku: `${issuer}/.well-known/jwks.json` }),
      kid: key.kid,
    }
    const claims = this.#claims(content, issuer ?? `urn:uuid:${instance}`, instance)
    const text = `${encode(header)}.${encode(claims)}`
    if (text.length > MAX_TOKEN_CHARS) throw new ServiceError('token_too_long')
    const signature = await signBytes(key.privateKey, this.#signingKeys.tokenAlgorithm, Buffer.from(text))
    this.statistics.issued++
    return `${text}.${signature.toString('base64url')}`
  }

  /** Verifies a token; `user`, if given, must be its tenant. Reports which check failed; never throws because of the token. */
  async verify(token: string, user: string | undefined): Promise<TokenVerdict> {
    const checks: Check[] = []
    const parts = token.split('.')
    const [header, body] = parts.length === 3 ? [decode(parts[0]!), decode(parts[1]!)] : [undefined, undefined]
    const signature = parts.length === 3 ? bytesOfBase64url(parts[2]!) : undefined
    const passed = await this.#verify({ checks, header, body, signature, signed: token.slice(0, token.lastIndexOf('.')) }, user)
    if (passed) this.statistics.verified++
    else this.statistics.refused++
    return { passed, header: header ?? null, body: passed ? body! : null, checks }
  }

  async #verify({ checks, header, body, signature, signed }: ParsedToken, user: string | undefined): Promise<boolean> {
    const check = (name: string, passed: boolean, facts: Partial<Check> = {}): boolean => {
      checks.push({ name, passed, ...facts })
      return passed
    }
    if (
      !check('format', header !== undefined && body !== undefined && signature !== undefined, {
        expected: 'three parts of base64url, the first two JSON objects',
      })
    )
      return false
    const { kid, alg } = header!
    const key = typeof kid === 'string' ? await this.#signingKeys.find('TSK', (each) => each.kid === kid) : undefined
    if (!check('kid', key !== undefined, { found: shown(kid), ...(key ? {} : { note: 'no token signing key of this server has it' }) }))
      return false
    const algorithm = isSignatureAlgorithm(alg) && fits(key!.publicKey, alg) ? alg : undefined
    if (!check('alg', algorithm !== undefined, { found: shown(alg), ...(algorithm ? {} : { note: 'not an algorithm of this key' }) }))
      return false
    if (!check('signature', verifyBytes(key!.publicKey, algorithm!, Buffer.from(signed), signature!))) return false
    const now = this.#runtime.now() / 1000
    const [exp, nbf] = [seconds(body!.exp), seconds(body!.nbf)]
    const expected = `${Math.floor(now)} seconds since 1970, give or take ${LEEWAY_SECONDS}`
    if (!check('exp', exp !== undefined && now < exp + LEEWAY_SECONDS, { expected: `after ${expected}`, found: shown(body!.exp) }))
      return false
    if (!check('nbf', nbf !== undefined && now >= nbf - LEEWAY_SECONDS, { expected: `at or before ${expected}`, found: shown(body!.nbf) }))
      return false
    if (user === undefined) return true
    return check('tenant', body!.tenant === user, { expected: user, found: shown(body!.tenant) })
  }

  #claims(content: TokenContent, issuer: string, instance: string): Record<string, unknown> {
    const iat = Math.floor(this.#runtime.now() / 1000)
    const attesters = Object.entries(content.attesters).map(([type, result]) => [type, attesterClaim(result)] as const)
    const status = attesters.length > 0 && attesters.every(([, claim]) => claim.attestation_status === 'pass') ? 'pass' : 'fail'
    return {
      intuse: 'Generic',
      ...(content.nonce === undefined ? {} : { eat_nonce: content.nonce }),
      nonce_type: content.nonceType,
      ...(content.userNonce === undefined ? {} : { user_nonce: content.userNonce }),
      ...(content.attesterData === undefined ? {} : { attester_data: content.attesterData }),
      attester_data_bound: false,
      ueid: content.nodeId,
      tenant: content.tenant,
      verifier_id: instance,
      status,
      ...Object.fromEntries(attesters),
      ...(content.explanation === undefined ? {} : { explanation: content.explanation }),
      iat,
      exp: iat + this.#settings.tokenMinutes * 60,
      nbf: iat,
      iss: issuer,
      eat_profile: this.#settings.eatProfile,
      jti: this.#runtime.uuid(),
      ver: '1.0',
    }
  }

  #instance(): Promise<string> {
    const { uuid, now } = this.#runtime
    this.#instanceId ??= this.#storage.instanceId({ candidate: uuid(), at: now() }).catch((error: unknown) => {
      this.#instanceId = undefined
      throw error
    })
    return this.#instanceId
  }
}

interface ParsedToken {
  checks: Check[]
  header: Record<string, unknown> | undefined
  body: Record<string, unknown> | undefined
  signature: Buffer | undefined
  /** What the signature covers. */
  signed: string
}

/** `unknown` without policies, `pass` when every policy matched. Exported members cannot replace ours. */
function attesterClaim({ policies, exported }: AttesterResult) {
  const attestation_status = policies.length === 0 ? 'unknown' : policies.every(({ matched }) => matched) ? 'pass' : 'fail'
  const policy_info = policies.map(({ id, version, matched, customData }) => ({
    appraisal_policy_id: id,
    policy_version: version,
    policy_matched: matched,
    attestation_valid: matched,
    ...(customData === undefined ? {} : { custom_data: customData }),
  }))
  return { ...exported, attestation_status, policy_info }
}

function seconds(time: unknown): number | undefined {
  if (typeof time !== 'number' || !Number.isFinite(time)) return undefined
  return time > MILLISECONDS_FROM ? time / 1000 : time
}

/** A claim as it may appear in a check. */
function shown(claim: unknown): string {
  if (claim === undefined) return 'nothing'
  return (typeof claim === 'string' ? claim : JSON.stringify(claim)).slice(0, 128)
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function bytesOfBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return text !== '' && bytes.toString('base64url') === text ? bytes : undefined
}

function decode(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytesOfBase64url(text)?.toString() ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
