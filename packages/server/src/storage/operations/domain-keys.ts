import { bytes } from '../columns.ts'
import type { OperationTable } from '../operation.ts'
import type { DomainKeyOperations } from '../port.ts'

export const domainKeyOperations = {
  listDomainKeys: {
    mode: 'read',
    async run(db) {
      const rows = await db.selectFrom('domain_keys').selectAll().orderBy('version').execute()
      return rows.map((row) => ({
        version: row.version,
        rootKeyId: row.root_key_id,
        wrapped: bytes(row.wrapped),
        checkValue: row.check_value,
        createdAt: row.created_at,
      }))
    },
  },

  insertDomainKey: {
    mode: 'write',
    async run(db, { row }) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('domain_keys')
        .values({
          version: row.version,
          root_key_id: row.rootKeyId,
          wrapped: row.wrapped,
          check_value: row.checkValue,
          created_at: row.createdAt,
        })
        .onConflict((conflict) => conflict.column('version').doNothing())
        .executeTakeFirstOrThrow()
      return numInsertedOrUpdatedRows === 1n
    },
  },
} satisfies Pick<OperationTable, keyof DomainKeyOperations>
