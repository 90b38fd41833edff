/**
 * What each user trusts, read and in memory: certificates and CRLs with their rows, whose signatures by the FSK have been checked. A row that
 * was altered in the store is kept as such and used for nothing.
 */
import { certificatesFromPem, type Certificate, type Crl } from '@vouchsafe/x509'
import { LRUCache } from 'lru-cache'
import type { ChangeFeed } from '../../change-feed.ts'
import type { RowSignatures } from '../../signing-keys/row-signatures.ts'
import type { CertificateRow, CrlRow, Storage } from '../../storage/index.ts'
import { crlOfPem } from './acceptance.ts'
import { CERTIFICATE_KIND, certificateFields, CRL_KIND, crlFields } from './signed-fields.ts'

/** Bytes of PEM, and something for each entry; what is read of them takes a few times as much. */
const MAX_CACHED_BYTES = 64 * 1024 * 1024
const ENTRY_BYTES = 2 * 1024

export interface StoredCertificate {
  row: CertificateRow
  /** Undefined when the row was altered. */
  certificate: Certificate | undefined
}

export interface StoredCrl {
  row: CrlRow
  /** Undefined when the row was altered. */
  crl: Crl | undefined
}

/** Never changes; another object takes its place when anything of the user's does. */
export interface UserTrust {
  readonly certificates: readonly StoredCertificate[]
  readonly crls: readonly StoredCrl[]
}

export class TrustStore {
  readonly #services: { storage: Storage; rowSignatures: RowSignatures; feed: ChangeFeed }
  readonly #cache = new LRUCache<string, UserTrust>({ maxSize: MAX_CACHED_BYTES, sizeCalculation: sizeOf })
  /** Reads under way, so that many who ask at once cost one. */
  readonly #loading = new Map<string, Promise<UserTrust>>()

  constructor(services: { storage: Storage; rowSignatures: RowSignatures; feed: ChangeFeed }) {
    this.#services = services
    services.feed.subscribe({
      changed: (kind, user) => {
        if (kind === 'certificate') this.forget(user)
        // A version of the FSK that was missing makes rows verify that did not.
        if (kind === 'signing-key') this.#forgetAll()
      },
      reset: () => this.#forgetAll(),
    })
  }

  /** What a user trusts now. */
  async of(user: string): Promise<UserTrust> {
    const cached = this.#services.feed.fresh ? this.#cache.get(user) : undefined
    if (cached) return cached
    const known = this.#loading.get(user)
    if (known) return known
    const loading = this.#load(user)
    this.#loading.set(user, loading)
    try {
      const trust = await loading
      // A change that came during the read has removed it from here.
      if (this.#loading.get(user) === loading) this.#cache.set(user, trust)
      return trust
    } finally {
      if (this.#loading.get(user) === loading) this.#loading.delete(user)
    }
  }

  /** Call it after a change that this process made. */
  forget(user: string): void {
    this.#cache.delete(user)
    this.#loading.delete(user)
  }

  /** Reads a row's certificate; undefined where the row was altered. */
  async readCertificate(row: CertificateRow): Promise<Certificate | undefined> {
    const { signature, keyVersion, altered } = row
    if (altered || !(await this.#services.rowSignatures.verify(CERTIFICATE_KIND, certificateFields(row), signature, keyVersion)))
      return undefined
    return certificatesFromPem(row.content)[0]
  }

  /** Reads a row's CRL; undefined where the row was altered. */
  async readCrl(row: CrlRow): Promise<Crl | undefined> {
    const { signature, keyVersion, altered } = row
    if (altered || !(await this.#services.rowSignatures.verify(CRL_KIND, crlFields(row), signature, keyVersion))) return undefined
    return crlOfPem(row.content)
  }

  async #load(user: string): Promise<UserTrust> {
    const { storage } = this.#services
    const [certificateRows, crlRows] = await Promise.all([storage.listCertificates({ userId: user }), storage.listCrls({ userId: user })])
    const certificates = await Promise.all(certificateRows.map(async (row) => ({ row, certificate: await this.readCertificate(row) })))
    const crls = await Promise.all(crlRows.map(async (row) => ({ row, crl: await this.readCrl(row) })))
    return { certificates, crls }
  }

  #forgetAll(): void {
    this.#cache.clear()
    this.#loading.clear()
  }
}

function sizeOf({ certificates, crls }: UserTrust): number {
  return [...certificates, ...crls].reduce((sum, { row }) => sum + ENTRY_BYTES + row.content.length, ENTRY_BYTES)
}
