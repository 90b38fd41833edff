/**
 * What each user trusts, read and in memory: certificates and CRLs with their rows, whose signatures by the FSK have been checked. A row that
 * was altered in the store is kept as such and used for nothing.
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

  /** Call it after a change that this process made. */
  forget(user: string): void {
    this.#cache.forget(user)
  }

  /** Reads a row's certificate; undefined where the row was altered, or can't be read any more. */
  async readCertificate(row: CertificateRow): Promise<Certificate | undefined> {
    const { signature, keyVersion, altered } = row
    if (altered || !(await this.#services.rowSignatures.verify(CERTIFICATE_KIND, certificateFields(row), signature, keyVersion)))
      return undefined
    return orUndefined(async () => certificatesFromPem(row.content)[0])
  }

  /** Reads a row's CRL; undefined where the row was altered, or can't be read any more. */
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

/** What was stored could be read then; should a later release be stricter, it counts as altered, and nothing else of the user's suffers. */
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
