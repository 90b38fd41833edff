/**
 * What each user trusts, parsed and kept in memory: certificates and CRLs with their rows, whose FSK signatures have been checked. A row
 * that was altered in the store is marked as such and not used.
 */
import { certificatesFromPem, X509Error, type Certificate, type Crl } from '@vouchsafe/x509'
import type { CertificateRow, ChangeFeed, CrlRow, Storage } from '../../storage/index.ts'
import type { RowSignatures } from '../../signing-keys/index.ts'
import { UserCache } from '../user-cache.ts'
import { crlOfPem } from './acceptance.ts'
import { CERTIFICATE_KIND, certificateFields, CRL_KIND, crlFields } from './signed-fields.ts'

/** Bytes of PEM, and something for each entry; what is read of them takes a few times as much. */
const MAX_CACHED_BYTES = 64 * 1024 * 1024
const ENTRY_BYTES = 2 * 1024

export interface StoredCertificate {
  row: CertificateRow
  /** Undefined if the row was altered. */
  certificate: Certificate | undefined
}

export interface StoredCrl {
  row: CrlRow
  /** Undefined if the row was altered. */
  crl: Crl | undefined
}

/** Never changes; another object replaces it when anything of the user's changes. */
export interface UserTrust {
  readonly certificates: readonly StoredCertificate[]
  readonly crls: readonly StoredCrl[]
}

export class TrustStore {
  readonly #services: { storage: Storage; rowSignatures: RowSignatures }
  readonly #cache: UserCache<UserTrust>

  constructor(services: { storage: Storage; rowSignatures: RowSignatures; feed: ChangeFeed }) {
    this.#services = services
    const load = (user: string) => this.#load(user)
    this.#cache = new UserCache({ feed: services.feed, kind: 'certificate', sizeOf, maxSize: MAX_CACHED_BYTES, load })
  }

  /** What a user trusts now. */
  of(user: string): Promise<UserTrust> {
    return this.#cache.get(user)
  }

  /** Call this after a change made by this process. */
  forget(user: string): void {
    this.#cache.forget(user)
  }

  /** Reads a row's certificate; undefined if the row was altered or can no longer be read. */
  async readCertificate(row: CertificateRow): Promise<Certificate | undefined> {
    const { signature, keyVersion, altered } = row
    if (altered || !(await this.#services.rowSignatures.verify(CERTIFICATE_KIND, certificateFields(row), signature, keyVersion)))
      return undefined
    return orUndefined(async () => certificatesFromPem(row.content)[0])
  }

  /** Reads a row's CRL; undefined if the row was altered or can no longer be read. */
  async readCrl(row: CrlRow): Promise<Crl | undefined> {
    const { signature, keyVersion, altered } = row
    if (altered || !(await this.#services.rowSignatures.verify(CRL_KIND, crlFields(row), signature, keyVersion))) return undefined
    return orUndefined(() => crlOfPem(row.content))
  }

  async #load(user: string): Promise<UserTrust> {
    const { storage } = this.#services
    const [certificateRows, crlRows] = await Promise.all([storage.listCertificates({ userId: user }), storage.listCrls({ userId: user })])
    const certificates = await Promise.all(certificateRows.map(async (row) => ({ row, certificate: await this.readCertificate(row) })))
    const crls = await Promise.all(crlRows.map(async (row) => ({ row, crl: await this.readCrl(row) })))
    return { certificates, crls }
  }
}

/**
 * Everything stored could be parsed at the time; if a later release is stricter, the row counts as altered, and the user's other rows are
 * unaffected.
 */
async function orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof X509Error) return undefined
    throw error
  }
}

function sizeOf({ certificates, crls }: UserTrust): number {
  return [...certificates, ...crls].reduce((sum, { row }) => sum + ENTRY_BYTES + row.content.length, ENTRY_BYTES)
}
