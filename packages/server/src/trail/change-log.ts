import type { AuditFilter, Storage, TrailBeginning, TrailEntrySummary } from '../storage/index.ts'

/** The management half of the trail: the changes, each stored in the transaction that made it (change-record.ts). */
export class ChangeLog {
  readonly #storage: Storage

  constructor({ storage }: { storage: Storage }) {
    this.#storage = storage
  }

  /** Where what is kept begins; null if nothing was removed. */
  async keptFrom(): Promise<TrailBeginning | null> {
    return (await this.#storage.trailBeginnings()).at(-1) ?? null
  }

  /** The changes that match, newest first; at most `limit`. */
  query(filter: AuditFilter, limit: number): Promise<TrailEntrySummary[]> {
    return this.#storage.queryAudit({ filter, limit })
  }
}
