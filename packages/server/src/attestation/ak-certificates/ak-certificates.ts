/**
 * Certificates of attestation keys (decisions "AK certificates from the server"): a TPM proves, with a credential that only it can open,
 * that the key is in the same TPM as its endorsement key, whose certificate chains to the user's own `tpm_ek` roots.
 */
import { authoriseNode, type Call, type Principal } from '../../access/index.ts'
import { changeRecord } from '../../trail/index.ts'
import { createPublicKey } from 'node:crypto'
import { makeCredential, TpmError } from '@vouchsafe/tpm'
import { EKU, issueCertificate, toPem } from '@vouchsafe/x509'
import { ServiceError, invalid, type Runtime } from '../../foundation/index.ts'
import type { SigningKeys } from '../../signing-keys/index.ts'
import type { AkCertificateRow, Storage } from '../../storage/index.ts'
import type { Trust } from '../certificates/trust.ts'
import { bytesOfBase64 } from '../base64.ts'
import { HASHES } from '../verifiers/tpm-evidence.ts'
import { Authorities, escaped, isReason, type AuthoritiesServices } from './authorities.ts'
import { Challenges } from './challenges.ts'
import { Enrolments } from './enrolments.ts'
import { readAttestationKey, readEndorsementKey } from './tpm-keys.ts'

const HOUR_MS = 60 * 60 * 1000
/** The clocks of verifiers may be slow. */
const BACKDATED_MS = 5 * 60 * 1000
/** Limit for one endorsement key, counting those that have neither expired nor been revoked. */
const MAX_CERTIFICATES = 64
const PAGE = 500
/** Expired certificates are kept for later inspection. */
const KEPT_MS = 7 * 24 * HOUR_MS
const PURGE_BATCH = 500

export interface AkCertificateSettings {
  akCertificateHours: number
}

export interface AkChallengeRequest {
  /** PEM; intermediate certificates may follow. */
  ekCertificate: string
  /** Base64 of TPMT_PUBLIC. */
  ekPublic: string
  akPublic: string
}

export interface AkChallenge {
  id: string
  nodeId: string
  credentialBlob: Uint8Array
  encryptedSecret: Uint8Array
}

export interface IssuedAkCertificate {
  nodeId: string
  serialNumber: string
  notAfter: number
  /** PEM. */
  certificate: string
  authority: string
}

export class AkCertificates {
  readonly authorities: Authorities
  readonly enrolments: Enrolments
  readonly #challenges: Challenges
  readonly #services: { storage: Storage; runtime: Runtime; trust: Pick<Trust, 'validateEk'> }
  readonly #settings: AkCertificateSettings
  readonly statistics = { issued: 0, revoked: 0 }

  constructor(
    services: AuthoritiesServices & { signingKeys: SigningKeys; trust: Pick<Trust, 'validateEk'> },
    settings: AkCertificateSettings,
  ) {
    this.authorities = new Authorities(services)
    this.enrolments = new Enrolments(services)
    this.#challenges = new Challenges(services)
    this.#services = services
    this.#settings = settings
  }

  /**
   * Challenges a TPM to prove that it holds both keys.
   * @throws {ServiceError} `invalid` naming the field; `denied_node` for another node
   */
  async challenge(principal: Principal, request: AkChallengeRequest): Promise<AkChallenge> {
    const { tenant: user } = principal
    const { runtime, trust } = this.#services
    const ek = readEndorsementKey(request.ekCertificate, request.ekPublic)
    const ak = readAttestationKey(request.akPublic)
    const chain = await trust.validateEk({ user, leaf: ek.leaf, intermediates: ek.intermediates, at: runtime.now() })
    if (!chain.valid) {
      const faults = chain.checks.filter(({ passed }) => !passed)
      if (faults.some(({ name }) => name === 'extended_key_usage'))
        throw invalid('ekCertificate', ': its extended key usage is not that of endorsement keys')
      const [failed] = faults
      const facts = failed && [failed.note, failed.found].filter(Boolean).join(': ')
      throw invalid('ekCertificate', `: it does not lead to a certificate of type tpm_ek${failed ? ` (${failed.name}: ${facts})` : ''}`)
    }
    const { nodeId, enrolled } = await this.enrolments.nodeOf(principal, ek.digest)
    authoriseNode(principal, nodeId)
    const akSpki = ak.publicKey.export({ format: 'der', type: 'spki' })
    const { id, secret } = await this.#challenges.make({ user, ekDigest: ek.digest, nodeId, enrolled, akSpki })
    try {
      return { id, nodeId, ...makeCredential(ek.area, ak.name, secret, HASHES) }
    } catch (error) {
      if (error instanceof TpmError) throw invalid('ekPublic', `: ${error.message}`)
      throw error
    }
  }

