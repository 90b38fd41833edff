/**
 * The baselines that users store: signed lists of reference values (contract §3, decisions "Baselines").
 *
 * Invariants: content is stored only when one of the user's `refvalue` certificates verified it; each row is signed by the FSK, and covers the
 * JWT and its digest set by their hashes; one that was altered in the store is shown, matches nothing and is never re-signed by a change.
 */
import type { Call, Principal } from '../../access/index.ts'
import { changeRecord } from '../../trail/index.ts'
import { webcrypto } from 'node:crypto'
import type { KeyCrypto } from '@vouchsafe/crypto'
import { ServiceError, invalid, type Runtime } from '../../foundation/index.ts'
import type { RowSignatures } from '../../signing-keys/index.ts'
import type { BaselineContent, BaselineRow, Storage } from '../../storage/index.ts'
import type { Appraiser } from '../appraisal/appraiser.ts'
import { MAX_SIGNATURES, SignatureBudget, type ForeignSignatures } from '../certificates/foreign-signatures.ts'
import type { Trust } from '../certificates/trust.ts'
import { parseSignedContent, signerOf } from '../signed-content.ts'
import { requireStorable } from '../storable-text.ts'
import { BASELINE_TYPES } from '../verifiers/attester-types.ts'
import { BASELINE_KIND, baselineFields } from './baseline-fields.ts'

/** Limit for one user. */
const MAX_BASELINES = 100
/**
 * Digest sets of one user: four million SHA-256 values. Their index is built under the appraisal's hard stop of 15 seconds, and in five times
 * as much memory for a moment: on a busy machine with two cores it takes one second, and three for values made to be slow to sort.
 */
const MAX_DIGEST_BYTES = 128 * 1024 * 1024
/** Characters of contents in one answer; a single one may be longer. */
const MAX_ANSWER_CHARACTERS = 16 * 1024 * 1024
const MAX_TRIES = 5

export interface BaselineServices {
  storage: Storage
  runtime: Runtime
  rowSignatures: RowSignatures
  crypto: Pick<KeyCrypto, 'verify'>
  trust: Pick<Trust, 'signers'>
  signatures: Pick<ForeignSignatures, 'verify'>
  appraiser: Pick<Appraiser, 'readBaseline'>
}

export interface NewBaseline {
  name: string
  description: string | null
  attesterType: string
  /** JWT. */
  content: string
  isDefault: boolean
}

/** Undefined fields stay as they are. */
export type BaselineChange = { [F in keyof NewBaseline]?: Exclude<NewBaseline[F], null> | undefined }

export interface BaselineView {
  row: BaselineRow
  /** JWT. */
  content: string
  /** 0: as it was stored; 1: altered in the store; 2: its signer expired, was revoked or removed. */
  validCode: 0 | 1 | 2
}

type Unsigned = Omit<BaselineRow, 'signature' | 'keyVersion' | 'altered'>
type ReadContent = Pick<BaselineRow, 'signerId' | 'contentHash' | 'contentLength' | 'digestsHash' | 'digestsLength' | 'valueCount'>

export class Baselines {
  readonly #services: BaselineServices
  readonly #changed: (user: string) => void

  /** @param changed called for every change that is made here */
  constructor(services: BaselineServices, changed: (user: string) => void) {
    this.#services = services
    this.#changed = changed
  }

