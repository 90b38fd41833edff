import type { Runtime } from '../foundation/index.ts'
import { checkNewPassphrase } from '../root-key/index.ts'
import type { Envelope } from '../envelope/index.ts'
import { BACKUP_TABLES, type Snapshot, type Storage } from '../storage/index.ts'
import { newBackupFile, type BackupDomainKey, type BackupLine } from './backup-file.ts'

/**
 * A backup of the store as it is when the first byte is requested, whatever is written meanwhile; encrypted under the passphrase.
 * @throws {SealError} for an unsuitable passphrase
 */
export async function writeBackup(
  services: { storage: Storage; envelope: Envelope; runtime: Runtime },
  passphrase: string,
): Promise<AsyncIterable<Uint8Array>> {
  checkNewPassphrase(passphrase)
  const toBytes = await newBackupFile(passphrase, services.runtime)
  return toBytes(backupLines(services))
}

async function* backupLines({
  storage,
  envelope,
  runtime,
}: {
  storage: Storage
  envelope: Envelope
  runtime: Runtime
}): AsyncGenerator<BackupLine> {
  await using snapshot = await storage.openSnapshot()
  // The domain keys of the snapshot may be newer than those that this process knows.
  await envelope.refresh()
  const tables: Record<string, number> = {}
  for (const table of BACKUP_TABLES) tables[table] = await snapshot.count(table)
  const domainKeys = await domainKeysOf(snapshot, envelope)
  yield { contents: { schemaVersion: snapshot.schemaVersion, createdAt: runtime.now(), tables, domainKeys } }
  for (const table of BACKUP_TABLES) {
    for await (const rows of snapshot.rows(table)) for (const row of rows) yield { table, row }
  }
  yield { end: true }
}

async function domainKeysOf(snapshot: Snapshot, envelope: Envelope): Promise<BackupDomainKey[]> {
  const keys: BackupDomainKey[] = []
  for await (const rows of snapshot.rows('domain_keys')) {
    for (const { version, created_at: createdAt, active } of rows) {
      const bytes = envelope.exportDomainKey(Number(version))
      keys.push({ version: Number(version), createdAt: Number(createdAt), active: active === 1, key: bytes.toString('base64') })
      bytes.fill(0)
    }
  }
  return keys
}
