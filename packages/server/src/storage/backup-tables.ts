// What a backup holds. Every table of the schema is in one of these two lists; a test refuses a schema with one that is not.
import type { Schema } from './schema.ts'

/** Tables that a backup holds, each after those that its rows refer to. */
export const BACKUP_TABLES = [
  'apps',
  'api_keys',
  'keys',
  'import_sessions',
  'secrets',
  'secret_versions',
  'rotation_webhooks',
  'enroll_tokens',
  'instance',
  'signing_keys',
  'users',
  'user_credentials',
  'used_nonces',
  'certificates',
  'crls',
  'policies',
  'baselines',
  'baseline_contents',
  'ak_authorities',
  'ak_enrolments',
  'ak_certificates',
  'quote_policies',
  'simulated_pkis',
  'audit',
] as const satisfies readonly (keyof Schema)[]
export type BackupTable = (typeof BACKUP_TABLES)[number]

/** Those of them that a server fills by itself on an empty store: a store with nothing else is empty. */
export const SELF_FILLED: readonly BackupTable[] = ['audit', 'instance', 'signing_keys', 'simulated_pkis']

/** Tables that it does not hold, and why. */
export const TABLES_LEFT_OUT: Readonly<Record<Exclude<keyof Schema, BackupTable>, string>> = {
  domain_keys: 'carried apart: a restore wraps them under the root key of where it restores to',
  collateral: 'kept for a while, and fetched again',
  fences: 'a restore sets one for every app, beyond whatever was accepted since the backup',
  replay_records: 'as the fences',
  servers: 'who runs now',
  counters: 'bookkeeping of the store itself',
  changes: 'read within seconds by servers that run',
  schema_migrations: "the store's own",
}

const ROWS_AT_ONCE = 200
/** Tables whose rows may be large (a baseline has up to 100 MiB), so that fewer are in memory together. */
const FEWER_AT_ONCE: Partial<Record<BackupTable, number>> = { baseline_contents: 1, certificates: 20, crls: 20, policies: 20 }

/** How many rows of a table are read or written at once. */
export function rowsAtOnce(name: string): number {
  return FEWER_AT_ONCE[name as BackupTable] ?? ROWS_AT_ONCE
}

/** Whether a backup holds the table. */
export function isBackupTable(name: string): name is BackupTable {
  return (BACKUP_TABLES as readonly string[]).includes(name)
}

/** The name of a table that a snapshot may read, as it can stand in SQL. */
export function snapshotTable(name: string): string {
  if (name !== 'domain_keys' && !isBackupTable(name)) throw new Error(`no backup holds the table ${name}`)
  return name
}