  /** @throws {ServiceError} `invalid`, or `duplicate` if the user has the name already */
  async add(call: Call, baseline: NewBaseline): Promise<BaselineRow> {
    const { tenant: user } = call.principal
    const { runtime, storage } = this.#services
    const { name, description, attesterType, isDefault } = baseline
    requireStorable({ name, description })
    requireType(attesterType)
    const { facts, content } = await this.#read(user, baseline.content)
    const now = runtime.now()
    const row = await this.#signed({
      ...{ id: runtime.uuid().replaceAll('-', ''), userId: user, name, description, attesterType, isDefault, ...facts },
      ...{ version: 1, createdAt: now, updatedAt: now },
    })
    const audit = changeRecord(call, row.id, now, { name, contentHash: row.contentHash, values: row.valueCount })
    const outcome = await storage.insertBaseline({ row, content, limit: MAX_BASELINES, maxDigestBytes: MAX_DIGEST_BYTES, audit })
    this.#changed(user)
    if (outcome === 'limit') throw new ServiceError('limit_reached', { facts: { object: 'baseline', limit: MAX_BASELINES } })
    if (outcome === 'exists') throw new ServiceError('duplicate', { facts: { object: 'baseline' } })
    if (outcome === 'too_large') throw tooLarge()
    return row
  }

  /**
   * @throws {ServiceError} `invalid` if there is no such baseline or nothing to change, `duplicate` if the new name is taken,
   *   `modified` if another request changed it meanwhile
   */
  async update(call: Call, id: string, change: BaselineChange): Promise<BaselineRow> {
    const { tenant: user } = call.principal
    const { runtime, storage } = this.#services
    const { name, description, attesterType, content, isDefault } = change
    if (Object.values(change).every((value) => value === undefined)) throw new ServiceError('nothing_to_change')
    requireStorable({ name, description })
    if (attesterType !== undefined) requireType(attesterType)
    const old = (await storage.listBaselines({ userId: user })).find((row) => row.id === id)
    if (old === undefined) throw notFound(id)
    if (!(await this.isIntact(old)))
      throw new ServiceError('altered', { message: `the baseline '${id}' was altered in the store: delete it and add it again` })
    const read = content === undefined ? undefined : await this.#read(user, content)
    const { signature: _signature, keyVersion: _keyVersion, altered: _altered, ...kept } = old
    const row = await this.#signed({
      ...kept,
      name: name ?? old.name,
      description: description ?? old.description,
      attesterType: attesterType ?? old.attesterType,
      isDefault: isDefault ?? old.isDefault,
      ...read?.facts,
      version: old.version + 1,
      updatedAt: Math.max(runtime.now(), old.updatedAt),
    })
    const detail = { version: row.version, name: row.name, contentHash: row.contentHash, values: row.valueCount }
    const audit = changeRecord(call, id, row.updatedAt, detail)
    const outcome = await storage.updateBaseline({ row, content: read?.content ?? null, maxDigestBytes: MAX_DIGEST_BYTES, audit })
    this.#changed(user)
    if (outcome === 'missing') throw notFound(id)
    if (outcome === 'exists') throw new ServiceError('duplicate', { facts: { object: 'baseline' } })
    if (outcome === 'too_large') throw tooLarge()
    if (outcome === 'conflict') {
      throw new ServiceError('modified', { facts: { object: 'baseline' } })
    }
    return row
  }

  /** Removes baselines; unknown ones are ignored. */
  async remove(call: Call, selection: { ids: string[] } | { attesterType: string } | 'all'): Promise<void> {
    const { tenant: user } = call.principal
    const { runtime, storage } = this.#services
    const at = runtime.now()
    const ids = typeof selection === 'object' && 'ids' in selection ? selection.ids : null
    const attesterType = typeof selection === 'object' && 'attesterType' in selection ? selection.attesterType : null
    await storage.deleteBaselines({ userId: user, ids, attesterType, at, audit: changeRecord(call, '', at) })
    this.#changed(user)
  }

  /** The user's baselines, the oldest first. */
  list(principal: Principal): Promise<BaselineRow[]> {
    const { tenant: user } = principal
    return this.#services.storage.listBaselines({ userId: user })
  }

  /**
   * The user's baselines with these ids, with their contents and states.
   * @throws {ServiceError} `invalid` if the contents are too long for one response
   */
  async read(principal: Principal, ids: string[]): Promise<BaselineView[]> {
    const { tenant: user } = principal
    const { storage, trust, runtime } = this.#services
    const signers = await trust.signers(user, 'refvalue', runtime.now())
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const rows = (await this.list(principal)).filter(({ id }) => ids.includes(id))
      if (rows.length > 1 && rows.reduce((sum, { contentLength }) => sum + contentLength, 0) > MAX_ANSWER_CHARACTERS) {
        throw invalid('ids', ': these baselines are too long for one answer; ask for fewer at once')
      }
      const views: BaselineView[] = []
      for (const row of rows) {
        const content = await storage.readBaselineContent({ id: row.id, version: row.version })
        if (content === null) break
        const intact = (await this.isIntact(row)) && (await hashOf(Buffer.from(content))) === row.contentHash
        const isSignerValid = signers.some(({ id, valid }) => valid && id === row.signerId)
        views.push({ row, content, validCode: !intact ? 1 : isSignerValid ? 0 : 2 })
      }
      // Otherwise one was changed or deleted meanwhile.
      if (views.length === rows.length) return views
    }
    throw new ServiceError('busy', { detail: 'baselines change all the time' })
  }

  /** Whether the row is as it was stored; its content is not checked. */
  async isIntact(row: BaselineRow): Promise<boolean> {
    return !row.altered && this.#services.rowSignatures.verify(BASELINE_KIND, baselineFields(row), row.signature, row.keyVersion)
  }

  /** Verifies a JWT against the user's certificates, then reads it. */
  async #read(user: string, jwt: string): Promise<{ facts: ReadContent; content: BaselineContent }> {
    const { trust, crypto, runtime, appraiser, signatures } = this.#services
    const signed = parseSignedContent(jwt)
    const budget = new SignatureBudget(MAX_SIGNATURES)
    const inTurn = (run: () => Promise<boolean>) => signatures.verify(user, run, budget)
    const signers = await trust.signers(user, 'refvalue', runtime.now(), budget)
    const { id: signerId } = await signerOf(signed, signers, { crypto, inTurn }, 'reference value')
    const { digests, count } = await appraiser.readBaseline(user, signed.payload)
    const [contentHash, digestsHash] = await Promise.all([hashOf(Buffer.from(jwt)), hashOf(digests)])
    const facts = { signerId, contentHash, contentLength: jwt.length, digestsHash, digestsLength: digests.length, valueCount: count }
    return { facts, content: { content: jwt, digests } }
  }

  async #signed(fields: Unsigned): Promise<BaselineRow> {
    return { ...fields, ...(await this.#services.rowSignatures.sign(BASELINE_KIND, baselineFields(fields))), altered: false }
  }
}

/** SHA-256 in hex, on the thread pool: contents are long. */
export async function hashOf(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toHex()
}

function requireType(type: string): void {
  if (!BASELINE_TYPES.includes(type)) throw invalid('attesterType', `must be one of ${BASELINE_TYPES.join(', ')}`)
}

function notFound(id: string): ServiceError {
  return new ServiceError('baseline_not_found', { message: `There is no baseline '${id}'.`, facts: { id } })
}

function tooLarge(): ServiceError {
  return invalid('content', `: the reference values of one user may take ${MAX_DIGEST_BYTES / 1024 / 1024} MiB together`)
}
