/**
 * The certificate revocation lists that users store.
 *
 * Invariants: a list is stored only if one of the user's CA certificates, with the name of its issuer, signed it; a list is replaced
 * under its name only by one that is not older, so that an earlier list cannot undo a revocation.
 */
import type { Call, Principal } from '../../access/index.ts'
import { effectRecord } from '../../trail/index.ts'
import { crlProblem, namesEqual, type Crl } from '@vouchsafe/x509'
import { ServiceError, invalid, type Runtime } from '../../foundation/index.ts'
import type { RowSignatures } from '../../signing-keys/index.ts'
import type { CrlRow, Storage } from '../../storage/index.ts'
import { crlOfPem, readCrl } from './acceptance.ts'
import { requireText } from './certificates.ts'
import { CRL_KIND, crlFields } from './signed-fields.ts'
import type { ForeignSignatures } from './foreign-signatures.ts'
import type { TrustStore, UserTrust } from './trust-store.ts'

const MAX_TRIES = 5

export interface CrlServices {
  storage: Storage
  runtime: Runtime
  signatures: ForeignSignatures
  rowSignatures: RowSignatures
  trustStore: TrustStore
}

export interface CrlView {
  row: CrlRow
  altered: boolean
  stale: boolean
}

export class Crls {
  readonly #services: CrlServices
  readonly #limit: number

  constructor(services: CrlServices, limit: number) {
    this.#services = services
    this.#limit = limit
  }

  /**
   * Stores a list, or replaces the one with its name and keeps that id.
   * @throws {ServiceError} `invalid` saying what is wrong with it
   */
  async put(call: Call, { name, content }: { name: string; content: string }): Promise<CrlRow> {
    const { tenant: user } = call.principal
    const { storage, runtime, trustStore } = this.#services
    requireText({ name })
    const crl = await readCrl(content, runtime.now())
    await this.#requireIssuer(user, crl, await trustStore.of(user))
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const old = (await storage.listCrls({ userId: user })).find((row) => row.name === name)
      if (old) await requireNotOlder(crl, old)
      const now = runtime.now()
      const { id, version, createdAt } = old ?? { id: runtime.uuid(), version: 0, createdAt: now }
      const nextUpdate = crl.nextUpdate?.getTime() ?? null
      const fields = { id, userId: user, name, content, nextUpdate, version: version + 1, createdAt, updatedAt: now }
      const signature = await this.#services.rowSignatures.sign(CRL_KIND, crlFields(fields))
      const row: CrlRow = { ...fields, ...signature, altered: false }
      const facts = { name, issuer: crl.issuer.text.slice(0, 255), entries: crl.revoked.size, version: row.version }
      const audit = effectRecord(call, 'PutCrl', id, now, facts)
      const outcome = await storage.putCrl({ row, limit: this.#limit, audit })
      trustStore.forget(user)
      if (outcome === 'stored') return row
      if (outcome === 'limit') throw new ServiceError('limit_reached', { facts: { object: 'crl', limit: this.#limit } })
    }
    throw new ServiceError('modified', { message: 'the CRL was replaced by other requests at once, please retry' })
  }

  /** The user's lists by name: those with these ids, or all. */
  async list(principal: Principal, ids?: readonly string[]): Promise<CrlView[]> {
    const { tenant: user } = principal
    const { storage, runtime, trustStore } = this.#services
    const rows = await storage.listCrls({ userId: user })
    const now = runtime.now()
    const wanted = rows.filter(({ id }) => ids === undefined || ids.includes(id))
    return Promise.all(
      wanted.map(async (row) => ({
        row,
        altered: (await trustStore.readCrl(row)) === undefined,
        stale: row.nextUpdate !== null && row.nextUpdate < now,
      })),
    )
  }

  /** Removes those with these ids, or all; returns the ids of those removed. */
  async delete(call: Call, ids: readonly string[] | undefined): Promise<string[]> {
    const { tenant: user } = call.principal
    const { storage, runtime, trustStore } = this.#services
    const at = runtime.now()
    const removed = await storage.deleteCrls({
      userId: user,
      ids: ids ? [...ids] : null,
      at,
      audit: effectRecord(call, 'DeleteCrl', '', at),
    })
    trustStore.forget(user)
    return removed
  }

  async #requireIssuer(user: string, crl: Crl, { certificates }: UserTrust): Promise<void> {
    const named = certificates.flatMap(({ certificate }) => (certificate && namesEqual(certificate.subject, crl.issuer) ? certificate : []))
    if (named.length === 0) throw invalid('crlContent', `: no certificate of yours has the CRL's issuer ${crl.issuer.text} as its subject`)
    const problems = await this.#services.signatures.settle(user, (options) => named.map((issuer) => crlProblem(crl, issuer, options)))
    if (!problems.includes(undefined)) throw invalid('crlContent', `: not a CRL of ${crl.issuer.text}: ${problems[0]}`)
  }
}

/** Lists of the same issuer are ordered by their numbers and times; lists of different issuers are not comparable. */
async function requireNotOlder(crl: Crl, row: CrlRow): Promise<void> {
  // A row that was altered in the store may hold anything: the new list is preferable in any case.
  const old = await crlOfPem(row.content).catch(() => undefined)
  if (!old || !namesEqual(old.issuer, crl.issuer)) return
  if (old.number !== undefined && crl.number !== undefined && crl.number < old.number)
    throw invalid('crlContent', `: CRL number ${crl.number} is lower than ${old.number}, which is stored under this name`)
  if (crl.thisUpdate < old.thisUpdate)
    throw invalid(
      'crlContent',
      `: a CRL of ${crl.thisUpdate.toISOString()} does not replace the one of ${old.thisUpdate.toISOString()}, which is stored under this name`,
    )
}