  /**
   * Issues the certificate for a challenge that was met.
   * @param secret base64 of what the TPM recovered
   * @throws {ServiceError} `challenge_failed`, `invalid`, `denied_node`
   */
  async issue(call: Call, { id, secret }: { id: string; secret: string }): Promise<IssuedAkCertificate> {
    const { tenant: user } = call.principal
    const { storage, runtime } = this.#services
    const recovered = bytesOfBase64(secret)
    if (!recovered) throw invalid('secret', 'is not base64')
    const { nodeId, ekDigest, enrolled, akSpki } = await this.#challenges.meet(user, id, recovered)
    authoriseNode(call.principal, nodeId)
    const authority = await this.authorities.current(user)
    const issuedAt = runtime.now()
    const certificate = await issueCertificate({
      subject: `CN=${escaped(nodeId)}`,
      issuer: authority.certificate,
      signer: authority.privateKey,
      publicKey: createPublicKey({ key: Buffer.from(akSpki), format: 'der', type: 'spki' }),
      notBefore: new Date(issuedAt - BACKDATED_MS),
      notAfter: new Date(issuedAt + this.#settings.akCertificateHours * HOUR_MS),
      basicConstraints: { ca: false },
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [EKU.tcgAikCertificate],
    })
    const { serialNumber } = certificate
    const notAfter = certificate.notAfter.getTime()
    const row = {
      userId: user,
      serialNumber,
      nodeId,
      ekDigest,
      authorityVersion: authority.version,
      issuedAt,
      notAfter,
      revokedAt: null,
      reason: null,
    }
    const audit = changeRecord(call, nodeId, issuedAt, { serialNumber, ekDigest })
    const outcome = await storage.insertAkCertificate({ row, enrolled, limit: MAX_CERTIFICATES, audit })
    if (outcome === 'conflict')
      throw new ServiceError('challenge_failed', { message: 'the enrolment of this endorsement key changed: ask again' })
    if (outcome === 'limit')
      throw new ServiceError('limit_reached', { message: `this endorsement key has ${MAX_CERTIFICATES} valid certificates already` })
    this.statistics.issued++
    return {
      nodeId,
      serialNumber,
      notAfter,
      certificate: toPem('CERTIFICATE', certificate.der),
      authority: toPem('CERTIFICATE', authority.certificate.der),
    }
  }

  /** A page of the issued certificates, by serial number. */
  async list(
    principal: Principal,
    nodeId: string | undefined,
    after: string | undefined,
  ): Promise<{ certificates: AkCertificateRow[]; next: string | undefined }> {
    const { tenant: user } = principal
    const page = { userId: user, nodeId: nodeId ?? null, after: after ?? null, limit: PAGE }
    const certificates = await this.#services.storage.listAkCertificates(page)
    return { certificates, next: certificates.length === PAGE ? certificates.at(-1)!.serialNumber : undefined }
  }

  /**
   * Revokes one certificate, or all of a node's; returns the serial numbers.
   * @throws {ServiceError} `invalid` for a reason that isn't one
   */
  async revoke(call: Call, of: { serialNumber: string } | { nodeId: string }, reason: string): Promise<string[]> {
    const { tenant: user } = call.principal
    const { storage, runtime } = this.#services
    requireReason(reason)
    const at = runtime.now()
    const revoked = await storage.revokeAkCertificates({
      userId: user,
      of,
      reason,
      at,
      audit: changeRecord(call, '', at, { reason }),
    })
    this.authorities.forget(user)
    this.statistics.revoked += revoked.length
    return revoked
  }

  /** Removes an enrolment and revokes the certificates issued under it; returns false if there is none. */
  async deleteEnrolment(call: Call, ekDigest: string, reason: string): Promise<boolean> {
    const { tenant: user } = call.principal
    const { storage, runtime } = this.#services
    requireReason(reason)
    const at = runtime.now()
    const audit = changeRecord(call, ekDigest, at, { reason })
    const removed = await storage.deleteAkEnrolment({ userId: user, ekDigest, reason, at, audit })
    this.authorities.forget(user)
    return removed
  }

  /** Deletes certificates that expired long ago. */
  async purge(): Promise<void> {
    const before = this.#services.runtime.now() - KEPT_MS
    while ((await this.#services.storage.purgeAkCertificates({ before, limit: PURGE_BATCH })) === PURGE_BATCH);
  }
}

function requireReason(reason: string): void {
  if (!isReason(reason) || reason === 'certificateHold' || reason === 'removeFromCRL')
    throw invalid('reason', 'is not a reason of RFC 5280 §5.3.1')
}
