import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'

/** The policies and baselines of the attestation authority's users. Long columns come last, or in a table of their own. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const { text, integer, flag, blob } = TYPES[dialect]
  const strict = dialect === 'sqlite' ? ' strict' : ''
  const signed = `version ${integer} not null,
      created_at ${integer} not null,
      updated_at ${integer} not null,
      signature ${blob} not null,
      key_version ${integer} not null,
      altered ${flag} not null`
  const statements = [
    `create table policies (
      id ${text} not null primary key,
      user_id ${text} not null,
      policy_id ${text} not null,
      name ${text} not null,
      description ${text},
      attester_types ${text} not null,
      is_jwt ${flag} not null,
      signer_id ${text},
      is_default ${flag} not null,
      content_hash ${text} not null,
      ${signed},
      content ${text} not null
    )${strict}`,
    `create unique index policies_by_policy_id on policies (user_id, policy_id)`,
    `create unique index policies_by_name on policies (user_id, name)`,
    `create index policies_by_key_version on policies (key_version, id) where altered = 0`,

    `create table baselines (
      id ${text} not null primary key,
      user_id ${text} not null,
      name ${text} not null,
      description ${text},
      attester_type ${text} not null,
      is_default ${flag} not null,
      signer_id ${text} not null,
      content_hash ${text} not null,
      content_length ${integer} not null,
      digests_hash ${text} not null,
      digests_length ${integer} not null,
      value_count ${integer} not null,
      ${signed}
    )${strict}`,
    `create unique index baselines_by_name on baselines (user_id, name)`,
    `create index baselines_by_key_version on baselines (key_version, id) where altered = 0`,

    `create table baseline_contents (
      baseline_id ${text} not null primary key references baselines (id),
      digests ${blob} not null,
      content ${text} not null
    )${strict}`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
