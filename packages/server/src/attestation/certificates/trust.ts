/**
 * Which attestation keys and signers a user trusts: chains to what the user stored, with revocation (decisions "Certificates and CRLs",
 * "Baselines"). Verdicts are remembered until anything of the user's changes, or a date passes that they depend on.
 */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { namesEqual, parseCertificate, validateChain, X509Error } from '@vouchsafe/x509'
import type { Certificate, ChainCheck, ChainInput, ChainResult, Crl } from '@vouchsafe/x509'
import { LRUCache } from 'lru-cache'
import type { Check } from '@vouchsafe/checks'
import { leafPolicy, type ProfileSettings } from './certificate-profiles.ts'
import type { CertificateType } from './certificate-types.ts'
import type { ForeignSignatures, SignatureBudget } from './foreign-signatures.ts'
import type { TrustStore, UserTrust } from './trust-store.ts'

const MAX_INTERMEDIATES = 16
/** Characters of verdicts that are kept: they hold names, which senders of certificates choose. */
const MAX_VERDICT_CHARACTERS = 64 * 1024 * 1024
const VERDICT_CHARACTERS = 1_024

export interface TrustSettings extends ProfileSettings {
  /** A CRL past its next update fails a chain; otherwise it is only named among the checks. */
  refuseStaleCrls: boolean
}

export interface ChainQuestion {
  user: string
  /** Which of the user's certificates count. */
  type: CertificateType
  /** DER. */
  leaf: Uint8Array
  /** DER; being listed here does not make a certificate trusted. */
  intermediates?: readonly Uint8Array[]
  /** Milliseconds since 1970. */
  at: number
  /** Anchors and lists that the user has not stored, such as those of the server's own CA for the user's attestation keys. */
  implicit?: { anchors: readonly Certificate[]; crls: readonly Crl[] }
  /** What is left for the whole request; otherwise enough for one chain. */
  budget?: SignatureBudget
}

export interface TrustVerdict {
  valid: boolean
  /** Names with underscores; a list past its next update is `crl_stale`, which does not necessarily make the verdict invalid. */
  checks: Check[]
}

/** A stored certificate that signs baselines or policies. */
export interface Signer extends TrustVerdict {
  id: string
  name: string
  certificate: Certificate
}

interface DatedVerdict {
  verdict: TrustVerdict
  /** It holds from the first time until just before the second, milliseconds since 1970. */
  from: number
  until: number
}

export class Trust {
  readonly #services: { signatures: ForeignSignatures; trustStore: TrustStore }
  readonly #settings: TrustSettings
  readonly #verdicts = new LRUCache<string, DatedVerdict>({ maxSize: MAX_VERDICT_CHARACTERS, sizeCalculation: sizeOf })
  /** Each state of what a user trusts has a number, so that a verdict applies to that state alone. */
  readonly #generations = new WeakMap<UserTrust, number>()
  #lastGeneration = 0
  readonly #turns = new Map<string, Promise<void>>()
  #lastTurn: Promise<void> = Promise.resolve()

  constructor(services: { signatures: ForeignSignatures; trustStore: TrustStore }, settings: TrustSettings) {
    this.#services = services
    this.#settings = settings
  }

  /**
   * Whether an attestation or endorsement key's certificate chains to one of the user's certificates of that type: a self-signed CA, or the
   * certificate itself. What it must be besides says the table of certificate-profiles.ts. The content of certificates never makes it throw.
   */
  async validateAk(question: ChainQuestion): Promise<TrustVerdict> {
    return this.#validate(question)
  }

  /** The same for the certificate of an endorsement key, which decrypts and does not sign. */
  async validateEk(question: Omit<ChainQuestion, 'type'>): Promise<TrustVerdict> {
    return this.#validate({ ...question, type: 'tpm_ek' })
  }

