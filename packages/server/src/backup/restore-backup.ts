import { createSecretKey, type KeyObject } from 'node:crypto'
import type { AuditRow, RawRow, Storage } from '../storage/index.ts'
import { BACKUP_TABLES, OLDEST_SCHEMA_VERSION, isBackupTable, rowsAtOnce } from '../storage/index.ts'
import type { Runtime } from '../foundation/index.ts'
import { FUTURE_MS } from '../replay/index.ts'
import { rowKey, wrapDomainKey } from '../envelope/index.ts'
import type { RootKeyStore } from '../root-key/index.ts'
import { BackupError, readBackupFile, type BackupContents } from './backup-file.ts'

/** Rows between two progress reports of the check. */
const REPORTED = 200

export interface BackupSource {
  /** The file from its beginning; called twice. */
  open: () => AsyncIterable<Uint8Array>
  passphrase: string
  report: (phase: string, done: number, total: number) => void
}

/**
 * Reads a backup to its end, and checks that all of it is unaltered and of a format that this release reads.
 * @throws {BackupError}
 */
export async function checkBackup({ open, passphrase, report }: BackupSource): Promise<BackupContents> {
  let contents: BackupContents | undefined
  let rows = 0
  let total = 0
  for await (const line of readBackupFile(open(), passphrase)) {
    if ('contents' in line) {
      contents = line.contents
      if (contents.schemaVersion < OLDEST_SCHEMA_VERSION)
        throw new BackupError('the backup was made by Vouchsafe 0.1, before its format was settled, and cannot be read')
      total = sum(contents.tables)
    } else if ('table' in line) {
      if (!contents || !isBackupTable(line.table)) throw new BackupError(`the backup holds what this release does not know: ${line.table}`)
      if (++rows % REPORTED === 0) report('checking', rows, total)
    }
  }
  if (!contents) throw new BackupError('the backup is empty')
  if (rows !== total) throw new BackupError(`the backup says that it has ${total} rows, and has ${rows}`)
  return contents
}

/**
 * Restores a backup into an empty store, under the root key of its data directory, which is created if there is none. Nothing is changed if
 * the backup cannot be read. A restore that is cut short leaves a store that nothing opens, and that can be restored into again.
 * @throws {BackupError | SealError}
 */
export async function restoreBackup(
  { storage, rootKeys, runtime }: { storage: Storage; rootKeys: RootKeyStore; runtime: Runtime },
  source: BackupSource,
  schemaVersion: number,
  audit: (at: number, detail: Record<string, unknown>) => AuditRow,
): Promise<BackupContents> {
  const contents = await checkBackup(source)
  if (contents.schemaVersion > schemaVersion)
    throw new BackupError(`the backup has schema version ${contents.schemaVersion}, this release knows ${schemaVersion}: use a newer one`)
  const [existing] = await storage.listDomainKeys()
  let root = await rootKeys.load(existing?.rootKeyId ?? null)
  // A missing key file is created only for a store that holds nothing.
  if (!existing) root ??= await rootKeys.create()
  if ((await storage.beginRestore()) === 'not_empty')
    throw new BackupError('the store is not empty: a backup is restored into a new data directory, or an empty database')
  root ??= await rootKeys.create()
  await insertRows(storage, source, sum(contents.tables))
  const at = runtime.now()
  const keys: { version: number; key: KeyObject }[] = []
  const domainKeys = contents.domainKeys.map((each) => {
    const bytes = Buffer.from(each.key, 'base64')
    keys.push({ version: each.version, key: rowKey(createSecretKey(bytes)) })
    const row = wrapDomainKey(root, { version: each.version, createdAt: each.createdAt, active: each.active }, bytes, runtime)
    bytes.fill(0)
    return row
  })
  // The restored trail goes on, which takes what authenticates it.
  const current = Math.max(...domainKeys.filter(({ active }) => active).map(({ version }) => version))
  storage.authenticateWith({ current, keys })
  // Requests accepted after the backup was made are unknown here, so nothing that could have been is accepted again.
  const fence = at + FUTURE_MS
  await storage.finishRestore({ domainKeys, fence, at, audit: audit(at, { backupOf: contents.createdAt, rows: sum(contents.tables) }) })
  return contents
}

async function insertRows(storage: Storage, { open, passphrase, report }: BackupSource, total: number): Promise<void> {
  let done = 0
  let table = ''
  let rows: RawRow[] = []
  const flush = async (): Promise<void> => {
    if (rows.length > 0) await storage.insertRestored({ table, rows })
    done += rows.length
    rows = []
    report('restoring', done, total)
  }
  for await (const line of readBackupFile(open(), passphrase)) {
    if (!('table' in line)) continue
    if (line.table !== table || rows.length === rowsAtOnce(table)) await flush()
    table = line.table
    rows.push(line.row)
  }
  await flush()
}

function sum(tables: Readonly<Record<string, number>>): number {
  return BACKUP_TABLES.reduce((total, table) => total + (tables[table] ?? 0), 0)
}
