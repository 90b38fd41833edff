/**
 * The authority's own CAs, one succession for each user: they issue certificates for attestation keys and anchor that user's evidence
 * without being stored among the certificates. Private keys are sealed; a version never changes, and all that have not expired count.
 */
import { systemCall } from '../../access/index.ts'
import { changeRecord } from '../../trail/index.ts'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { Check } from '@vouchsafe/checks'
import { createSelfSignedCa, issueCrl, namesEqual, parseCertificate, REVOCATION_REASONS, X509Error } from '@vouchsafe/x509'
import type { Certificate, Crl, RevocationReason } from '@vouchsafe/x509'
import type { AkAuthorityRow, AkCertificateRow, ChangeFeed, Storage } from '../../storage/index.ts'
import { ServiceError, type Runtime } from '../../foundation/index.ts'
import type { Envelope, SealedColumn } from '../../envelope/index.ts'
import { UserCache } from '../user-cache.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const VALID_MS = 3650 * DAY_MS
/** A CA that expires within this time issues no more. */
const RENEWED_BEFORE_MS = 366 * DAY_MS
const CLOCK_SKEW_MS = 60 * 60 * 1000
const LIST_MS = DAY_MS
const MAX_CACHED_BYTES = 64 * 1024 * 1024
const ENTRY_BYTES = 2 * 1024

export interface Authority {
  version: number
  certificate: Certificate
  privateKey: KeyObject
}

/** A user's CAs and what they revoked. */
export interface UserAuthorities {
  /** By ascending version, without those that have expired. */
  authorities: readonly Authority[]
  /** One list for each. */
  crls: readonly Crl[]
  /** Milliseconds since 1970 between which the lists are current. */
  from: number
  until: number
}

export interface AuthoritiesServices {
  storage: Storage
  envelope: Envelope
  runtime: Runtime
  feed: ChangeFeed
}

export class Authorities {
  readonly #services: AuthoritiesServices
  readonly #cache: UserCache<UserAuthorities>

  constructor(services: AuthoritiesServices) {
    this.#services = services
    const { feed } = services
    const sizeOf = ({ authorities, crls }: UserAuthorities) =>
      ENTRY_BYTES * (1 + authorities.length) + crls.reduce((sum, { der }) => sum + 4 * der.length, 0)
    this.#cache = new UserCache({ feed, kind: 'ak-certificate', sizeOf, maxSize: MAX_CACHED_BYTES, load: (user) => this.#load(user) })
  }

  async of(user: string): Promise<UserAuthorities> {
    const known = await this.#cache.get(user)
    const now = this.#services.runtime.now()
    if (known.from <= now && now < known.until) return known
    this.#cache.forget(user)
    return this.#cache.get(user)
  }

  /** Anchors and lists for chains of the user's attestation keys. */
  async implicit(user: string): Promise<{ anchors: Certificate[]; crls: readonly Crl[] }> {
    const { authorities, crls } = await this.of(user)
    return { anchors: authorities.map(({ certificate }) => certificate), crls }
  }

  /**
   * Checks a certificate that one of the user's CAs here issued, or may have, against the record of it: the lists of what was revoked are made
   * from such records, and show neither one that was altered nor one that is gone. Nothing to check for certificates of others.
   * @throws {StorageError} `altered`
   */
  async checkIssued(user: string, leaf: Uint8Array): Promise<Check[]> {
    const { authorities } = await this.of(user)
    let certificate: Certificate
    try {
      certificate = parseCertificate(leaf)
    } catch (error) {
      if (error instanceof X509Error) return []
      throw error
    }
    if (!authorities.some((each) => namesEqual(each.certificate.subject, certificate.issuer))) return []
    const { serialNumber } = certificate
    const row = await this.#services.storage.findAkCertificate({ userId: user, serialNumber })
    const found = row === null ? `no record of certificate ${serialNumber}` : row.revokedAt === null ? serialNumber : 'revoked'
    return [{ name: 'ak_certificate_recorded', passed: row?.revokedAt === null, found }]
  }

