import { sql } from 'kysely'
import type { Db, Dialect } from '../operation.ts'
import { TYPES } from './0001-foundation.ts'

/** Which API key a user's API key was made from: who revokes that one ends this one too. */
export async function up(db: Db, dialect: Dialect): Promise<void> {
  const statements = [
    `alter table user_credentials add column made_from ${TYPES[dialect].text}`,
    `create index user_credentials_by_parent on user_credentials (made_from) where made_from is not null`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}
