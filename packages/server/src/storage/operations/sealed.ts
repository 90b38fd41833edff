// Blobs under old domain keys, wherever they lie.
import { sql } from 'kysely'
import { bytes } from '../columns.ts'
import type { Db, OperationTable } from '../operation.ts'
import type { DomainKeyOperations } from '../operator-port.ts'
import { SEALED_TABLES, SEALED_TABLE_NAMES, type SealedItem, type SealedTableName } from '../sealed-tables.ts'

/** How many blobs of a table are under domain keys below a version. */
export async function countSealedIn(db: Db, table: SealedTableName, below: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from ${sql.table(table)}
    where domain_version < ${below} and ${sql.ref(SEALED_TABLES[table].blob)} is not null`.execute(db)
  return rows[0]!.count
}

export const sealedOperations = {
  countSealed: {
    mode: 'scan',
    async run(db, { below }) {
      let count = 0
      for (const table of SEALED_TABLE_NAMES) count += await countSealedIn(db, table, below)
      return count
    },
  },

  readSealed: {
    mode: 'scan',
    async run(db, { table, below, after, limit }) {
      const { primaryKey, blob, also, toRow } = SEALED_TABLES[table]
      const key = sql.join(primaryKey.map((column) => sql.ref(`t.${column}`)))
      const extra = also === undefined ? sql`` : sql`, ${sql.join(also.columns.map((column) => sql.ref(`other.${column}`)))}`
      const join = also === undefined ? sql`` : sql`join ${sql.table(also.table)} as other on other.id = ${sql.ref(`t.${also.column}`)}`
      const following = after === null ? sql`` : sql`and (${key}) > (${sql.join(after)})`
      const { rows } = await sql<Record<string, never>>`
        select t.* ${extra} from ${sql.table(table)} as t ${join}
        where t.domain_version < ${below} and ${sql.ref(`t.${blob}`)} is not null ${following}
        order by ${key} limit ${limit}`.execute(db)
      return rows.map((columns): SealedItem => ({
        key: primaryKey.map((column) => columns[column]!),
        blob: bytes(columns[blob]!),
        domainVersion: columns['domain_version']!,
        row: toRow(columns as never),
      }))
    },
  },

  replaceSealed: {
    mode: 'write',
    async run(db, { table, items }) {
      const { primaryKey, blob } = SEALED_TABLES[table]
      let replaced = 0
      for (const item of items) {
        const here = sql.join(
          primaryKey.map((column, i) => sql`${sql.ref(column)} = ${item.key[i]}`),
          sql` and `,
        )
        const { numAffectedRows = 0n } = await sql`
          update ${sql.table(table)} set ${sql.ref(blob)} = ${item.blob}, domain_version = ${item.domainVersion}
          where ${here} and ${sql.ref(blob)} = ${item.was}`.execute(db)
        replaced += Number(numAffectedRows)
      }
      return replaced
    },
  },
} satisfies Pick<OperationTable, Extract<keyof DomainKeyOperations, 'countSealed' | 'readSealed' | 'replaceSealed'>>
