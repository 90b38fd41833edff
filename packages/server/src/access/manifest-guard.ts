import { ServiceError } from '../foundation/index.ts'

/** What the store says of a tenant's manifest, beside the rows that it stands for. */
interface ManifestReader {
  readManifest(args: { tenant: string }): Promise<{ revision: number; state: 'whole' | 'absent' | 'altered' }>
}

/**
 * Whether what decides for a tenant is what it was left as last: nothing is decided by rows whose manifest is gone, was altered, or is older than
 * one that this server has seen.
 */
export class ManifestGuard {
  readonly #reader: ManifestReader
  /** The highest revision that this server has seen of each. */
  readonly #highest = new Map<string, number>()

  constructor(reader: ManifestReader) {
    this.#reader = reader
  }

  /**
   * The revision of what is in force; to be asked for where deciding rows are read into a cache, and again when they have changed.
   * @throws {ServiceError} `manifest_refused`
   */
  async current(tenant: string): Promise<number> {
    const { revision, state } = await this.#reader.readManifest({ tenant })
    const highest = this.#highest.get(tenant) ?? 0
    const why = state !== 'whole' ? state : revision < highest ? 'older' : undefined
    if (why !== undefined)
      throw new ServiceError('manifest_refused', {
        detail: `the manifest of ${tenant} is ${why}: revision ${revision}, last seen ${highest}`,
      })
    this.#highest.set(tenant, revision)
    return revision
  }
}
