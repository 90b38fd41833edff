import { flag, integer, nullable, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const keys = table(
  'keys',
  {
    id: text(),
    appId: text('references apps (id)'),
    spec: text(),
    origin: text<'internal' | 'external'>(),
    usage: nullable(text<'encrypt' | 'sign'>()),
    padding: nullable(text()),
    digest: nullable(text()),
    alias: text(),
    /** The app's hidden key, behind its secrets: never listed, counted, changed or deleted by an operation on the app's keys. */
    isDefault: flag(),
    enabled: flag(),
    createdAt: integer(),
    expiresAt: nullable(integer()),
    /** Set while the key is pending deletion. */
    deletedAt: nullable(integer()),
    /** When a deleted key's row may be removed; null exactly when `deletedAt` is. */
    destroyAt: nullable(integer()),
    /** The domain key that `material` is sealed under; without meaning while the key has no material. */
    domainVersion: integer(),
    /** How many encryptions the key has made, as far as counted. */
    encryptions: integer(),
    /** Null while an external key waits for its import. */
    material: nullable(sealedBlob()),
  },
  {
    primaryKey: ['id'],
    check: '(deleted_at is null) = (destroy_at is null)',
    statements: [
      'create index keys_live on keys (app_id, created_at, id) where deleted_at is null and is_default = 0',
      'create index keys_default on keys (app_id) where is_default = 1',
      'create index keys_deleted on keys (created_at, id) where deleted_at is not null',
      'create index keys_deleted_by_app on keys (app_id, created_at, id) where deleted_at is not null',
      'create index keys_due on keys (destroy_at, id) where destroy_at is not null',
      // Covers keyStatistics, which would otherwise read every key's material.
      'create index keys_statistics on keys (is_default, deleted_at, enabled, expires_at)',
    ],
    authenticated: { by: 'mac', except: { encryptions: 'a count that every use raises; it is shown, and warns' } },
    backup: { held: true },
  },
)

export const keySummary = keys.without('material')

/** A key with its sealed material. */
export interface KeyRow extends RowOf<typeof keys> {}
/** A key without its material, as lists return it. */
export interface KeySummary extends RowOf<typeof keySummary> {}
