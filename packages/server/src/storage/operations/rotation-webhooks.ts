import type { OperationTable } from '../operation.ts'
import type { RotationWebhookOperations } from '../ports/secrets.ts'
import { rotationWebhooks } from '../tables/rotation-webhooks.ts'
import { recordAudit } from './record.ts'

export const rotationWebhookOperations = {
  putRotationWebhook: {
    mode: 'write',
    async run(db, { webhook, audit }, context) {
      const { app_id, ...columns } = rotationWebhooks.toColumns(webhook)
      await db
        .insertInto('rotation_webhooks')
        .values({ app_id, ...columns })
        .onConflict((conflict) => conflict.column('app_id').doUpdateSet(columns))
        .execute()
      await recordAudit(context, audit)
    },
  },

  findRotationWebhook: {
    mode: 'read',
    async run(db, { appId }) {
      const row = await db.selectFrom('rotation_webhooks').selectAll().where('app_id', '=', appId).executeTakeFirst()
      return row === undefined ? null : rotationWebhooks.fromColumns(row)
    },
  },

  deleteRotationWebhook: {
    mode: 'write',
    async run(db, { appId, audit }, context) {
      const { numDeletedRows } = await db.deleteFrom('rotation_webhooks').where('app_id', '=', appId).executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return false
      await recordAudit(context, audit)
      return true
    },
  },
} satisfies Pick<OperationTable, keyof RotationWebhookOperations>
