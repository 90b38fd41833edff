/**
 * Attestation (contract §7, §8.2): evidence becomes tokens.
 *
 * Order for each measurement: node, nonce, and for each evidence the certificate's chain, then in a worker the quote, the log, the policies; the
 * nonce is used up once all evidence has been verified and before the token is made. A bad measurement does not affect the others' tokens.
 */
import { authoriseNode, mayChoosePolicies, type Principal } from '../access/index.ts'
import { ServiceError, invalid, type Log, type Runtime } from '../foundation/index.ts'
import { StorageError } from '../storage/index.ts'
import type { Authorities } from './ak-certificates/authorities.ts'
import type { Appraiser } from './appraisal/appraiser.ts'
import type { Appraisal, PolicySource } from './appraisal/task.ts'
import type { SharedReferenceSets } from './reference-values/references.ts'
import { MAX_SIGNATURES, SignatureBudget } from './certificates/foreign-signatures.ts'
import type { Trust } from './certificates/trust.ts'
import type { Check } from '@vouchsafe/checks'
import { exportPolicyOf } from './export-policies/index.ts'
import { readUserNonce, quotedBytes, type Nonce, type Nonces } from './nonces.ts'
import type { AttesterResult, TokenContent, Tokens } from './tokens.ts'
import { isAttesterType, type AttesterType } from './verifiers/attester-types.ts'
import { verifierOf } from './verifiers/index.ts'
import { EVIDENCE_LIMITS, EvidenceError } from './verifiers/verifier.ts'

export interface Evidence {
  attesterType: string
  evidence: unknown
  /** If undefined, or if the caller may not choose, the user's default policies. */
  policyIds: string[] | undefined
}

export interface Measurement {
  nodeId: string
  nonce: Nonce | undefined
  attesterData?: unknown
  evidences: Evidence[]
}

export interface AttestRequest {
  nonceType: TokenContent['nonceType']
  /** Base64, for `user`. */
  userNonce: string | undefined
  measurements: Measurement[]
  /** Whether the caller is on this machine. */
  local: boolean
  /** Tokens carry named checks and the policies' reasons. */
  explain: boolean
}

export interface AttestSettings {
  /** Nonces may be ignored for callers on other machines too. */
  ignoredNonces: boolean
}

export interface NodeToken {
  nodeId: string
  token: string
}

export interface NodeError {
  /** The measurement's node. */
  index: number
  nodeId: string
  error: ServiceError
}

export interface AttestServices {
  nonces: Nonces
  tokens: Tokens
  trust: Pick<Trust, 'validateAk'>
  authorities: Pick<Authorities, 'implicit' | 'checkIssued'>
  appraiser: Pick<Appraiser, 'appraise'>
  policies: { policiesFor(user: string, attesterType: string, ids: readonly string[] | undefined): Promise<PolicySource[]> }
  references: { referencesOf(user: string, attesterType: string): Promise<SharedReferenceSets | undefined> }
  runtime: Runtime
  log: Log
}

/** What one request shares. */
interface Session {
  user: string
  /** Otherwise the policies that a request names are ignored. */
  choosesPolicies: boolean
  request: AttestRequest
  userNonce: Uint8Array | undefined
  budget: SignatureBudget
  /** Uses each nonce once, however many measurements share it. */
  useNonce(nonce: Nonce): Promise<void>
}

export class Attest {
  readonly #services: AttestServices
  readonly #settings: AttestSettings
  /** Measurements, since start. */
  readonly statistics = { verified: 0, refused: 0 }

  constructor(services: AttestServices, settings: AttestSettings) {
    this.#services = services
    this.#settings = settings
  }

  /**
   * Verifies the measurements and makes a token for each that passes.
   * @returns tokens in the order of the measurements, and what was wrong with the others
   * @throws {ServiceError} the first measurement's error if none passes; `invalid` for errors that concern all of them
   */
  async attest(principal: Principal, request: AttestRequest): Promise<{ tokens: NodeToken[]; errors: NodeError[] }> {
    for (const [index, { nodeId }] of request.measurements.entries()) authoriseNode(principal, nodeId, index)
    const session = this.#session(principal, request)
    const outcomes = await Promise.allSettled(request.measurements.map((measurement) => this.#token(measurement, session)))
    const tokens: NodeToken[] = []
    const errors: NodeError[] = []
    const faults: ServiceError[] = []
    outcomes.forEach((outcome, index) => {
      const { nodeId } = request.measurements[index]!
      if (outcome.status === 'fulfilled') {
        tokens.push({ nodeId, token: outcome.value })
        return
      }
      const fault = faultOf(outcome.reason)
      faults.push(fault)
      errors.push({ index, nodeId, error: fault })
    })
    this.statistics.verified += tokens.length
    this.statistics.refused += errors.length
    // Errors are logged where they are caught.
    const untold = tokens.length === 0 ? faults.slice(1) : faults
    for (const fault of untold) {
      if (fault.serverFault) this.#services.log.error({ err: fault, detail: fault.detail }, 'a measurement was not attested')
    }
    if (tokens.length === 0) throw faults[0]!
    return { tokens, errors }
  }

  #session(principal: Principal, request: AttestRequest): Session {
    const { tenant: user } = principal
    const { nonceType, userNonce, local } = request
    if (nonceType === 'ignore' && !local && !this.#settings.ignoredNonces)
      throw invalid('nonceType', ': ignore is allowed on loopback only, since captured evidence could be used again')
    if (nonceType === 'user' && userNonce === undefined) throw new ServiceError('user_nonce_missing')
    const uses = new Map<string, Promise<void>>()
    return {
      user,
      choosesPolicies: mayChoosePolicies(principal),
      request,
      userNonce: nonceType === 'user' ? readUserNonce(userNonce!) : undefined,
      budget: new SignatureBudget(MAX_SIGNATURES),
      useNonce: (nonce) => {
        const use = uses.get(nonce.value) ?? this.#services.nonces.use(user, nonce)
        uses.set(nonce.value, use)
        return use
      },
    }
  }

  async #token(measurement: Measurement, session: Session): Promise<string> {
    const { user, request } = session
    const { nodeId, nonce, attesterData, evidences } = measurement
    requireDistinctTypes(evidences)
    const qualifyingData = await this.#qualifyingData(measurement, session)
    const appraised = await Promise.all(evidences.map((evidence) => this.#appraise(evidence, nodeId, qualifyingData, session)))
    if (request.nonceType === 'default') await session.useNonce(nonce!)
    return this.#services.tokens.issue({
      tenant: user,
      nodeId,
      nonceType: request.nonceType,
      ...(request.nonceType === 'default' ? { nonce: nonce! } : {}),
      ...(request.nonceType === 'user' ? { userNonce: request.userNonce! } : {}),
      ...(attesterData === undefined || attesterData === null ? {} : { attesterData }),
      attesters: Object.fromEntries(appraised.map(({ type, result }) => [type, result])),
      ...(request.explain ? { explanation: Object.fromEntries(appraised.map(({ type, explanation }) => [type, explanation])) } : {}),
    })
  }

  /** What the quotes of a measurement must contain; undefined if that doesn't matter. */
  async #qualifyingData({ nonce }: Measurement, { user, request, userNonce }: Session): Promise<Uint8Array | undefined> {
    if (request.nonceType === 'ignore') return undefined
    if (userNonce !== undefined) return quotedBytes(userNonce)
    if (nonce === undefined) throw new ServiceError('nonce_missing')
    return this.#services.nonces.check(user, nonce)
  }