  async #validate(question: ChainQuestion): Promise<TrustVerdict> {
    const { user, type, leaf, intermediates = [], at, implicit = { anchors: [], crls: [] }, budget } = question
    let trust: UserTrust
    let place: string
    for (let waited = false; ; waited = true) {
      trust = await this.#services.trustStore.of(user)
      const altered = alteredChecks(trust)
      if (altered.length > 0) return { valid: false, checks: altered }
      place = `${this.#generationOf(trust)} ${placeOf(question)}`
      const known = this.#verdicts.get(place)
      if (known && known.from <= at && at < known.until) return known.verdict
      if (waited) break
      await this.#turn(user)
    }

    let certificates: Certificate[]
    try {
      if (intermediates.length > MAX_INTERMEDIATES) throw new X509Error('limit', `more than ${MAX_INTERMEDIATES} intermediate certificates`)
      certificates = [leaf, ...intermediates].map((der) => parseCertificate(der))
    } catch (error) {
      if (!(error instanceof X509Error)) throw error
      return { valid: false, checks: [{ name: 'certificate_format', passed: false, found: error.message }] }
    }
    const [parsed, ...candidates] = certificates
    const anchors = [...ofType(trust, type), ...implicit.anchors]
    const crls = [...crlsOf(trust), ...implicit.crls]
    const pinned = anchors.some(({ der }) => der.equals(parsed!.der))
    const input = {
      leaf: parsed!,
      candidates,
      // A pinned certificate has no issuer in its path: the lists of any of the user's CAs apply to it.
      anchors: pinned ? [parsed!, ...all(trust)] : anchors,
      crls,
      at: new Date(at),
    }
    const verdict = verdictOf(await this.#run(user, input, leafPolicy(type, parsed!, this.#settings), budget))
    const { from, until } = horizon([...certificates, ...input.anchors], crls, at)
    this.#verdicts.set(place, { verdict, from, until })
    return verdict
  }

  /**
   * The user's certificates that sign baselines (`refvalue`) or policies, each with its verdict. A stored one is trusted as such; where its
   * issuer is stored for the same use, the chain is checked as far as it is stored; its dates and revocation are always checked.
   * @param budget what is left for the whole request; otherwise enough for one chain, for each of them
   */
  async signers(user: string, type: 'refvalue' | 'policy', at: number, budget?: SignatureBudget): Promise<Signer[]> {
    const trust = await this.#services.trustStore.of(user)
    const altered = alteredChecks(trust)
    const signers = trust.certificates.filter(({ row }) => row.types.includes(type))
    return Promise.all(
      signers.flatMap(({ row, certificate }) =>
        certificate ? this.#signer(user, row, certificate, type, trust, at, altered, budget) : [],
      ),
    )
  }

  /** Whether the user has certificates of that use. An altered row may have been one. */
  async hasSigners(user: string, type: 'refvalue' | 'policy'): Promise<boolean> {
    const { certificates } = await this.#services.trustStore.of(user)
    return certificates.some(({ row, certificate }) => certificate === undefined || row.types.includes(type))
  }

  async #signer(
    user: string,
    { id, name }: { id: string; name: string },
    certificate: Certificate,
    type: 'refvalue' | 'policy',
    trust: UserTrust,
    at: number,
    altered: readonly Check[],
    budget: SignatureBudget | undefined,
  ): Promise<Signer> {
    const common = { leaf: certificate, crls: crlsOf(trust), at: new Date(at) }
    const policy = leafPolicy(type, certificate, this.#settings)
    const pinned = verdictOf(await this.#run(user, { ...common, anchors: [certificate, ...all(trust)] }, policy, budget))
    const others = ofType(trust, type).filter((other) => other !== certificate)
    const hasIssuer = others.some(({ subject }) => namesEqual(subject, certificate.issuer))
    const chain = hasIssuer ? await this.#run(user, { ...common, anchors: others }, policy, budget) : undefined
    // A chain whose upper end is not stored is not the fault of the stored part.
    const faults =
      chain?.valid === false ? chain.checks.filter(({ name, passed, tolerated }) => !passed && !tolerated && name !== 'chain-anchor') : []
    const checks = [...altered, ...pinned.checks, ...faults.map(checkOf)]
    return { id, name, certificate, valid: pinned.valid && faults.length === 0 && altered.length === 0, checks }
  }

  #run(user: string, input: ChainInput, policy: ChainInput['policy'], budget?: SignatureBudget): Promise<ChainResult> {
    const { refuseStaleCrls: refuseStaleCrl } = this.#settings
    const walk = (options: ChainInput['policy']) => validateChain({ ...input, policy: { ...policy, refuseStaleCrl, ...options } })
    return this.#services.signatures.settle(user, walk, budget)
  }

  #generationOf(trust: UserTrust): number {
    const generation = this.#generations.get(trust) ?? ++this.#lastGeneration
    this.#generations.set(trust, generation)
    return generation
  }

  /** Many signatures may have to be verified for one chain: other work runs between chains, and users take turns. */
  async #turn(user: string): Promise<void> {
    const turn = (this.#turns.get(user) ?? Promise.resolve()).then(() => (this.#lastTurn = this.#lastTurn.then(() => setImmediate())))
    this.#turns.set(user, turn)
    await turn
    if (this.#turns.get(user) === turn) this.#turns.delete(user)
  }
}

