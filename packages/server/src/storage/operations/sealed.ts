// Blobs and MACs under old domain keys, wherever they lie.
import { type RawBuilder, sql } from 'kysely'
import { holdRow, resealRows, verifiedRow } from '../authenticated-rows.ts'
import { toBytes } from '../column.ts'
import type { Db, OperationContext, OperationTable } from '../operation.ts'
import type { StoredRow } from '../row-authenticator.ts'
import { SEALED_TABLES, type SealedItem, type SealedTableName } from '../sealed-tables.ts'
import { type AnyTable, isMacTable, joined, snakeCase } from '../table.ts'
import { MAC_TABLES, TABLES } from '../tables/index.ts'

const PROTECTED: readonly AnyTable[] = (TABLES as readonly AnyTable[]).filter((table) => table.blob !== null || isMacTable(table))

/** What says that a row is under a domain key below a version. */
function isBelow(table: AnyTable, version: number): RawBuilder<unknown> {
  const conditions = []
  if (table.blob !== null) conditions.push(sql`(domain_version < ${version} and ${sql.ref(snakeCase(table.blob))} is not null)`)
  if (isMacTable(table)) conditions.push(sql`mac_version < ${version}`)
  return sql.join(conditions, sql` or `)
}

/** How many rows have their blob or their MAC under domain keys below a version. */
export async function countSealed(db: Db, below: number): Promise<number> {
  let count = 0
  for (const table of PROTECTED) {
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from ${sql.table(table.name)} where ${isBelow(table, below)}`.execute(db)
    count += rows[0]!.count
  }
  return count
}

/** How blobs of one table are found with what identifies their rows. */
function reader(name: SealedTableName) {
  const table = SEALED_TABLES.get(name)!
  const { primaryKey, blob, sealedWith } = table
  // Not verified here: the owner's row is part of what opens the blob.
  const owner = sealedWith && { ...sealedWith, ...joined(sealedWith.columns, 'owner') }
  const columnNames = Object.keys(table.stored).map(snakeCase)
  return {
    keyColumns: primaryKey.map(snakeCase),
    blobColumn: snakeCase(blob),
    selection: owner === undefined ? sql`` : sql`, ${sql.join(owner.selection)}`,
    join:
      owner === undefined ? sql`` : sql`join ${sql.table(owner.table.name)} as owner on owner.id = ${sql.ref(`t.${snakeCase(owner.by)}`)}`,
    row: (context: OperationContext, columns: Record<string, never>) => ({
      ...(isMacTable(table)
        ? verifiedRow(context, table, Object.fromEntries(columnNames.map((column) => [column, columns[column]])) as never)
        : fromColumns(table, columns)),
      ...(owner !== undefined && { [owner.property]: owner.read(columns) }),
    }),
  }
}

function fromColumns(table: AnyTable, columns: object): object {
  return (table as unknown as { fromColumns: (columns: object) => object }).fromColumns(columns)
}

const READERS = new Map([...SEALED_TABLES.keys()].map((name) => [name, reader(name)]))

function following(key: RawBuilder<unknown>, after: readonly (string | number)[] | null): RawBuilder<unknown> {
  return after === null ? sql`` : sql`and (${key}) > (${sql.join(after)})`
}

export const sealedOperations = {
  countSealed: { mode: 'scan', run: (db, { below }) => countSealed(db, below) },

  holdsProtectedRows: {
    mode: 'scan',
    async run(db) {
      for (const { name } of PROTECTED) {
        if ((await sql`select 1 from ${sql.table(name)} limit 1`.execute(db)).rows.length > 0) return true
      }
      return false
    },
  },

  readSealed: {
    mode: 'scan',
    async run(db, { table, below, after, limit }, context) {
      const { keyColumns, blobColumn, selection, join, row } = READERS.get(table)!
      const key = sql.join(keyColumns.map((column) => sql.ref(`t.${column}`)))
      const { rows } = await sql<Record<string, never>>`
        select t.* ${selection} from ${sql.table(table)} as t ${join}
        where t.domain_version < ${below} and ${sql.ref(`t.${blobColumn}`)} is not null ${following(key, after)}
        order by ${key} limit ${limit}`.execute(db)
      return rows.map((columns) => ({
        key: keyColumns.map((column) => columns[column]!),
        blob: toBytes(columns[blobColumn]!),
        domainVersion: columns['domain_version']!,
        row: row(context, columns) as object as SealedItem['row'],
      }))
    },
  },

  replaceSealed: {
    mode: 'write',
    async run(db, { table: name, items }, context) {
      const { keyColumns, blobColumn } = READERS.get(name)!
      const table = SEALED_TABLES.get(name)!
      let replaced = 0
      for (const item of items) {
        const here = sql.join(
          keyColumns.map((column, i) => sql`${sql.ref(column)} = ${item.key[i]}`),
          sql` and `,
        )
        const asRead = sql`${here} and ${sql.ref(blobColumn)} = ${item.was}`
        if (isMacTable(table)) {
          const lock = context.dialect === 'postgres' ? sql`for no key update` : sql``
          const query = sql<Record<string, never>>`select * from ${sql.table(name)} where ${asRead} ${lock}`
          const held = await holdRow(context, table, { execute: async () => (await query.execute(db)).rows as never })
          if (held === undefined) continue
          await resealRows(db, context, table, [
            { stored: held.stored, set: { [blobColumn]: item.blob, domain_version: item.domainVersion } },
          ])
          replaced++
          continue
        }
        const { numAffectedRows = 0n } = await sql`
          update ${sql.table(name)} set ${sql.ref(blobColumn)} = ${item.blob}, domain_version = ${item.domainVersion}
          where ${asRead}`.execute(db)
        replaced += Number(numAffectedRows)
      }
      return replaced
    },
  },

  reauthenticateRows: {
    mode: 'write',
    async run(db, { table: name, below, after, limit }, context) {
      const table = MAC_TABLES.get(name)
      if (table === undefined) throw new Error(`the rows of ${name} have no MAC`)
      const keyColumns = table.primaryKey.map(snakeCase)
      const key = sql.join(keyColumns.map((column) => sql.ref(column)))
      const lock = context.dialect === 'postgres' ? sql`for no key update` : sql``
      const { rows } = await sql<StoredRow>`
        select * from ${sql.table(name)} where mac_version < ${below} ${following(key, after)}
        order by ${key} limit ${limit} ${lock}`.execute(db)
      for (const stored of rows) verifiedRow(context, table, stored as never)
      await resealRows(
        db,
        context,
        table,
        rows.map((stored) => ({ stored })),
      )
      return rows.map((stored) => keyColumns.map((column) => stored[column] as string | number))
    },
  },
} satisfies Pick<OperationTable, 'countSealed' | 'holdsProtectedRows' | 'readSealed' | 'replaceSealed' | 'reauthenticateRows'>