  async #appraise(
    { attesterType: type, evidence, policyIds }: Evidence,
    nodeId: string,
    qualifyingData: Uint8Array | undefined,
    { user, choosesPolicies, request, budget }: Session,
  ): Promise<{ type: AttesterType; result: AttesterResult; explanation: unknown }> {
    const { appraiser, authorities, policies, references, trust, runtime } = this.#services
    const verifier = verifierOf(type)
    if (!isAttesterType(type) || verifier === undefined)
      throw new ServiceError('attester_type_unknown', { message: `There is no verifier of ${type}.`, facts: { type } })
    const { leaf, intermediates } = verifier.certificateOf(evidence)
    const implicit = await authorities.implicit(user)
    const chain = await trust.validateAk({ user, type, leaf, intermediates, implicit, at: runtime.now(), budget })
    const issued = chain.valid ? await authorities.checkIssued(user, leaf) : []
    if (!chain.valid || issued.some(({ passed }) => !passed)) {
      const reason = chainReason([...chain.checks, ...issued])
      throw new EvidenceError(`evidence.${verifier.certificateField}: Certificate chain validation failed${reason}`)
    }
    const [chosen, shared] = await Promise.all([
      policies.policiesFor(user, type, choosesPolicies ? policyIds : undefined),
      references.referencesOf(user, type),
    ])
    const appraisal = await appraiser.appraise(user, {
      verifier: type,
      evidence,
      nodeId,
      ...(qualifyingData === undefined ? {} : { qualifyingData }),
      limits: EVIDENCE_LIMITS,
      exportPolicy: exportPolicyOf(type),
      policies: chosen,
      ...(shared === undefined ? {} : { references: shared }),
      explain: request.explain,
    })
    const checks = [...chain.checks, ...alteredChecks(shared), ...appraisal.checks]
    return { type, result: { policies: appraisal.results, exported: appraisal.exported }, explanation: explanationOf(checks, appraisal) }
  }
}

/** One measurement has one result for each type. */
function requireDistinctTypes(evidences: readonly Evidence[]): void {
  const types = evidences.map(({ attesterType }) => attesterType)
  const index = types.findIndex((type, i) => types.indexOf(type) !== i)
  if (index !== -1) throw invalid(`evidences[${index}].attesterType`, `: ${types[index]} comes twice in one measurement`)
}

function chainReason(checks: readonly Check[]): string {
  const failed = checks.find(({ name, passed }) => !passed && name !== 'crl_stale')
  if (failed === undefined) return ''
  const facts = [failed.note, failed.expected && `expected ${failed.expected}`, failed.found && `found ${failed.found}`].filter(Boolean)
  return `: ${failed.name} (${facts.join(', ')})`
}

function alteredChecks(shared: SharedReferenceSets | undefined): Check[] {
  return (shared?.altered ?? []).map((id) => ({
    name: 'baseline_integrity',
    passed: false,
    note: `the baseline ${id} was altered in the store: its reference values don't count`,
  }))
}

function explanationOf(checks: readonly Check[], { results }: Appraisal): unknown {
  return {
    checks,
    policies: results.map(({ id, matched, reasons = [] }) => ({ appraisal_policy_id: id, policy_matched: matched, reasons })),
  }
}

function faultOf(error: unknown): ServiceError {
  if (error instanceof EvidenceError) {
    const { message: reason } = error
    return new ServiceError('evidence_refused', { message: `The evidence is not accepted: ${reason}`, facts: { reason } })
  }
  if (error instanceof StorageError && error.code !== 'altered')
    return new ServiceError('storage_unavailable', { message: error.message, cause: error })
  return error instanceof ServiceError ? error : new ServiceError('internal', { cause: error })
}
