import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'
import { guardDomainVersion } from './domain-guard.ts'

/** What operators need: enrolment tokens, the rotation of domain keys, an audit trail that is found by time. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, flag, blob } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  const statements = [
    `create table enroll_tokens (
      id ${text} not null primary key,
      token_hash ${blob} not null,
      label ${text} not null,
      created_at ${integer} not null,
      expires_at ${integer} not null,
      used_at ${integer},
      app_id ${text}
    )${strict}`,
    `create unique index enroll_tokens_by_hash on enroll_tokens (token_hash)`,
    `create index enroll_tokens_by_expiry on enroll_tokens (expires_at)`,

    // A new domain key is not used before every server has it.
    `alter table domain_keys add column active ${flag} not null default 1`,
    // The state of the domain keys that a server works with, and the newest there is.
    `alter table servers add column domain_revision ${integer} not null default 0`,
    `insert into counters (name, value) values ('domain-keys', 0), ('restoring', 0)`,

    `create index audit_by_time on audit (at)`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
  const sealed = {
    api_keys: 'sealed',
    keys: 'material',
    import_sessions: 'wrapping',
    secrets: 'data_key',
    secret_versions: 'sealed',
    rotation_webhooks: 'signing_key',
    user_credentials: 'seal',
    signing_keys: 'sealed',
    ak_authorities: 'sealed',
    ak_enrolments: 'seal',
    simulated_pkis: 'sealed',
  }
  for (const [table, column] of Object.entries(sealed)) {
    await guardDomainVersion(db, dialect, table, column)
  }
}
