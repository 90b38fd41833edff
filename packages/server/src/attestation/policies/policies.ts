/**
 * The policies that users store (contract §10, decisions "Policies").
 *
 * Invariants: every stored policy has compiled and returned a verdict on sample inputs of each kind of evidence that it is for; each row is
 * signed by the FSK; one that was altered in the store is shown, never evaluated, never left out silently and never re-signed by a change.
 */
import type { Call, Principal } from '../../access/index.ts'
import { changeRecord } from '../../trail/index.ts'
import { createHash } from 'node:crypto'
import type { KeyCrypto } from '@vouchsafe/crypto'
import type { ChangeFeed, PolicyRow, PolicySummary, Storage } from '../../storage/index.ts'
import { ServiceError, invalid, type Runtime } from '../../foundation/index.ts'
import type { RowSignatures } from '../../signing-keys/index.ts'
import type { Appraiser } from '../appraisal/appraiser.ts'
import { isAttesterType } from '../verifiers/attester-types.ts'
import { MAX_SIGNATURES, SignatureBudget, type ForeignSignatures } from '../certificates/foreign-signatures.ts'
import type { Trust } from '../certificates/trust.ts'
import { signerOf } from '../signed-content.ts'
import { requireStorable } from '../storable-text.ts'
import { verifierOf } from '../verifiers/index.ts'
import { readPolicyContent, type ContentType } from './policy-content.ts'
import { POLICY_KIND, policyFields } from './policy-fields.ts'