function sizeOf({ verdict }: DatedVerdict): number {
  const texts = verdict.checks.flatMap(({ expected = '', found = '', note = '' }) => [expected, found, note])
  return texts.reduce((sum, text) => sum + text.length, VERDICT_CHARACTERS)
}

/** A list that was altered may have named anything: until it is stored again nothing of the user's can be trusted. */
function alteredChecks({ crls }: UserTrust): Check[] {
  return crls.flatMap(({ row, crl }) =>
    crl ? [] : [{ name: 'crl_integrity', passed: false, note: `the CRL ${row.name} was altered in the store: put it again, or delete it` }],
  )
}

function ofType({ certificates }: UserTrust, type: CertificateType): Certificate[] {
  return certificates.flatMap(({ row, certificate }) => (certificate && row.types.includes(type) ? certificate : []))
}

function all({ certificates }: UserTrust): Certificate[] {
  return certificates.flatMap(({ certificate }) => certificate ?? [])
}

function crlsOf({ crls }: UserTrust): Crl[] {
  return crls.flatMap(({ crl }) => crl ?? [])
}

function placeOf({ type, leaf, intermediates = [], implicit }: ChainQuestion): string {
  const hash = createHash('sha256').update(`${type} ${intermediates.length} ${implicit?.anchors.length ?? 0}`)
  const implied = [...(implicit?.anchors ?? []), ...(implicit?.crls ?? [])].map(({ der }) => der)
  for (const der of [leaf, ...intermediates, ...implied]) hash.update(`${der.length} `).update(der)
  return hash.digest('base64')
}

/** The interval around `at` within which no date passes that a verdict may depend on. */
function horizon(certificates: readonly Certificate[], crls: readonly Crl[], at: number): { from: number; until: number } {
  const ends = [...certificates.map(({ notAfter }) => notAfter), ...crls.flatMap(({ nextUpdate }) => nextUpdate ?? [])]
  const starts = [...certificates.map(({ notBefore }) => notBefore), ...crls.map(({ thisUpdate }) => thisUpdate)]
  // The last millisecond of a certificate still counts.
  const dates = [...starts.map((date) => date.getTime()), ...ends.map((date) => date.getTime() + 1)]
  return {
    from: Math.max(-Infinity, ...dates.filter((date) => date <= at)),
    until: Math.min(Infinity, ...dates.filter((date) => date > at)),
  }
}

/** Mere warnings come last, so that the first check that failed is the reason for a refusal. */
function verdictOf({ valid, checks }: ChainResult): TrustVerdict {
  const warnings = checks.filter(({ tolerated }) => tolerated)
  return { valid, checks: [...checks.filter(({ tolerated }) => !tolerated), ...warnings].map(checkOf) }
}

function checkOf({ name, passed, tolerated, subject, expected, found }: ChainCheck): Check {
  const stale = name === 'crl-dates' && (passed || tolerated)
  return { name: stale ? 'crl_stale' : name.replaceAll('-', '_'), passed, expected, found, note: subject }
}
