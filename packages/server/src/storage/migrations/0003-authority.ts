import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'

/** The attestation authority's users, signing keys and used nonces. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, blob } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  const clustered = dialect === 'sqlite' ? ' strict, without rowid' : ''
  const statements = [
    `create table users (
      id ${text} not null primary key,
      created_at ${integer} not null
    )${clustered}`,

    `create table user_credentials (
      id ${text} not null primary key,
      user_id ${text} not null references users (id),
      kind ${text} not null,
      fingerprint ${blob} not null,
      role ${text} not null,
      node_id ${text},
      label ${text} not null,
      created_at ${integer} not null,
      expires_at ${integer},
      seal ${blob} not null,
      domain_version ${integer} not null
    )${strict}`,
    `create unique index user_credentials_by_fingerprint on user_credentials (fingerprint)`,
    `create index user_credentials_by_user on user_credentials (user_id, id)`,
    `create index user_credentials_by_expiry on user_credentials (expires_at) where expires_at is not null`,

    `create table signing_keys (
      name ${text} not null,
      version ${integer} not null,
      algorithm ${text} not null,
      sealed ${blob} not null,
      domain_version ${integer} not null,
      created_at ${integer} not null,
      primary key (name, version)
    )${strict}`,

    `create table used_nonces (
      digest ${blob} not null primary key,
      expires_at ${integer} not null
    )${clustered}`,
    `create index used_nonces_by_expiry on used_nonces (expires_at)`,

    `create table instance (
      singleton ${integer} not null primary key check (singleton = 1),
      id ${text} not null,
      created_at ${integer} not null
    )${strict}`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
