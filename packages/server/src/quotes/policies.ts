import type { Call, Principal } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { ServiceError, pages, type Runtime } from '../foundation/index.ts'
import type { QuotePolicyRow, Storage } from '../storage/index.ts'

/** Policies that one app may have. */
const POLICIES_PER_APP = 1000
const PAGE = 1000

/** The enclaves that apps expect. */
export class QuotePolicies {
  readonly #storage: Storage
  readonly #runtime: Runtime

  constructor({ storage, runtime }: { storage: Storage; runtime: Runtime }) {
    this.#storage = storage
    this.#runtime = runtime
  }

  /** @throws {ServiceError} `quote_policy_limit` */
  async upload(call: Call, measurements: { mrEnclave: string; mrSigner: string }): Promise<string> {
    const { tenant: appId } = call.principal
    const id = this.#runtime.uuid()
    const policy = { id, appId, ...measurements, createdAt: this.#runtime.now() }
    const audit = changeRecord(call, id, policy.createdAt, measurements)
    const outcome = await this.#storage.insertQuotePolicy({ policy, limit: POLICIES_PER_APP, audit })
    if (outcome === 'limit') throw new ServiceError('quote_policy_limit')
    return id
  }

  find(principal: Principal, id: string): Promise<QuotePolicyRow | null> {
    const { tenant: appId } = principal
    return this.#storage.findQuotePolicy({ appId, id })
  }

  /** All policies, of one app or of all, in pages. */
  list(appId: string | null): AsyncGenerator<QuotePolicyRow[]> {
    return pages<QuotePolicyRow>(PAGE, (after, limit) => this.#storage.listQuotePolicies({ appId, after, limit }))
  }

  /** False if there is none. */
  delete(call: Call, id: string): Promise<boolean> {
    return this.#storage.deleteQuotePolicy({ id, audit: changeRecord(call, id, this.#runtime.now()) })
  }
}
