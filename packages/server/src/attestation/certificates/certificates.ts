/**
 * The certificates that users store: trust anchors, intermediates, pinned certificates and signers of baselines and policies.
 *
 * Invariants: everything stored was accepted (acceptance.ts) and is signed by the FSK; a row that was altered in the store is shown, but
 * neither used nor re-signed by a change.
 */
import type { Call, Principal } from '../../access/index.ts'
import { changeRecord } from '../../trail/index.ts'
import { ServiceError, invalid, type Runtime } from '../../foundation/index.ts'
import type { RowSignatures } from '../../signing-keys/index.ts'
import type { CertificateRow, Storage } from '../../storage/index.ts'
import { isStorable, readCertificate } from './acceptance.ts'
import { certificateId } from './certificate-id.ts'
import { stateOf, type CertificateState } from './certificate-state.ts'
import type { CertificateType } from './certificate-types.ts'
import { CERTIFICATE_KIND, certificateFields } from './signed-fields.ts'
import type { TrustStore } from './trust-store.ts'

const MAX_TRIES = 5

export interface NewCertificate {
  name: string
  description: string | null
  types: CertificateType[]
  isDefault: boolean | null
  /** PEM. */
  content: string
}

/** Undefined fields stay as they are. */
export interface CertificateChange {
  name?: string | undefined
  description?: string | undefined
  types?: CertificateType[] | undefined
  isDefault?: boolean | undefined
}

export interface CertificateView extends CertificateState {
  row: CertificateRow
}

export class Certificates {
  readonly #services: { storage: Storage; runtime: Runtime; rowSignatures: RowSignatures; trustStore: TrustStore }
  readonly #limit: number

  constructor(services: { storage: Storage; runtime: Runtime; rowSignatures: RowSignatures; trustStore: TrustStore }, limit: number) {
    this.#services = services
    this.#limit = limit
  }

  /** @throws {ServiceError} `invalid`, or `duplicate` if the user has the certificate or the name already */
  async add(call: Call, { name, description, types, isDefault, content }: NewCertificate): Promise<CertificateRow> {
    const { tenant: user } = call.principal
    const { storage, runtime, trustStore } = this.#services
    requireText({ name, description })
    const now = runtime.now()
    const certificate = readCertificate(content, now)
    const id = certificateId(certificate, user)
    const notAfter = certificate.notAfter.getTime()
    const fields = { id, userId: user, name, description, types, isDefault, content, notAfter, version: 1, createdAt: now, updatedAt: now }
    const row = await this.#signed(fields)
    const audit = changeRecord(call, id, now, { name, types, subject: certificate.subject.text.slice(0, 255) })
    const outcome = await storage.insertCertificate({ row, limit: this.#limit, audit })
    trustStore.forget(user)
    if (outcome === 'limit') throw new ServiceError('limit_reached', { facts: { object: 'certificate', limit: this.#limit } })
    if (outcome === 'exists') throw new ServiceError('duplicate', { facts: { object: 'certificate' } })
    return row
  }

  /**
   * Changes a certificate, given by its id, or by the name that it keeps.
   * @throws {ServiceError} `invalid` if there is none or nothing to change, `duplicate` if the new name is taken, `modified` if others keep changing it
   */
  async update(call: Call, key: { id: string } | { name: string }, change: CertificateChange): Promise<CertificateRow> {
    const { tenant: user } = call.principal
    const { storage, runtime, trustStore } = this.#services
    const { name, description, types, isDefault } = change
    requireText({ name, description })
    if (Object.values(change).every((value) => value === undefined)) throw new ServiceError('nothing_to_change')
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const rows = await storage.listCertificates({ userId: user })
      const old = rows.find((row) => ('id' in key ? row.id === key.id : row.name === key.name))
      if (!old) throw new ServiceError('certificate_not_found')
      if (!(await trustStore.readCertificate(old)))
        throw new ServiceError('altered', { message: 'the certificate was altered in the store: delete it, and add it again' })
      const updatedAt = runtime.now()
      const row = await this.#signed({
        ...old,
        name: name ?? old.name,
        description: description ?? old.description,
        types: types ?? old.types,
        isDefault: isDefault ?? old.isDefault,
        version: old.version + 1,
        updatedAt,
      })
      const audit = changeRecord(call, row.id, updatedAt, {
        name: row.name,
        types: row.types,
        version: row.version,
      })
      const outcome = await storage.updateCertificate({ row, audit })
      trustStore.forget(user)
      if (outcome === 'updated') return row
      if (outcome === 'exists') throw new ServiceError('duplicate', { facts: { object: 'certificate name' } })
    }
    throw new ServiceError('modified', { facts: { object: 'certificate' } })
  }

  /** The user's certificates, the last changed first: those with these ids, or those of a type, or all. */
  async list(
    principal: Principal,
    { ids, type }: { ids?: readonly string[] | undefined; type?: string | undefined },
  ): Promise<CertificateRow[]> {
    const { tenant: user } = principal
    const rows = await this.#services.storage.listCertificates({ userId: user })
    if (ids !== undefined) return rows.filter(({ id }) => ids.includes(id))
    return type === undefined ? rows : rows.filter(({ types }) => types.includes(type))
  }

  /** The user's certificates with these ids, and what each is worth now. */
  async inspect(principal: Principal, ids: readonly string[]): Promise<CertificateView[]> {
    const { tenant: user } = principal
    const { runtime, trustStore } = this.#services
    const rows = await this.list(principal, { ids })
    const crls = (await trustStore.of(user)).crls.flatMap(({ crl }) => crl ?? [])
    const now = runtime.now()
    return Promise.all(rows.map(async (row) => ({ row, ...stateOf({ certificate: await trustStore.readCertificate(row) }, crls, now) })))
  }

  /** Removes those with these ids, or those of a type, or all; returns the ids of those removed. */
  async delete(call: Call, { ids, type }: { ids?: readonly string[] | undefined; type?: CertificateType | undefined }): Promise<string[]> {
    const { tenant: user } = call.principal
    const { storage, runtime, trustStore } = this.#services
    const at = runtime.now()
    const audit = changeRecord(call, '', at)
    const removed = await storage.deleteCertificates({ userId: user, ids: ids ? [...ids] : null, type: type ?? null, at, audit })
    trustStore.forget(user)
    return removed
  }

  async #signed(fields: Omit<CertificateRow, 'signature' | 'keyVersion' | 'altered'>): Promise<CertificateRow> {
    return { ...fields, ...(await this.#services.rowSignatures.sign(CERTIFICATE_KIND, certificateFields(fields))), altered: false }
  }
}

/** Refuses texts that the databases cannot store, naming the field. */
export function requireText(fields: Record<string, string | null | undefined>): void {
  for (const [field, text] of Object.entries(fields)) if (text != null && !isStorable(text)) throw invalid(field, 'is not well-formed text')
}
