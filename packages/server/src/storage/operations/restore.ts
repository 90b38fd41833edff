// A backup's way into an empty store. While it is under way the store is marked, so that a partial restore is never taken for the whole.
import { sql } from 'kysely'
import { BACKUP_TABLES, isBackupTable, isSelfFilled } from '../backup-tables.ts'
import { type Db, type OperationTable, chunks } from '../operation.ts'
import type { RawRow, RestoreOperations } from '../ports/restore.ts'
import { domainKeys as domainKeyTable } from '../tables/domain-keys.ts'
import type { TableName } from '../tables/index.ts'
import { announceDomainKeys } from './domain-keys.ts'
import { recordAudit } from './record.ts'
import { continueTrail } from './trail-growth.ts'

async function restoring(db: Db): Promise<boolean> {
  const row = await db.selectFrom('counters').select('value').where('name', '=', 'restoring').executeTakeFirst()
  return row?.value === 1
}

async function mark(db: Db, value: 0 | 1): Promise<void> {
  await db.updateTable('counters').set({ value }).where('name', '=', 'restoring').execute()
}

/** Whether a table holds anything that a user or the server has added. */
async function holdsRows(db: Db, table: TableName): Promise<boolean> {
  if (isSelfFilled(table)) return false
  return (await sql`select 1 from ${sql.table(table)} limit 1`.execute(db)).rows.length > 0
}

async function insertRaw(db: Db, table: TableName, rows: readonly RawRow[]): Promise<void> {
  const columns = Object.keys(rows[0]!)
  const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column] ?? null))})`)
  await sql`
    insert into ${sql.table(table)} (${sql.join(columns.map((column) => sql.ref(column)))})
    values ${sql.join(values)}`.execute(db)
}

export const restoreOperations = {
  isRestoring: { mode: 'read', run: (db) => restoring(db) },

  beginRestore: {
    mode: 'write',
    async run(db, _args, { dialect }) {
      const again = await restoring(db)
      if (!again) for (const table of BACKUP_TABLES) if (await holdsRows(db, table)) return 'not_empty'
      // Without domain keys a server that doesn't look at the mark finds nothing that it could work with.
      const tables = ['fences', 'domain_keys', ...BACKUP_TABLES.toReversed()]
      // Row by row PostgreSQL could take longer than a statement may, and then no restore would ever be done.
      if (again && dialect === 'postgres') await sql`truncate ${sql.join(tables.map((table) => sql.table(table)))}`.execute(db)
      else for (const table of tables) await sql`delete from ${sql.table(table)}`.execute(db)
      await mark(db, 1)
      return 'ready'
    },
  },

  insertRestored: {
    mode: 'write',
    async run(db, { table, rows }) {
      if (!isBackupTable(table)) throw new Error(`no backup holds the table ${table}`)
      if (!(await restoring(db))) throw new Error('no restore is under way')
      for (const chunk of chunks(rows)) await insertRaw(db, table, chunk)
    },
  },

  finishRestore: {
    mode: 'write',
    async run(db, { domainKeys, fence, at, audit }, context) {
      if (!(await restoring(db))) throw new Error('no restore is under way')
      for (const row of domainKeys) await db.insertInto('domain_keys').values(domainKeyTable.toColumns(row)).execute()
      await sql`insert into fences (app_id, stamp) select id, cast(${fence} as bigint) from apps`.execute(db)
      await continueTrail(db, context, at, audit?.actor ?? 'operator')
      await mark(db, 0)
      await recordAudit(context, [audit])
      await announceDomainKeys(db, context.dialect, at)
    },
  },
} satisfies Pick<OperationTable, keyof RestoreOperations>
