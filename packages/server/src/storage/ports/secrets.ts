// An operation's `audit` is stored with the secret's id as its `object`.
import type { AuditRow } from '../tables/trail-entries.ts'
import type { RotationWebhookRow } from '../tables/rotation-webhooks.ts'
import type { SecretVersionRow, SecretVersionSummary } from '../tables/secret-versions.ts'
import type { SecretRow, SecretSummary } from '../tables/secrets.ts'

/** What is needed to open one value: the secret, and the version asked for unless there is no such. */
export interface SecretValueRow {
  secret: Pick<SecretRow, 'id' | 'appId' | 'name' | 'keyId' | 'keyGeneration' | 'dataKey' | 'domainVersion'>
  version: SecretVersionRow | null
}

/** How many secrets there are. */
export interface SecretStatistics {
  /** Those scheduled for deletion included. */
  total: number
  pendingDeletion: number
  /** Not scheduled for deletion, and the last try of a rotation failed. */
  rotationFailing: number
}

export interface SecretOperations {
  /** The id of the app's hidden key, null when there is none. */
  findDefaultKeyId(args: { appId: string }): Promise<string | null>
  /**
   * Stores a secret with its first version. `exists`: the app has a secret of this name, scheduled for deletion or not; `key_missing`: the
   * app has no such key that isn't deleted; `limit`: the app has that many secrets. Exact over all servers.
   */
  insertSecret(args: {
    secret: SecretRow
    version: SecretVersionRow
    limit: number
    audit: AuditRow | null
  }): Promise<'created' | 'exists' | 'key_missing' | 'limit'>
  findSecret(args: { appId: string; name: string }): Promise<SecretRow | null>
  /** What opens the given version, or the current one for null; null when there is no such secret or it is scheduled for deletion. */
  findSecretValue(args: { appId: string; name: string; version: number | null }): Promise<SecretValueRow | null>
  updateSecretDescription(args: {
    appId: string
    name: string
    description: string
    audit: AuditRow | null
  }): Promise<'updated' | 'missing' | 'deleted'>
  /**
   * Adds the version after the current one and makes it current, then removes the versions up to `pruneTo`; returns how many those were.
   * `conflict` when the secret isn't at the version before it, has another data key, is scheduled for deletion or gone; `no_previous` when
   * the current version isn't there. `pruneAudit` is stored when versions were removed.
   */
  putSecretVersion(args: {
    secretId: string
    keyGeneration: number
    version: SecretVersionRow
    pruneTo: number
    audit: AuditRow | null
    pruneAudit: AuditRow | null
  }): Promise<{ pruned: number } | 'conflict' | 'no_previous'>
  /** The app's secrets, those scheduled for deletion included, oldest first (by creation, then id). */
  listSecrets(args: { appId: string; after: { createdAt: number; id: string } | null; limit: number }): Promise<SecretSummary[]>
  /** The versions below `before`, newest first; none when there is no such secret or it is scheduled for deletion. */
  listSecretVersions(args: { appId: string; name: string; before: number | null; limit: number }): Promise<SecretVersionSummary[]>
  /** How many secrets are under these keys, and the earliest time at which one of the keys that have any is destroyed. */
  countDependentSecrets(args: { keyIds: string[] }): Promise<{ secrets: number; destroyAt: number | null }>
  secretStatistics(): Promise<SecretStatistics>
}

export interface SecretDeletionOperations {
  /** Schedules a deletion, or moves the one that is scheduled; false when there is no such secret. */
  scheduleSecretDeletion(args: {
    appId: string
    name: string
    deletedAt: number
    destroyAt: number
    audit: AuditRow | null
  }): Promise<boolean>
  /** Destroys a secret at once, its wrapped data key first; false when there is no such secret. Announced as a change. */
  destroySecret(args: { appId: string; name: string; at: number; audit: AuditRow | null }): Promise<boolean>
  /** Cancels a scheduled deletion; false when there is no such secret. One that isn't scheduled stays as it is, unaudited. */
  restoreSecret(args: { appId: string; name: string; audit: AuditRow | null }): Promise<boolean>
  /**
   * Destroys at most `limit` secrets whose time has come and that were not restored, and returns their ids in ascending order. Over several
   * servers each is given once. Each has its own audit row, and is announced as a change.
   */
  destroyDueSecrets(args: { now: number; limit: number; audit: AuditRow | null }): Promise<string[]>
}

export interface RotationWebhookOperations {
  /** Registers the app's webhook in place of an earlier one. */
  putRotationWebhook(args: { webhook: RotationWebhookRow; audit: AuditRow | null }): Promise<void>
  findRotationWebhook(args: { appId: string }): Promise<RotationWebhookRow | null>
  /** False when there was none. */
  deleteRotationWebhook(args: { appId: string; audit: AuditRow | null }): Promise<boolean>
}
