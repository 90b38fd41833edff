import { findRow, insertRow, removeRowsBy, replaceRow } from '../authenticated-rows.ts'
import type { OperationTable } from '../operation.ts'
import type { RotationWebhookOperations } from '../ports/secrets.ts'
import { rotationWebhooks } from '../tables/rotation-webhooks.ts'
import { recordAudit } from './record.ts'

export const rotationWebhookOperations = {
  putRotationWebhook: {
    mode: 'write',
    async run(db, { webhook, audit }, context) {
      if (!(await insertRow(db, context, rotationWebhooks, webhook, ['appId']))) {
        const former = db
          .selectFrom('rotation_webhooks')
          .selectAll()
          .where('app_id', '=', webhook.appId)
          .$if(context.dialect === 'postgres', (query) => query.forUpdate())
        if (!(await replaceRow(db, context, rotationWebhooks, former, webhook))) throw new Error('the webhook was deleted meanwhile')
      }
      await recordAudit(context, audit)
    },
  },

  findRotationWebhook: {
    mode: 'read',
    async run(db, { appId }, context) {
      const query = db.selectFrom('rotation_webhooks').selectAll().where('app_id', '=', appId)
      return (await findRow(context, rotationWebhooks, query)) ?? null
    },
  },

  deleteRotationWebhook: {
    mode: 'write',
    async run(db, { appId, audit }, context) {
      if ((await removeRowsBy(db, context, rotationWebhooks, 'appId', [appId])).length === 0) return false
      await recordAudit(context, audit)
      return true
    },
  },
} satisfies Pick<OperationTable, keyof RotationWebhookOperations>