/** Limit for one user. */
const MAX_POLICIES = 30
/** Characters that the original refuses in names, descriptions and attester types. */
const FORBIDDEN = /[<>"'&|\\/*?`]/
/** Not in ids: a comma separates them in queries. */
const FORBIDDEN_IN_ID = /[<>"'&|\\/*?`,\s]/

export interface PolicySettings {
  /** Whether policies that are not signed are refused. */
  signedPolicies: boolean
}

export interface PolicyServices {
  storage: Storage
  runtime: Runtime
  feed: ChangeFeed
  rowSignatures: RowSignatures
  crypto: Pick<KeyCrypto, 'verify'>
  trust: Pick<Trust, 'signers' | 'hasSigners'>
  signatures: Pick<ForeignSignatures, 'verify'>
  appraiser: Pick<Appraiser, 'tryPolicy'>
}

export interface NewPolicy {
  id: string | undefined
  name: string
  description: string | null
  attesterTypes: string[]
  contentType: ContentType
  content: string
  isDefault: boolean
}

/** Undefined fields stay as they are. */
export interface PolicyChange {
  name?: string | undefined
  description?: string | undefined
  attesterTypes?: string[] | undefined
  contentType?: ContentType | undefined
  content?: string | undefined
  isDefault?: boolean | undefined
}

/** Selects some of a user's resources: those with an id, those for an attester type, or all. */
export type Selection = { ids: string[] } | { attesterType: string } | 'all'

export interface PolicyView {
  row: PolicyRow
  /** 0: as it was stored; 1: altered in the store; 2: its signer expired, was revoked or removed. */
  validCode: 0 | 1 | 2
}

type Unsigned = Omit<PolicyRow, 'signature' | 'keyVersion' | 'altered'>

export class Policies {
  readonly #services: PolicyServices
  readonly #settings: PolicySettings
  readonly #changed: (user: string) => void

  /** @param changed called for every change that is made here */
  constructor(services: PolicyServices, settings: PolicySettings, changed: (user: string) => void) {
    this.#services = services
    this.#settings = settings
    this.#changed = changed
  }

  /** @throws {ServiceError} `invalid`, or `duplicate` if the user has the id or the name already */
  async add(call: Call, policy: NewPolicy): Promise<PolicySummary> {
    const { tenant: user } = call.principal
    const { runtime, storage } = this.#services
    const { id: policyId = runtime.uuid(), name, description, isDefault } = policy
    requireStorable({ id: policyId })
    if (FORBIDDEN_IN_ID.test(policyId)) throw notAllowed('id')
    requireNames({ name, description })
    const attesterTypes = requireTypes(policy.attesterTypes)
    const content = await this.#read(user, policy.contentType, policy.content)
    await this.#try(user, content.content, attesterTypes)
    const now = runtime.now()
    const row = await this.#signed({
      ...{ id: runtime.uuid(), userId: user, policyId, name, description, attesterTypes, isDefault, ...content },
      ...{ version: 1, createdAt: now, updatedAt: now },
    })
    const audit = changeRecord(call, policyId, now, { name, contentHash: row.contentHash })
    const outcome = await storage.insertPolicy({ row, limit: MAX_POLICIES, audit })
    this.#changed(user)
    if (outcome === 'limit') {
      throw new ServiceError('limit_reached', { facts: { object: 'policy', limit: MAX_POLICIES } })
    }
    if (outcome === 'exists') throw exists()
    return row
  }

  /**
   * @throws {ServiceError} `invalid` if there is no such policy or nothing to change, `duplicate` if the new name is taken,
   *   `modified` if another request changed it meanwhile
   */
  async update(call: Call, policyId: string, change: PolicyChange): Promise<PolicySummary> {
    const { tenant: user } = call.principal
    const { runtime, storage } = this.#services
    const { name, description, attesterTypes, contentType, content, isDefault } = change
    if (Object.values(change).every((value) => value === undefined)) throw new ServiceError('nothing_to_change')
    if (content !== undefined && contentType === undefined) throw invalid('contentType', 'is required with content')
    if (content === undefined && contentType !== undefined)
      throw new ServiceError('invalid', {
        message: 'content is required with contentType',
        facts: { field: 'content', problem: 'is required with contentType', other: 'contentType' },
      })
    requireNames({ name, description })
    const types = attesterTypes && requireTypes(attesterTypes)
    const [old] = await storage.readPolicies({ userId: user, policyIds: [policyId] })
    if (old === undefined) throw new ServiceError('policy_not_found', { facts: { id: policyId } })
    if (!(await this.isIntact(old)))
      throw new ServiceError('altered', { message: `the policy '${policyId}' was altered in the store: delete it and add it again` })
    const read = content === undefined ? undefined : await this.#read(user, contentType!, content)
    const { signature: _signature, keyVersion: _keyVersion, altered: _altered, ...kept } = old
    const changed: Unsigned = {
      ...kept,
      name: name ?? old.name,
      description: description ?? old.description,
      attesterTypes: types ?? old.attesterTypes,
      isDefault: isDefault ?? old.isDefault,
      ...read,
      version: old.version + 1,
      updatedAt: Math.max(runtime.now(), old.updatedAt),
    }
    await this.#try(user, changed.content, changed.attesterTypes)
    const row = await this.#signed(changed)
    const detail = { version: row.version, name: row.name, contentHash: row.contentHash }
    const audit = changeRecord(call, policyId, row.updatedAt, detail)
    const outcome = await storage.updatePolicy({ row, audit })
    this.#changed(user)
    if (outcome === 'missing') throw new ServiceError('policy_not_found', { facts: { id: policyId } })
    if (outcome === 'exists') throw exists()
    if (outcome === 'conflict') {
      throw new ServiceError('modified', { facts: { object: 'policy' } })
    }
    return row
  }

  /** Removes policies; unknown ones are ignored. */
  async remove(call: Call, selection: Selection): Promise<void> {
    const { tenant: user } = call.principal
    const { runtime, storage } = this.#services
    const at = runtime.now()
    const policyIds = typeof selection === 'object' && 'ids' in selection ? selection.ids : null
    const attesterType = typeof selection === 'object' && 'attesterType' in selection ? selection.attesterType : null
    await storage.deletePolicies({ userId: user, policyIds, attesterType, at, audit: changeRecord(call, '', at) })
    this.#changed(user)
  }

  /** The user's policies, the last changed first. */
  list(principal: Principal): Promise<PolicySummary[]> {
    const { tenant: user } = principal
    return this.#services.storage.listPolicies({ userId: user })
  }

  /** The user's policies with these ids, with their texts and states. */
  async read(principal: Principal, ids: string[]): Promise<PolicyView[]> {
    const { tenant: user } = principal
    const { storage, trust, runtime } = this.#services
    const rows = await storage.readPolicies({ userId: user, policyIds: ids })
    const views: PolicyView[] = []
    const signers = rows.some(({ signerId }) => signerId !== null) ? await trust.signers(user, 'policy', runtime.now()) : []
    for (const row of rows) {
      const isSignerValid = row.signerId === null || signers.some(({ id, valid }) => valid && id === row.signerId)
      views.push({ row, validCode: !(await this.isIntact(row)) ? 1 : isSignerValid ? 0 : 2 })
    }
    return views
  }

  /** Whether the row is as it was stored. */
  async isIntact(row: PolicyRow): Promise<boolean> {
    if (row.altered || hashOf(row.content) !== row.contentHash) return false
    return this.#services.rowSignatures.verify(POLICY_KIND, policyFields(row), row.signature, row.keyVersion)
  }

  async #read(user: string, type: ContentType, given: string) {
    const { trust, crypto, runtime, signatures } = this.#services
    if (type === 'text' && this.#settings.signedPolicies) {
      throw invalid('contentType', ': text content type does not support signature verification, which is required here')
    }
    const { text: content, signed } = readPolicyContent(type, given)
    let signerId: string | null = null
    if (signed && (this.#settings.signedPolicies || (await trust.hasSigners(user, 'policy')))) {
      const budget = new SignatureBudget(MAX_SIGNATURES)
      const inTurn = (run: () => Promise<boolean>) => signatures.verify(user, run, budget)
      const signers = await trust.signers(user, 'policy', runtime.now(), budget)
      signerId = (await signerOf(signed, signers, { crypto, inTurn }, 'policy')).id
    }
    return { content, contentHash: hashOf(content), isJwt: signed !== undefined, signerId }
  }

  async #try(user: string, text: string, attesterTypes: string[]): Promise<void> {
    for (const type of attesterTypes) {
      const result = await this.#services.appraiser.tryPolicy(user, text, verifierOf(type)?.samples() ?? [])
      if (!result.ok) throw sampleFailed(type, result.message)
    }
  }

  async #signed(fields: Unsigned): Promise<PolicyRow> {
    return { ...fields, ...(await this.#services.rowSignatures.sign(POLICY_KIND, policyFields(fields))), altered: false }
  }
}

function requireNames(fields: { name: string | undefined; description: string | null | undefined }): void {
  requireStorable(fields)
  for (const [field, text] of Object.entries(fields)) if (FORBIDDEN.test(text ?? '')) throw notAllowed(field)
}

function requireTypes(types: string[]): string[] {
  for (const type of types) {
    if (FORBIDDEN.test(type)) throw notAllowed('attesterType')
    if (!isAttesterType(type)) throw unknownType(type.slice(0, 64))
  }
  return [...new Set(types)]
}

function unknownType(type: string): ServiceError {
  return new ServiceError('attester_type_unknown', { message: `There is no verifier of ${type}.`, facts: { type } })
}

function notAllowed(field: string): ServiceError {
  const characters = `< > " ' & | \\ / * ? \``
  return new ServiceError('characters_forbidden', {
    message: `${field} has characters that are not allowed (${characters})`,
    facts: { field, characters },
  })
}

function exists(): ServiceError {
  return new ServiceError('duplicate', { message: 'Another policy of this user has the id or the name.', facts: { object: 'policy' } })
}

function sampleFailed(type: string, reason: string): ServiceError {
  return new ServiceError('policy_sample', { message: `The policy fails on a sample of ${type}: ${reason}`, facts: { type, reason } })
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
