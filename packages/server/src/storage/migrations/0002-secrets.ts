import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'

/** Secrets, their versions, and the apps' rotation webhooks. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, blob } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  const statements = [
    `create index keys_default on keys (app_id) where is_default = 1`,

    `create table secrets (
      id ${text} not null primary key,
      app_id ${text} not null references apps (id),
      name ${text} not null,
      description ${text} not null,
      key_id ${text} not null,
      created_at ${integer} not null,
      current_version ${integer} not null,
      key_generation ${integer} not null,
      data_key ${blob} not null,
      domain_version ${integer} not null,
      rotation_interval ${text} not null,
      deleted_at ${integer},
      destroy_at ${integer},
      last_rotation_at ${integer},
      next_rotation_at ${integer} not null,
      rotation_due_at ${integer} not null,
      rotation_id ${text},
      rotation_lease_until ${integer},
      rotation_attempts ${integer} not null,
      rotation_failed_at ${integer},
      rotation_failure ${text},
      check ((deleted_at is null) = (destroy_at is null))
    )${strict}`,
    `create unique index secrets_by_name on secrets (app_id, name)`,
    `create index secrets_by_creation on secrets (app_id, created_at, id)`,
    `create index secrets_by_key on secrets (key_id)`,
    `create index secrets_to_destroy on secrets (destroy_at, id) where destroy_at is not null`,
    `create index secrets_to_rotate on secrets (rotation_due_at, id) where deleted_at is null`,
    // Covers secretStatistics.
    `create index secrets_statistics on secrets (deleted_at, rotation_failed_at)`,

    `create table secret_versions (
      secret_id ${text} not null references secrets (id) on delete cascade,
      version ${integer} not null,
      created_at ${integer} not null,
      domain_version ${integer} not null,
      sealed ${blob} not null,
      primary key (secret_id, version)
    )${strict}`,

    `create table rotation_webhooks (
      app_id ${text} not null primary key references apps (id),
      url ${text} not null,
      signing_key ${blob} not null,
      domain_version ${integer} not null,
      created_at ${integer} not null
    )${strict}`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
