/**
 * Which policies decide about evidence: those requested, or the user's default ones. They are kept in memory. A policy that was
 * altered in the store fails the appraisal: it is never silently skipped.
 */
import { setImmediate } from 'node:timers/promises'
import type { ChangeFeed, PolicyRow, Storage } from '../../storage/index.ts'
import { ServiceError } from '../../foundation/index.ts'
import type { PolicySource } from '../appraisal/task.ts'
import { UserCache } from '../user-cache.ts'

/** Characters of policies that are kept. */
const MAX_CACHED_CHARACTERS = 64 * 1024 * 1024
const ROW_CHARACTERS = 1_024

/** `when-absent`: default policies apply if no ids are given; `always`: in addition to the given ones. */
export type PolicyDefaults = 'when-absent' | 'always'

interface KnownPolicy {
  row: PolicyRow
  intact: boolean
}

export class PolicyChoice {
  readonly #cache: UserCache<KnownPolicy[]>
  readonly #defaults: PolicyDefaults

  constructor(
    services: { storage: Storage; feed: ChangeFeed; policies: { isIntact(row: PolicyRow): Promise<boolean> } },
    settings: { policyDefaults: PolicyDefaults },
  ) {
    const { storage, feed, policies } = services
    this.#defaults = settings.policyDefaults
    this.#cache = new UserCache({
      feed,
      kind: 'policy',
      maxSize: MAX_CACHED_CHARACTERS,
      sizeOf: (known) => known.reduce((sum, { row }) => sum + row.content.length + ROW_CHARACTERS, 0),
      async load(user) {
        const known: KnownPolicy[] = []
        for (const row of await storage.readPolicies({ userId: user, policyIds: null })) {
          known.push({ row, intact: await policies.isIntact(row) })
          // Long texts are hashed; other work runs in between.
          await setImmediate()
        }
        return known
      },
    })
  }

  /** Call this when this process has changed a user's policies. */
  forget(user: string): void {
    this.#cache.forget(user)
  }

  /**
   * The policies for evidence of a kind: those with the ids; without ids, or always if so configured, the user's default ones.
   * @throws {ServiceError} `policy_not_found` for an unknown id, `policy_failed` for a policy of another kind of evidence or an altered one
   */
  async policiesFor(user: string, attesterType: string, ids: readonly string[] | undefined): Promise<PolicySource[]> {
    const known = await this.#cache.get(user)
    const asked = [...new Set(ids)].map((id) => ({ id, policy: known.find(({ row }) => row.policyId === id) }))
    const missing = asked.filter(({ policy }) => policy === undefined).map(({ id }) => id)
    if (missing.length > 0) {
      const ids = JSON.stringify(missing)
      throw new ServiceError('policy_not_found', { message: `There are no policies with the ids ${ids}.`, facts: { ids } })
    }
    const chosen = asked.map(({ policy }) => policy!)
    for (const { row, intact } of chosen) {
      if (!intact) throw altered(row)
      if (!row.attesterTypes.includes(attesterType)) {
        throw unusable(`policy ${row.policyId} is not for ${attesterType}`)
      }
    }
    if (ids === undefined || this.#defaults === 'always') {
      // It is unknown whether an altered row was a default policy.
      const broken = known.find(({ intact }) => !intact)
      if (broken) throw altered(broken.row)
      const defaults = known.filter(({ row }) => row.isDefault && row.attesterTypes.includes(attesterType))
      chosen.push(...defaults.filter((policy) => !chosen.includes(policy)))
    }
    return chosen.map(({ row }) => ({ id: row.policyId, version: row.version, hash: row.contentHash, text: row.content }))
  }
}

function altered({ policyId }: PolicyRow): Error {
  return unusable(`policy ${policyId} was altered in the store: delete it and add it again`)
}

function unusable(reason: string): Error {
  return new ServiceError('policy_failed', { message: `The policy can't be used: ${reason}`, facts: { reason } })
}
