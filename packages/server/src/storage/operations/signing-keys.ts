import type { OperationTable } from '../operation.ts'
import type { SigningKeyOperations } from '../ports/signing-keys.ts'
import { signingKeys } from '../tables/signing-keys.ts'
import { recordAudit, recordChanges } from './record.ts'
import { signsRows } from './signed-rows.ts'

export const signingKeyOperations = {
  listSigningKeys: {
    mode: 'read',
    async run(db) {
      const rows = await db.selectFrom('signing_keys').selectAll().orderBy('name').orderBy('version').execute()
      return rows.map(signingKeys.fromColumns)
    },
  },

  insertSigningKey: {
    mode: 'write',
    async run(db, { row, audit }, context) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('signing_keys')
        .values(signingKeys.toColumns(row))
        .onConflict((conflict) => conflict.columns(['name', 'version']).doNothing())
        .executeTakeFirstOrThrow()
      if (numInsertedOrUpdatedRows === 0n) return false
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'signing-key', [row.name], row.createdAt)
      return true
    },
  },

  retireSigningKey: {
    mode: 'write',
    async run(db, { name, version, at, audit }, context) {
      const { newest } = await db
        .selectFrom('signing_keys')
        .select(({ fn }) => fn.max('version').as('newest'))
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      if (version === newest) return 'newest'
      if (name === 'FSK' && (await signsRows(db, version))) return 'used'
      const { numDeletedRows } = await db
        .deleteFrom('signing_keys')
        .where('name', '=', name)
        .where('version', '=', version)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return 'missing'
      await recordAudit(context, audit)
      await recordChanges(db, context.dialect, 'signing-key', [name], at)
      return 'retired'
    },
  },

  instanceId: {
    mode: 'write',
    async run(db, { candidate, at }) {
      await db
        .insertInto('instance')
        .values({ singleton: 1, id: candidate, created_at: at })
        .onConflict((conflict) => conflict.column('singleton').doNothing())
        .execute()
      const { id } = await db.selectFrom('instance').select('id').where('singleton', '=', 1).executeTakeFirstOrThrow()
      return id
    },
  },
} satisfies Pick<OperationTable, keyof SigningKeyOperations>
