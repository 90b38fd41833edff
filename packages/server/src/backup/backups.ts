import type { Call } from '../access/index.ts'
import type { Envelope } from '../envelope/index.ts'
import type { Runtime } from '../foundation/index.ts'
import type { Storage } from '../storage/index.ts'
import { changeRecord } from '../trail/index.ts'
import { writeBackup } from './write-backup.ts'

/** Backups of a store that is in use; each is recorded before its first byte is sent. */
export class Backups {
  readonly #services: { storage: Storage; envelope: Envelope; runtime: Runtime }

  constructor(services: { storage: Storage; envelope: Envelope; runtime: Runtime }) {
    this.#services = services
  }

  /**
   * The bytes of a backup, encrypted under the passphrase.
   * @throws {SealError} for an unsuitable passphrase
   */
  async write(call: Call, passphrase: string): Promise<AsyncIterable<Uint8Array>> {
    const chunks = await writeBackup(this.#services, passphrase)
    await this.#services.storage.appendAudit({ rows: [changeRecord(call, '', this.#services.runtime.now())] })
    return chunks
  }
}
