import { createReadStream } from 'node:fs'
import { managementAudit } from '../audit/management.ts'
import type { BackupContents } from '../backup/backup-file.ts'
import { checkBackup, restoreBackup } from '../backup/restore-backup.ts'
import { readConfig } from '../config.ts'
import { systemPlatform } from '../platform.ts'
import { configuredSeal, type AskPassphrase } from '../seal/configured.ts'
import { SCHEMA_VERSION, openStorage } from '../storage/index.ts'

export interface RestoreOptions {
  file: string
  passphrase: string
  report: (phase: string, done: number, total: number) => void
}

/** What a restore has brought, without the domain keys. */
export type RestoredContents = Omit<BackupContents, 'domainKeys'>

/**
 * Restores a backup file into the empty store that the options and the environment describe, while no server runs on it.
 * @throws {ConfigError | StorageError | BackupError | SealError}
 */
export async function restore(
  options: RestoreOptions & {
    dataDir: string
    env: Readonly<Record<string, string | undefined>>
    askPassphrase?: AskPassphrase | undefined
  },
): Promise<RestoredContents> {
  const { dataDir, env, askPassphrase } = options
  const config = readConfig(['--data-dir', dataDir], env)
  const { databaseUrl } = config
  const location = { dataDir: config.dataDir, ...(databaseUrl === undefined ? {} : { databaseUrl }) }
  await using storage = await openStorage({ ...location, role: 'operator' })
  const seal = configuredSeal(config, systemPlatform, askPassphrase)
  const actor = { name: 'operator', requestId: systemPlatform.uuid() }
  return withoutKeys(
    await restoreBackup({ storage, seal, platform: systemPlatform }, source(options), SCHEMA_VERSION, (at, detail) =>
      managementAudit(actor, 'Restore', '', at, detail),
    ),
  )
}

/**
 * Reads a backup file to its end, without a store.
 * @throws {BackupError}
 */
export async function checkBackupFile(options: RestoreOptions): Promise<RestoredContents> {
  return withoutKeys(await checkBackup(source(options)))
}

function source({ file, passphrase, report }: RestoreOptions) {
  return { open: () => createReadStream(file), passphrase, report }
}

function withoutKeys({ domainKeys: _, ...contents }: BackupContents): RestoredContents {
  return contents
}
