import { changeRow, deleteRows, findRow, holdRow, insertRow } from '../authenticated-rows.ts'
import type { Db, OperationContext, OperationTable } from '../operation.ts'
import type { RotationWebhookOperations } from '../ports/secrets.ts'
import { rotationWebhooks } from '../tables/rotation-webhooks.ts'
import { recordAudit } from './record.ts'

function holdWebhook(db: Db, context: OperationContext, appId: string) {
  const query = db
    .selectFrom('rotation_webhooks')
    .selectAll()
    .where('app_id', '=', appId)
    .$if(context.dialect === 'postgres', (query) => query.forUpdate())
  return holdRow(context, rotationWebhooks, query)
}

export const rotationWebhookOperations = {
  putRotationWebhook: {
    mode: 'write',
    async run(db, { webhook, audit }, context) {
      if (!(await insertRow(db, context, rotationWebhooks, webhook, ['appId']))) {
        const former = await holdWebhook(db, context, webhook.appId)
        if (former === undefined) throw new Error('the webhook was deleted meanwhile')
        await changeRow(db, context, rotationWebhooks, former, webhook)
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
      const held = await holdWebhook(db, context, appId)
      if (held === undefined) return false
      await deleteRows(db, context, rotationWebhooks, [held])
      await recordAudit(context, audit)
      return true
    },
  },
} satisfies Pick<OperationTable, keyof RotationWebhookOperations>
