import { integer, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const quotePolicies = table(
  'quote_policies',
  {
    id: text(),
    appId: text('references apps (id)'),
    mrEnclave: text(),
    mrSigner: text(),
    createdAt: integer(),
  },
  {
    primaryKey: ['id'],
    statements: [
      'create index quote_policies_by_creation on quote_policies (created_at, id)',
      'create index quote_policies_by_app on quote_policies (app_id, created_at, id)',
    ],
    authenticated: { by: 'mac' },
    manifest: 'appId',
    backup: { held: true },
  },
)

/** The enclave that an app expects: hex digits as they were given. */
export interface QuotePolicyRow extends RowOf<typeof quotePolicies> {}
