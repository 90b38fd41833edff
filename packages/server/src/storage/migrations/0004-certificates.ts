import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'

/** The certificates and CRLs of the attestation authority's users. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, flag, blob } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  const signed = `signature ${blob} not null,
      key_version ${integer} not null,
      altered ${flag} not null`
  const statements = [
    `create table certificates (
      id ${text} not null primary key,
      user_id ${text} not null,
      name ${text} not null,
      description ${text},
      types ${text} not null,
      is_default ${flag},
      content ${text} not null,
      not_after ${integer} not null,
      version ${integer} not null,
      created_at ${integer} not null,
      updated_at ${integer} not null,
      ${signed}
    )${strict}`,
    `create unique index certificates_by_name on certificates (user_id, name)`,
    `create index certificates_by_expiry on certificates (not_after)`,
    `create index certificates_by_key_version on certificates (key_version, id) where altered = 0`,

    `create table crls (
      id ${text} not null primary key,
      user_id ${text} not null,
      name ${text} not null,
      content ${text} not null,
      next_update ${integer},
      version ${integer} not null,
      created_at ${integer} not null,
      updated_at ${integer} not null,
      ${signed}
    )${strict}`,
    `create unique index crls_by_name on crls (user_id, name)`,
    `create index crls_by_next_update on crls (next_update)`,
    `create index crls_by_key_version on crls (key_version, id) where altered = 0`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
