// Blobs under old domain keys, wherever they lie.
import { sql } from 'kysely'
import { toBytes } from '../column.ts'
import type { Db, OperationTable } from '../operation.ts'
import type { DomainKeyOperations } from '../ports/domain-keys.ts'
import { SEALED_TABLES, type SealedItem, type SealedTableName } from '../sealed-tables.ts'
import { joined, snakeCase } from '../table.ts'

/** How many blobs are under domain keys below a version. */
export async function countSealed(db: Db, below: number): Promise<number> {
  let count = 0
  for (const { name, blob } of SEALED_TABLES.values()) {
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from ${sql.table(name)}
      where domain_version < ${below} and ${sql.ref(snakeCase(blob))} is not null`.execute(db)
    count += rows[0]!.count
  }
  return count
}

/** How blobs of one table are found with what identifies their rows. */
function reader(name: SealedTableName) {
  const { primaryKey, blob, sealedWith, fromColumns } = SEALED_TABLES.get(name)!
  const owner = sealedWith && { ...sealedWith, ...joined(sealedWith.columns, 'owner') }
  return {
    keyColumns: primaryKey.map(snakeCase),
    blobColumn: snakeCase(blob),
    selection: owner === undefined ? sql`` : sql`, ${sql.join(owner.selection)}`,
    join:
      owner === undefined ? sql`` : sql`join ${sql.table(owner.table.name)} as owner on owner.id = ${sql.ref(`t.${snakeCase(owner.by)}`)}`,
    row: (columns: object) => ({
      ...fromColumns(columns as never),
      ...(owner !== undefined && { [owner.property]: owner.read(columns) }),
    }),
  }
}

const READERS = new Map([...SEALED_TABLES.keys()].map((name) => [name, reader(name)]))

export const sealedOperations = {
  countSealed: { mode: 'scan', run: (db, { below }) => countSealed(db, below) },

  readSealed: {
    mode: 'scan',
    async run(db, { table, below, after, limit }) {
      const { keyColumns, blobColumn, selection, join, row } = READERS.get(table)!
      const key = sql.join(keyColumns.map((column) => sql.ref(`t.${column}`)))
      const following = after === null ? sql`` : sql`and (${key}) > (${sql.join(after)})`
      const { rows } = await sql<Record<string, never>>`
        select t.* ${selection} from ${sql.table(table)} as t ${join}
        where t.domain_version < ${below} and ${sql.ref(`t.${blobColumn}`)} is not null ${following}
        order by ${key} limit ${limit}`.execute(db)
      return rows.map((columns) => ({
        key: keyColumns.map((column) => columns[column]!),
        blob: toBytes(columns[blobColumn]!),
        domainVersion: columns['domain_version']!,
        row: row(columns) as object as SealedItem['row'],
      }))
    },
  },

  replaceSealed: {
    mode: 'write',
    async run(db, { table, items }) {
      const { keyColumns, blobColumn } = READERS.get(table)!
      let replaced = 0
      for (const item of items) {
        const here = sql.join(
          keyColumns.map((column, i) => sql`${sql.ref(column)} = ${item.key[i]}`),
          sql` and `,
        )
        const { numAffectedRows = 0n } = await sql`
          update ${sql.table(table)} set ${sql.ref(blobColumn)} = ${item.blob}, domain_version = ${item.domainVersion}
          where ${here} and ${sql.ref(blobColumn)} = ${item.was}`.execute(db)
        replaced += Number(numAffectedRows)
      }
      return replaced
    },
  },
} satisfies Pick<OperationTable, Extract<keyof DomainKeyOperations, 'countSealed' | 'readSealed' | 'replaceSealed'>>
