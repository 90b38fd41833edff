import { integer, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const rotationWebhooks = table(
  'rotation_webhooks',
  {
    appId: text('references apps (id)'),
    url: text(),
    signingKey: sealedBlob(),
    domainVersion: integer(),
    createdAt: integer(),
  },
  {
    primaryKey: ['appId'],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

/** The source of an app's new values; the key that signs the requests is sealed. */
export interface RotationWebhookRow extends RowOf<typeof rotationWebhooks> {}
