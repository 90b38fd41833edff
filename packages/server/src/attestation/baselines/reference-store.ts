/**
 * The reference values of each user and attester type, in shared memory: built when evidence first needs them, and rebuilt after a change.
 */
import type { BaselineRow, ChangeFeed, Storage } from '../../storage/index.ts'
import { ServiceError } from '../../foundation/index.ts'
import type { Appraiser } from '../appraisal/appraiser.ts'
import { UserCache } from '../user-cache.ts'
import { hashOf } from './baselines.ts'
import type { SharedReferenceSets } from '../reference-values/references.ts'

const MAX_CACHED_BYTES = 512 * 1024 * 1024
const MAX_TRIES = 5

export interface ReferenceStoreServices {
  storage: Storage
  feed: ChangeFeed
  appraiser: Pick<Appraiser, 'buildReferences'>
  baselines: { isIntact(row: BaselineRow): Promise<boolean> }
}

export class ReferenceStore {
  readonly #services: ReferenceStoreServices
  readonly #cache: UserCache<{ references: SharedReferenceSets | undefined }>

  constructor(services: ReferenceStoreServices) {
    this.#services = services
    this.#cache = new UserCache({
      feed: services.feed,
      kind: 'baseline',
      maxSize: MAX_CACHED_BYTES,
      sizeOf: ({ references }) => 1_024 + (references?.index.byteLength ?? 0),
      load: async (user, attesterType) => ({ references: await this.#load(user, attesterType) }),
    })
  }

  /** Call this when this process has changed a user's baselines. */
  forget(user: string): void {
    this.#cache.forget(user)
  }

  /** The user's reference values for evidence of a kind; undefined if there is no baseline. */
  async referencesOf(user: string, attesterType: string): Promise<SharedReferenceSets | undefined> {
    return (await this.#cache.get(user, attesterType)).references
  }

  async #load(user: string, attesterType: string): Promise<SharedReferenceSets | undefined> {
    const { storage, appraiser } = this.#services
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const rows = await storage.listBaselines({ userId: user })
      const read = await this.#digestsOf(rows, attesterType)
      // Otherwise one was changed or deleted meanwhile.
      if (read === undefined) continue
      if (read.sets.length + read.altered.length === 0) return undefined
      return { index: await appraiser.buildReferences(user, read.sets), altered: read.altered }
    }
    throw new ServiceError('busy', { detail: 'baselines change all the time' })
  }

  async #digestsOf(rows: BaselineRow[], attesterType: string): Promise<{ sets: Uint8Array[]; altered: string[] } | undefined> {
    const { storage, baselines } = this.#services
    const sets: Uint8Array[] = []
    const altered: string[] = []
    for (const row of rows) {
      // The original type of an altered row is unknown.
      const intact = await baselines.isIntact(row)
      if (intact && row.attesterType !== attesterType) continue
      const digests = intact ? await storage.readBaselineDigests({ id: row.id, version: row.version }) : undefined
      if (digests === null) return undefined
      if (digests !== undefined && (await hashOf(digests)) === row.digestsHash) sets.push(digests)
      else altered.push(row.id)
    }
    return { sets, altered }
  }
}
