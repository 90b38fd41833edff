import { integer, json, nullable, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** JSON escapes what the databases would refuse (U+0000) or change (lone surrogates), so every text comes back exactly. */
const exactly = json<string>
/** Text as a column stores it that keeps any text exactly. */
export const exactText = (value: string): string => JSON.stringify(value)

export const secrets = table(
  'secrets',
  {
    id: text(),
    appId: text('references apps (id)'),
    /** Any UTF-16 text, kept exactly. */
    name: exactly(),
    description: exactly(),
    /** The key (CMK) that wraps the data key; it may no longer exist. */
    keyId: text(),
    createdAt: integer(),
    currentVersion: integer(),
    /** How many data keys the secret has had; each rotation adds one. */
    keyGeneration: integer(),
    /** The wrapped and sealed data key. */
    dataKey: sealedBlob(),
    /** The domain key that seals it. */
    domainVersion: integer(),
    /** As it was given, such as `30d`. */
    rotationInterval: text(),
    /** Null exactly when `destroyAt` is. */
    deletedAt: nullable(integer()),
    /** When it is destroyed; null unless it is scheduled for deletion. */
    destroyAt: nullable(integer()),
    lastRotationAt: nullable(integer()),
    nextRotationAt: integer(),
    /** When the rotation is next tried: `nextRotationAt`, or later after a failure. */
    rotationDueAt: integer(),
    /** The rotation under way or being retried. */
    rotationId: nullable(text()),
    /** Until when one server has this rotation to itself. */
    rotationLeaseUntil: nullable(integer()),
    /** Tries of this rotation so far. */
    rotationAttempts: integer(),
    /** The last failure, until a rotation succeeds. */
    rotationFailedAt: nullable(integer()),
    rotationFailure: nullable(text()),
  },
  {
    primaryKey: ['id'],
    check: '(deleted_at is null) = (destroy_at is null)',
    statements: [
      'create unique index secrets_by_name on secrets (app_id, name)',
      'create index secrets_by_creation on secrets (app_id, created_at, id)',
      'create index secrets_by_key on secrets (key_id)',
      'create index secrets_to_destroy on secrets (destroy_at, id) where destroy_at is not null',
      'create index secrets_to_rotate on secrets (rotation_due_at, id) where deleted_at is null',
      // Covers secretStatistics.
      'create index secrets_statistics on secrets (deleted_at, rotation_failed_at)',
    ],
    authenticated: {
      by: 'mac',
      except: {
        rotationId: 'which server works on a rotation: at worst one is made twice, or later',
        rotationLeaseUntil: 'as rotationId',
        rotationAttempts: 'how long to wait after a failure',
      },
    },
    backup: { held: true },
  },
)

export const secretSummary = secrets.only('id', 'name', 'description', 'createdAt', 'destroyAt')

/** A secret without its values. */
export interface SecretRow extends RowOf<typeof secrets> {}
/** A secret as lists return it. */
export interface SecretSummary extends RowOf<typeof secretSummary> {}
