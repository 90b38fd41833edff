import { text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/**
 * One row per tenant: what of its rows decides (the tables with `manifest`), by a digest over all of them. Its revision grows with each change of
 * one, in the transaction of the change; so a row that is gone, or as it once was, is noticed wherever the manifest is asked for.
 */
export const manifests = table(
  'manifests',
  {
    /** An appid, or a user. */
    tenant: text(),
    /** `manifestDigest` of its members. */
    digest: text(),
  },
  { primaryKey: ['tenant'], authenticated: { by: 'mac' }, backup: { held: true } },
)

export interface ManifestRow extends RowOf<typeof manifests> {}
