import { insertRow, markedRows, removeRowsBy, replaceRow } from '../authenticated-rows.ts'
import { type OperationTable, countRows } from '../operation.ts'
import type { CrlOperations } from '../ports/certificates.ts'
import { crls } from '../tables/crls.ts'
import { auditEach, recordAudit, recordChanges } from './record.ts'
import { lockTenant } from './tenant-lock.ts'

export const crlOperations = {
  putCrl: {
    mode: 'write',
    async run(db, { row, limit, audit }, context) {
      const { id, userId, name, version } = row
      await lockTenant(db, context.dialect, userId)
      const old = await db
        .selectFrom('crls')
        .select(['id', 'version'])
        .where('user_id', '=', userId)
        .where('name', '=', name)
        .executeTakeFirst()
      if (version === 1) {
        if (old !== undefined) return 'conflict'
        const count = await countRows(db.selectFrom('crls').where('user_id', '=', userId))
        if (count >= limit) return 'limit'
        await insertRow(db, context, crls, row)
      } else {
        if (old?.id !== id || old.version !== version - 1) return 'conflict'
        const replaced = db
          .selectFrom('crls')
          .selectAll()
          .where('id', '=', id)
          .$if(context.dialect === 'postgres', (query) => query.forUpdate())
        await replaceRow(db, context, crls, replaced, row)
      }
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'certificate', [userId], row.updatedAt)
      return 'stored'
    },
  },

  listCrls: {
    mode: 'scan',
    async run(db, { userId }, context) {
      return markedRows(context, crls, await db.selectFrom('crls').selectAll().where('user_id', '=', userId).orderBy('name').execute())
    },
  },

  deleteCrls: {
    mode: 'write',
    async run(db, { userId, ids, at, audit }, context) {
      await lockTenant(db, context.dialect, userId)
      const rows = await db.selectFrom('crls').select('id').where('user_id', '=', userId).orderBy('id').execute()
      const wanted = rows.map(({ id }) => id).filter((id) => ids === null || ids.includes(id))
      if (wanted.length === 0) return []
      await removeRowsBy(db, context, crls, 'id', wanted)
      await recordAudit(context, auditEach(audit, wanted))
      await recordChanges(db, context.dialect, 'certificate', [userId], at)
      return wanted
    },
  },
} satisfies Pick<OperationTable, keyof CrlOperations>
