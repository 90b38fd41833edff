import type { Call } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { hash } from 'node:crypto'
import { ServiceError, type Runtime } from '../foundation/index.ts'
import type { EnrollTokenSummary, Storage } from '../storage/index.ts'

const TOKEN_BYTES = 32
/** The most unused tokens at once. */
const MAX_TOKENS = 10_000
const PAGE = 500

/** Rights to enrol one app each. A token is shown once; the store has its SHA-256, which is enough: it is 256 random bits. */
export class EnrollTokens {
  readonly #storage: Storage
  readonly #runtime: Runtime

  constructor({ storage, runtime }: { storage: Storage; runtime: Runtime }) {
    this.#storage = storage
    this.#runtime = runtime
  }

  /** @throws {ServiceError} `limit_reached` if there are too many unused ones */
  async create(
    call: Call,
    { label, lifeMs }: { label: string; lifeMs: number },
  ): Promise<{ id: string; token: string; expiresAt: number }> {
    const id = this.#runtime.uuid()
    const token = `vse_${this.#runtime.randomBytes(TOKEN_BYTES).toString('base64url')}`
    const createdAt = this.#runtime.now()
    const expiresAt = createdAt + lifeMs
    const outcome = await this.#storage.insertEnrollToken({
      token: { id, tokenHash: hashEnrollToken(token), label, createdAt, expiresAt },
      limit: MAX_TOKENS,
      audit: changeRecord(call, id, createdAt, { label, expiresAt }),
    })
    if (outcome === 'limit')
      throw new ServiceError('limit_reached', { message: `there are ${MAX_TOKENS} enrolment tokens that can still be used` })
    return { id, token, expiresAt }
  }

  /** Every token, newest first, used and expired ones included, in pages. */
  async *list(): AsyncGenerator<EnrollTokenSummary[]> {
    for (let before: EnrollTokenSummary | null = null; ;) {
      const page: EnrollTokenSummary[] = await this.#storage.listEnrollTokens({ before, limit: PAGE })
      yield page
      if (page.length < PAGE) return
      before = page.at(-1)!
    }
  }

  /** False if there is no such token, or it has been used. */
  revoke(call: Call, id: string): Promise<boolean> {
    return this.#storage.deleteEnrollToken({ id, audit: changeRecord(call, id, this.#runtime.now()) })
  }
}

/** What the store holds of a token. */
export function hashEnrollToken(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}
