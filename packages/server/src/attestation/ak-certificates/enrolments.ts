/**
 * Which endorsement key belongs to which node, as recorded by owners. Without an enrolment a node is named by its key's digest, so no node
 * chooses its own name.
 */
import type { Call, Principal } from '../../access/index.ts'
import { changeRecord } from '../../trail/index.ts'
import { ServiceError, invalid, type Runtime } from '../../foundation/index.ts'
import { SealError } from '../../root-key/index.ts'
import type { Envelope, SealedColumn } from '../../envelope/index.ts'
import { type AkEnrolmentRow, type Storage, StorageError } from '../../storage/index.ts'
import { requireStorable } from '../storable-text.ts'

const MAX_ENROLMENTS = 100_000
const DIGEST = /^[0-9a-f]{64}$/
const PAGE = 500

export interface Enrolment {
  ekDigest: string
  nodeId: string
  createdAt: number
}

export class Enrolments {
  readonly #services: { storage: Storage; envelope: Envelope; runtime: Runtime }

  constructor(services: { storage: Storage; envelope: Envelope; runtime: Runtime }) {
    this.#services = services
  }

  /**
   * Records which node a key belongs to.
   * @throws {ServiceError} `invalid`; `duplicate` if the key or the node has an enrolment already
   */
  async add(call: Call, { ekDigest, nodeId }: { ekDigest: string; nodeId: string }): Promise<Enrolment> {
    const { tenant: user } = call.principal
    const { storage, envelope, runtime } = this.#services
    if (!DIGEST.test(ekDigest)) throw invalid('ekDigest', 'must be 64 lower-case hex digits')
    requireStorable({ nodeId })
    if (DIGEST.test(nodeId) && nodeId !== ekDigest) throw invalid('nodeId', 'is the digest of another key')
    const facts = { userId: user, ekDigest, nodeId, createdAt: runtime.now() }
    const { blob, domainVersion } = envelope.seal('ak-enrolment', identity(facts), new Uint8Array())
    const audit = changeRecord(call, nodeId, facts.createdAt, { ekDigest })
    const outcome = await storage.insertAkEnrolment({ row: { ...facts, seal: blob, domainVersion }, limit: MAX_ENROLMENTS, audit })
    if (outcome === 'exists')
      throw new ServiceError('duplicate', { message: 'The key or the node has an enrolment already.', facts: { object: 'enrolment' } })
    if (outcome === 'limit') throw new ServiceError('limit_reached', { message: `there are ${MAX_ENROLMENTS} enrolments already` })
    return facts
  }

  /** A page of enrolments, by ascending digest, without those that were altered in the store: they may have been another user's. */
  async list(principal: Principal, after: string | undefined): Promise<{ enrolments: Enrolment[]; next: string | undefined }> {
    const { tenant: user } = principal
    const rows = await this.#services.storage.listAkEnrolments({ userId: user, after: after ?? null, limit: PAGE })
    return { enrolments: rows.filter((row) => this.#isIntact(row)), next: rows.length === PAGE ? rows.at(-1)!.ekDigest : undefined }
  }

  /** The node that a key's certificate names, and whether an owner enrolled it. */
  async nodeOf(principal: Principal, ekDigest: string): Promise<{ nodeId: string; enrolled: boolean }> {
    const { tenant: user } = principal
    const row = await this.#services.storage.findAkEnrolment({ userId: user, ekDigest }).catch(undefinedIfAltered)
    if (row === null) return { nodeId: ekDigest, enrolled: false }
    if (row === undefined || !this.#isIntact(row))
      throw new ServiceError('altered', {
        message: 'the enrolment of this endorsement key was altered in the store: delete it and add it again',
      })
    return { nodeId: row.nodeId, enrolled: true }
  }

  #isIntact(row: AkEnrolmentRow): boolean {
    try {
      this.#services.envelope.open('ak-enrolment', identity(row), { blob: row.seal, domainVersion: row.domainVersion })
      return true
    } catch (error) {
      if (error instanceof SealError) return false
      throw error
    }
  }
}

function undefinedIfAltered(error: unknown): undefined {
  if (!(error instanceof StorageError && error.code === 'altered')) throw error
}

/** Where they are stored, sealed. */
export const ENROLMENT_COLUMN: SealedColumn<'ak_enrolments'> = { kind: 'ak-enrolment', identity: identity }

function identity({ userId, ekDigest, nodeId, createdAt }: Omit<AkEnrolmentRow, 'seal' | 'domainVersion'>): string[] {
  return [userId, ekDigest, nodeId, String(createdAt)]
}