  /** The CA that issues now, created if none is valid for long enough. */
  async current(user: string): Promise<Authority> {
    const now = this.#services.runtime.now()
    const newest = (await this.of(user)).authorities.at(-1)
    // One that is valid only later was created while the clock was ahead.
    const isCurrent = newest && newest.certificate.notBefore.getTime() <= now
    if (isCurrent && newest.certificate.notAfter.getTime() > now + RENEWED_BEFORE_MS) return newest
    const rows = await this.#services.storage.listAkAuthorities({ userId: user })
    await this.#add(user, (rows.at(-1)?.version ?? 0) + 1)
    const made = (await this.of(user)).authorities.at(-1)
    if (!made) throw new ServiceError('internal', { detail: 'a CA for attestation keys was stored, and is not there' })
    return made
  }

  /** Call this after a change made by this process. */
  forget(user: string): void {
    this.#cache.forget(user)
  }

  /** If another server creates the same version, that one stays. */
  async #add(user: string, version: number): Promise<void> {
    const { storage, envelope, runtime } = this.#services
    const now = runtime.now()
    const { certificate, privateKey } = await createSelfSignedCa({
      subject: `O=Vouchsafe,CN=Attestation keys of ${escaped(user)} ${version}`,
      notBefore: new Date(now - CLOCK_SKEW_MS),
      notAfter: new Date(now + VALID_MS),
      pathLength: 0,
    })
    const facts = { userId: user, version, certificate: certificate.der, notAfter: certificate.notAfter.getTime() }
    const der = privateKey.export({ format: 'der', type: 'pkcs8' })
    const { blob, domainVersion } = envelope.seal('ak-authority', identity(facts), der)
    der.fill(0)
    const audit = changeRecord(systemCall('CreateAkAuthority'), user, now, { version })
    await storage.insertAkAuthority({ row: { ...facts, sealed: blob, domainVersion, createdAt: now }, audit })
    this.forget(user)
  }

  async #load(user: string): Promise<UserAuthorities> {
    const { storage, runtime } = this.#services
    const now = runtime.now()
    const rows = await storage.listAkAuthorities({ userId: user })
    const authorities = rows.filter(({ notAfter }) => notAfter >= now).map((row) => this.#open(row))
    const revoked = authorities.length === 0 ? [] : await storage.listRevokedAkCertificates({ userId: user, now })
    const crls = await Promise.all(authorities.map((authority) => listOf(authority, revoked, now)))
    return { authorities, crls, from: now - CLOCK_SKEW_MS, until: now + LIST_MS / 2 }
  }

  #open(row: AkAuthorityRow): Authority {
    const der = this.#services.envelope.open('ak-authority', identity(row), { blob: row.sealed, domainVersion: row.domainVersion })
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    der.fill(0)
    return { version: row.version, certificate: parseCertificate(row.certificate), privateKey }
  }
}

function listOf({ version, certificate, privateKey }: Authority, revoked: readonly AkCertificateRow[], now: number): Promise<Crl> {
  return issueCrl({
    issuer: certificate,
    signer: privateKey,
    thisUpdate: new Date(now - CLOCK_SKEW_MS),
    nextUpdate: new Date(now + LIST_MS),
    number: now,
    revoked: revoked
      .filter(({ authorityVersion }) => authorityVersion === version)
      .map(({ serialNumber, revokedAt, reason }) => ({
        serialNumber,
        date: new Date(revokedAt!),
        ...(isReason(reason) ? { reason } : {}),
      })),
  })
}

export function isReason(text: string | null): text is RevocationReason {
  return (REVOCATION_REASONS as readonly (string | null | undefined)[]).includes(text)
}

/** Where they are stored, sealed. */
export const AUTHORITY_COLUMN: SealedColumn<'ak_authorities'> = { kind: 'ak-authority', identity: identity }

/** The certificate is part of it: someone with write access to the database cannot replace it. */
function identity({ userId, version, certificate }: Pick<AkAuthorityRow, 'userId' | 'version' | 'certificate'>): string[] {
  return [userId, String(version), certificate.toBase64()]
}

/** Text as a value in a distinguished name: every byte escaped. */
export function escaped(text: string): string {
  return Buffer.from(text).toString('hex').replace(/../g, '\\$&')
}
