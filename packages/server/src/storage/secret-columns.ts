// Between the columns of the secrets' tables and the rows of the port.
import { bytes } from './columns.ts'
import type { RotationWebhookRow, SecretRow, SecretSummary, SecretVersionRow } from './rows.ts'
import type { RotationWebhooksTable, SecretsTable, SecretVersionsTable } from './schema.ts'

/** Text as it is stored: JSON escapes what the databases would refuse (U+0000) or change (lone surrogates), so every text comes back exactly. */
export function exactText(text: string): string {
  return JSON.stringify(text)
}

/** Inverse of {@link exactText}. */
export function fromExactText(stored: string): string {
  return JSON.parse(stored) as string
}

/** The columns of a SecretSummary. */
export const SECRET_SUMMARY_COLUMNS = [
  'id',
  'name',
  'description',
  'created_at',
  'destroy_at',
] as const satisfies readonly (keyof SecretsTable)[]

export function secretSummaryFromColumns(row: Pick<SecretsTable, (typeof SECRET_SUMMARY_COLUMNS)[number]>): SecretSummary {
  return {
    id: row.id,
    name: fromExactText(row.name),
    description: fromExactText(row.description),
    createdAt: row.created_at,
    destroyAt: row.destroy_at,
  }
}

export function secretFromColumns(row: SecretsTable): SecretRow {
  return {
    ...secretSummaryFromColumns(row),
    appId: row.app_id,
    keyId: row.key_id,
    currentVersion: row.current_version,
    keyGeneration: row.key_generation,
    dataKey: bytes(row.data_key),
    domainVersion: row.domain_version,
    rotationInterval: row.rotation_interval,
    deletedAt: row.deleted_at,
    lastRotationAt: row.last_rotation_at,
    nextRotationAt: row.next_rotation_at,
    rotationDueAt: row.rotation_due_at,
    rotationId: row.rotation_id,
    rotationLeaseUntil: row.rotation_lease_until,
    rotationAttempts: row.rotation_attempts,
    rotationFailedAt: row.rotation_failed_at,
    rotationFailure: row.rotation_failure,
  }
}

export function secretToColumns(secret: SecretRow): SecretsTable {
  return {
    id: secret.id,
    app_id: secret.appId,
    name: exactText(secret.name),
    description: exactText(secret.description),
    key_id: secret.keyId,
    created_at: secret.createdAt,
    current_version: secret.currentVersion,
    key_generation: secret.keyGeneration,
    data_key: secret.dataKey,
    domain_version: secret.domainVersion,
    rotation_interval: secret.rotationInterval,
    deleted_at: secret.deletedAt,
    destroy_at: secret.destroyAt,
    last_rotation_at: secret.lastRotationAt,
    next_rotation_at: secret.nextRotationAt,
    rotation_due_at: secret.rotationDueAt,
    rotation_id: secret.rotationId,
    rotation_lease_until: secret.rotationLeaseUntil,
    rotation_attempts: secret.rotationAttempts,
    rotation_failed_at: secret.rotationFailedAt,
    rotation_failure: secret.rotationFailure,
  }
}

export function secretVersionFromColumns(row: Omit<SecretVersionsTable, 'secret_id'>): SecretVersionRow {
  return { version: row.version, createdAt: row.created_at, sealed: bytes(row.sealed), domainVersion: row.domain_version }
}

export function secretVersionToColumns(secretId: string, version: SecretVersionRow): SecretVersionsTable {
  return {
    secret_id: secretId,
    version: version.version,
    created_at: version.createdAt,
    domain_version: version.domainVersion,
    sealed: version.sealed,
  }
}

export function rotationWebhookFromColumns(row: RotationWebhooksTable): RotationWebhookRow {
  return {
    appId: row.app_id,
    url: row.url,
    signingKey: bytes(row.signing_key),
    domainVersion: row.domain_version,
    createdAt: row.created_at,
  }
}

export function rotationWebhookToColumns(webhook: RotationWebhookRow): RotationWebhooksTable {
  return {
    app_id: webhook.appId,
    url: webhook.url,
    signing_key: webhook.signingKey,
    domain_version: webhook.domainVersion,
    created_at: webhook.createdAt,
  }
}
