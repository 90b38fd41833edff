import { sql } from 'kysely'
import { StorageError } from '../error.ts'
import type { Db, Dialect } from '../operation.ts'
import { createTables } from './create-tables.ts'
import { type Migration, OLDEST_SCHEMA_VERSION, migrations } from './index.ts'

/**
 * Makes the tables of an empty store, or brings those of an older one up to date, each migration in a transaction. The caller holds the
 * initialisation lock. Throws, with nothing touched, `newer_schema` when the store has a migration that this release does not know, and
 * `older_schema` when it is older than any that this release reads.
 */
export async function migrate(db: Db, dialect: Dialect, known: readonly Migration[] = migrations): Promise<void> {
  const applied = await appliedVersion(db, dialect)
  const newest = known.at(-1)?.version ?? OLDEST_SCHEMA_VERSION
  if (applied > newest) {
    throw new StorageError(
      'newer_schema',
      `the store has schema version ${applied}, this release knows ${newest}: use the release that wrote it, or a newer one`,
    )
  }
  if (applied === 0) return step(db, dialect, { version: newest, name: 'created', up: createTables })
  if (applied < OLDEST_SCHEMA_VERSION) {
    throw new StorageError(
      'older_schema',
      'this store was made by Vouchsafe 0.1, before its format was settled, and cannot be read: use an empty data directory or database',
    )
  }
  for (const migration of known) if (migration.version > applied) await step(db, dialect, migration)
}

async function step(db: Db, dialect: Dialect, { version, name, up }: Migration): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    if (dialect === 'postgres') await sql`set local statement_timeout = 0`.execute(transaction)
    await up(transaction, dialect)
    await transaction.insertInto('schema_migrations').values({ version, name }).execute()
  })
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
