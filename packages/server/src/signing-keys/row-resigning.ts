/**
 * After a rotation of the FSK every signed row is re-signed: its signature is verified under the version that made it, and replaced by one
 * of the newest. A row that fails is marked, stays visible with `valid_code` 1, and is never signed: rotation does not launder altered
 * rows.
 *
 * No progress is stored: a row that isn't done has an older version, so the work continues after a crash, and on any server.
 */
import { systemCall, type Call } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { pages, type Log, type Runtime } from '../foundation/index.ts'
import type { SigningKeyName, Storage } from '../storage/index.ts'
import type { SigningKey } from './signing-key.ts'
import type { SigningKeys } from './signing-keys.ts'
import type { RowSignature, RowSignatures, SignedField } from './row-signatures.ts'

const BATCH = 100

export interface SignedRow extends RowSignature {
  id: string
  /** The store found that it is not as it was stored. */
  altered: boolean
  fields: readonly SignedField[]
}

/** One kind of signed rows, as the room that owns them registers it. */
export interface SignedRows {
  /** The kind that the signatures cover. */
  kind: string
  /** By ascending id, after `after`, the rows signed by a version below `version` that aren't marked. */
  outdated(args: { version: number; after: string | null; limit: number }): Promise<SignedRow[]>
  /** Replaces the row's signature with `by`, unless the row has another signature by now. */
  replaceSignature(row: SignedRow, by: RowSignature): Promise<void>
  /** Marks the row as altered (`valid_code` 1), unless it has another signature by now. */
  markAltered(row: SignedRow): Promise<void>
}

export class RowResigning {
  readonly #services: { storage: Storage; runtime: Runtime; log: Log; signingKeys: SigningKeys; signatures: RowSignatures }
  readonly #kinds: SignedRows[] = []
  /** Since start, on this server. */
  readonly statistics = { signed: 0, altered: 0 }

  constructor(services: { storage: Storage; runtime: Runtime; log: Log; signingKeys: SigningKeys; signatures: RowSignatures }) {
    this.#services = services
  }

  register(rows: SignedRows): void {
    this.#kinds.push(rows)
  }

  /** Signs the remaining rows of all kinds. */
  async run(): Promise<void> {
    const version = (await this.#services.signingKeys.all('FSK'))[0]?.version ?? 0
    if (version > 1) for (const rows of this.#kinds) await this.#runKind(rows, version)
  }

  /**
   * Retires a version of a signing key ({@link SigningKeys.retire}); rows that an FSK has signed are signed by the newest before.
   * @throws {ServiceError} as SigningKeys.retire
   */
  async retire(call: Call, name: SigningKeyName, version: number): Promise<SigningKey> {
    if (name === 'FSK') await this.run()
    return this.#services.signingKeys.retire(call, name, version)
  }

  async #runKind(rows: SignedRows, version: number): Promise<void> {
    const { storage, runtime, log, signatures } = this.#services
    const { kind } = rows
    let [signed, altered] = [0, 0]
    const read = (last: SignedRow | null, limit: number) => rows.outdated({ version, after: last?.id ?? null, limit })
    for await (const batch of pages(BATCH, read)) {
      for (const row of batch) {
        if (!row.altered && (await signatures.verify(kind, row.fields, row.signature, row.keyVersion))) {
          await rows.replaceSignature(row, await signatures.sign(kind, row.fields))
          signed++
        } else {
          await rows.markAltered(row)
          log.error({ kind, id: row.id }, 'a row was altered in the store, and is marked')
          altered++
        }
      }
    }
    if (signed + altered === 0) return
    this.statistics.signed += signed
    this.statistics.altered += altered
    await storage.appendAudit({
      rows: [changeRecord(systemCall('ResignRows'), kind, runtime.now(), { keyVersion: version, signed, altered })],
    })
  }
}
