import { createReadStream } from 'node:fs'
import { changeRecord } from '../trail/index.ts'
import { checkBackup, restoreBackup, type BackupContents } from '../backup/index.ts'
import { readConfig } from '../config/index.ts'
import { systemRuntime } from '../foundation/index.ts'
import { tpmMark } from './configured-mark.ts'
import { createLog } from './log.ts'
import { ownPrincipal } from '../operator/index.ts'
import { configuredRootKeyStore, type AskPassphrase } from '../root-key/index.ts'
import { SCHEMA_VERSION, openStorage } from '../storage/index.ts'

export interface RestoreOptions {
  file: string
  passphrase: string
  report: (phase: string, done: number, total: number) => void
}

/** What was restored, without the domain keys. */
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
  const rootKeys = configuredRootKeyStore(config, systemRuntime, askPassphrase)
  const call = { principal: ownPrincipal(), action: 'Restore', requestId: systemRuntime.uuid() }
  const restored = await restoreBackup({ storage, rootKeys, runtime: systemRuntime }, source(options), SCHEMA_VERSION, (at, detail) =>
    changeRecord(call, '', at, detail),
  )
  await tpmMark(config, { storage, runtime: systemRuntime, log: createLog('error') })?.accept()
  return withoutKeys(restored)
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
