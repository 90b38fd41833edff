import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'

/** Text compares by bytes and integers have 64 bits on both databases. */
export const TYPES = {
  sqlite: { text: 'text', integer: 'integer', flag: 'integer', blob: 'blob', serial: 'integer primary key autoincrement' },
  postgres: {
    text: 'text collate "C"',
    integer: 'bigint',
    flag: 'smallint',
    blob: 'bytea',
    serial: 'bigint generated always as identity primary key',
  },
} as const

/** Keys, apps, imports, the replay guard's durable part, changes and the audit trail. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, flag, blob, serial } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  // Without a row id the table is its primary key's index: half the size, one write instead of two.
  const clustered = dialect === 'sqlite' ? ' strict, without rowid' : ''
  const statements = [
    `create table domain_keys (
      version ${integer} primary key,
      root_key_id ${text} not null,
      wrapped ${blob} not null,
      check_value ${text} not null,
      created_at ${integer} not null
    )${strict}`,

    `create table apps (
      id ${text} not null primary key,
      enabled ${flag} not null,
      strict_signature ${flag} not null,
      accept_upper_case ${flag} not null,
      created_at ${integer} not null,
      key_count ${integer} not null
    )${clustered}`,

    `create table api_keys (
      id ${text} not null primary key,
      app_id ${text} not null references apps (id),
      sealed ${blob} not null,
      domain_version ${integer} not null,
      created_at ${integer} not null,
      expires_at ${integer}
    )${strict}`,
    `create index api_keys_by_app on api_keys (app_id, created_at, id)`,

    `create table keys (
      id ${text} not null primary key,
      app_id ${text} not null references apps (id),
      spec ${text} not null,
      origin ${text} not null,
      usage ${text},
      padding ${text},
      digest ${text},
      alias ${text} not null,
      is_default ${flag} not null,
      enabled ${flag} not null,
      created_at ${integer} not null,
      expires_at ${integer},
      deleted_at ${integer},
      destroy_at ${integer},
      domain_version ${integer} not null,
      encryptions ${integer} not null,
      material ${blob},
      check ((deleted_at is null) = (destroy_at is null))
    )${strict}`,
    `create index keys_live on keys (app_id, created_at, id) where deleted_at is null and is_default = 0`,
    `create index keys_deleted on keys (created_at, id) where deleted_at is not null`,
    `create index keys_deleted_by_app on keys (app_id, created_at, id) where deleted_at is not null`,
    `create index keys_due on keys (destroy_at, id) where destroy_at is not null`,
    // Covers keyStatistics, which would otherwise read every key's material.
    `create index keys_statistics on keys (is_default, deleted_at, enabled, expires_at)`,

    `create table import_sessions (
      key_id ${text} not null primary key references keys (id) on delete cascade,
      app_id ${text} not null,
      token_id ${text} not null,
      wrapping ${blob} not null,
      domain_version ${integer} not null,
      expires_at ${integer} not null
    )${strict}`,
    `create index import_sessions_by_expiry on import_sessions (expires_at)`,

    `create table fences (
      app_id ${text} not null primary key,
      stamp ${integer} not null
    )${clustered}`,

    `create table replay_records (
      app_id ${text} not null,
      stamp ${integer} not null,
      fingerprint ${blob} not null,
      primary key (app_id, stamp, fingerprint)
    )${clustered}`,
    `create index replay_records_by_stamp on replay_records (stamp)`,

    `create table servers (
      id ${text} not null primary key,
      beat ${integer} not null,
      started_at ${integer} not null
    )${clustered}`,

    `create table counters (
      name ${text} not null primary key,
      value ${integer} not null
    )${clustered}`,
    `insert into counters (name, value) values ('epoch', 0), ('changes', 0)`,

    `create table changes (
      seq ${integer} primary key,
      kind ${text} not null,
      object_id ${text} not null,
      at ${integer} not null
    )${strict}`,
    `create index changes_by_time on changes (at)`,

    `create table audit (
      seq ${serial},
      at ${integer} not null,
      actor ${text} not null,
      action ${text} not null,
      object ${text} not null,
      result ${text} not null,
      request_id ${text} not null,
      detail ${text}
    )${strict}`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
