/**
 * Which policies decide about evidence: those that are asked for, or the user's default ones. They are kept in memory. A policy that was
 * altered in the store fails the appraisal: fewer policies never decide in silence.
 */
import { setImmediate } from 'node:timers/promises'
import type { ChangeFeed, PolicyRow, Storage } from '../../storage/index.ts'
import { ServiceError } from '../../foundation/index.ts'
import type { PolicySource } from '../appraisal/task.ts'
import { UserCache } from '../user-cache.ts'

/** Characters of policies that are kept. */
const MAX_CACHED_CHARACTERS = 64 * 1024 * 1024
const ROW_CHARACTERS = 1_024

/** `when-absent`: default policies apply where no ids are given; `always`: beside the given ones too. */
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
          // Long texts are hashed; others get their turn in between.
          await setImmediate()
        }
        return known
      },
    })
  }

  /** Call it when this process changed a user's policies. */
  forget(user: string): void {
    this.#cache.forget(user)
  }

  /**
   * The policies for evidence of a kind: those with the ids, or without ids, and where the settings say so always, the user's default ones.
   * @throws {ServiceError} `policy_not_found` when an id isn't the user's, `policy_failed` when a policy isn't for this kind of evidence, or one was altered
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
      // Of an altered row nobody knows whether it was a default one.
      const broken = known.find(({ intact }) => !intact)
      if (broken) throw altered(broken.row)
      const defaults = known.filter(({ row }) => row.isDefault && row.attesterTypes.includes(attesterType))
      chosen.push(...defaults.filter((policy) => !chosen.includes(policy)))
    }
    return chosen.map(({ row }) => ({ id: row.policyId, version: row.version, hash: row.contentHash, text: row.content }))
  }
}

function altered({ policyId }: PolicyRow): Error {
  return unusable(`policy ${policyId} was altered in the store: delete it, and add it anew`)
}

function unusable(reason: string): Error {
  return new ServiceError('policy_failed', { message: `The policy can't be used: ${reason}`, facts: { reason } })
}
