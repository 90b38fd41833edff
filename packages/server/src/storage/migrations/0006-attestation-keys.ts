import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'

/** The authority's own CAs for attestation keys, which endorsement key is which node, and the certificates that were issued. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, blob } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  const statements = [
    `create table ak_authorities (
      user_id ${text} not null,
      version ${integer} not null,
      certificate ${blob} not null,
      not_after ${integer} not null,
      sealed ${blob} not null,
      domain_version ${integer} not null,
      created_at ${integer} not null,
      primary key (user_id, version)
    )${strict}`,

    `create table ak_enrolments (
      user_id ${text} not null,
      ek_digest ${text} not null,
      node_id ${text} not null,
      created_at ${integer} not null,
      seal ${blob} not null,
      domain_version ${integer} not null,
      primary key (user_id, ek_digest)
    )${strict}`,
    `create unique index ak_enrolments_by_node on ak_enrolments (user_id, node_id)`,

    `create table ak_certificates (
      user_id ${text} not null,
      serial_number ${text} not null,
      node_id ${text} not null,
      ek_digest ${text} not null,
      authority_version ${integer} not null,
      issued_at ${integer} not null,
      not_after ${integer} not null,
      revoked_at ${integer},
      reason ${text},
      primary key (user_id, serial_number)
    )${strict}`,
    `create index ak_certificates_by_node on ak_certificates (user_id, node_id, serial_number)`,
    `create index ak_certificates_by_key on ak_certificates (user_id, ek_digest)`,
    `create index ak_certificates_by_expiry on ak_certificates (not_after)`,
    `create index ak_certificates_revoked on ak_certificates (user_id) where revoked_at is not null`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
