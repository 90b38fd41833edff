import { sql } from 'kysely'
import { StorageError } from './error.ts'
import { migrations } from './migrations/index.ts'
import type { Db, Dialect } from './operation.ts'

/**
 * Brings the schema up to date, each migration in a transaction. The caller holds the initialisation lock. Throws `newer_schema`, with
 * nothing touched, when the store has a migration that this release does not know.
 */
export async function migrate(db: Db, dialect: Dialect): Promise<void> {
  const applied = await appliedVersion(db, dialect)
  const known = migrations.at(-1)?.version ?? 0
  if (applied > known) {
    throw new StorageError(
      'newer_schema',
      `the store has schema version ${applied}, this release knows ${known}: use the release that wrote it, or a newer one`,
    )
  }
  for (const migration of migrations) {
    if (migration.version <= applied) continue
    await db.transaction().execute(async (transaction) => {
      if (dialect === 'postgres') await sql`set local statement_timeout = 0`.execute(transaction)
      await transaction.schema
        .createTable('schema_migrations')
        .ifNotExists()
        .addColumn('version', 'integer', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .execute()
      await migration.up(transaction, dialect)
      await transaction.insertInto('schema_migrations').values({ version: migration.version, name: migration.name }).execute()
    })
  }
}

/** The newest migration of the store, 0 for an empty one. */
async function appliedVersion(db: Db, dialect: Dialect): Promise<number> {
  const table =
    dialect === 'sqlite'
      ? sql<{ found: number }>`select count(*) as found from sqlite_master where type = 'table' and name = 'schema_migrations'`
      : sql<{ found: number }>`select count(to_regclass('schema_migrations')) as found`
  if ((await table.execute(db)).rows[0]?.found !== 1) return 0
  const newest = await db
    .selectFrom('schema_migrations')
    .select(({ fn }) => fn.max('version').as('version'))
    .executeTakeFirst()
  return newest?.version ?? 0
}
