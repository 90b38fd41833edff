import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'

/** Quote policies, cached collateral, and the keys of the simulated quoting enclave. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, blob } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  const statements = [
    `create table quote_policies (
      id ${text} not null primary key,
      app_id ${text} not null references apps (id),
      mr_enclave ${text} not null,
      mr_signer ${text} not null,
      created_at ${integer} not null
    )${strict}`,
    `create index quote_policies_by_creation on quote_policies (created_at, id)`,
    `create index quote_policies_by_app on quote_policies (app_id, created_at, id)`,

    `create table collateral (
      platform ${text} not null primary key,
      parts ${blob} not null,
      fetched_at ${integer} not null,
      expires_at ${integer} not null
    )${strict}`,
    `create index collateral_by_age on collateral (fetched_at, platform)`,

    `create table simulated_pkis (
      id ${text} not null primary key,
      sealed ${blob} not null,
      domain_version ${integer} not null,
      created_at ${integer} not null
    )${strict}`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
