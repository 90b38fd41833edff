// Between the columns of the tables and the rows of the port.
import type { Selectable } from 'kysely'
import type { ApiKeyRow, AppRow, AuditRow, DomainKeyRow, ImportSessionRow, KeyRow, KeySummary, StoredAuditRow } from './rows.ts'
import type { ApiKeysTable, AppsTable, AuditTable, DomainKeysTable, ImportSessionsTable, KeysTable } from './schema.ts'

export function flag(value: boolean): 0 | 1 {
  return value ? 1 : 0
}

/** PostgreSQL gives a Buffer, SQLite a Uint8Array: the port gives a Uint8Array. */
export function bytes(value: Uint8Array): Uint8Array {
  return Buffer.isBuffer(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value
}

export function appFromColumns(row: Omit<AppsTable, 'key_count'>): AppRow {
  return {
    id: row.id,
    enabled: row.enabled === 1,
    strictSignature: row.strict_signature === 1,
    acceptUpperCase: row.accept_upper_case === 1,
    createdAt: row.created_at,
  }
}

/** A new app, without keys. */
export function newAppToColumns(app: AppRow): AppsTable {
  return {
    id: app.id,
    enabled: flag(app.enabled),
    strict_signature: flag(app.strictSignature),
    accept_upper_case: flag(app.acceptUpperCase),
    created_at: app.createdAt,
    key_count: 0,
  }
}

export function apiKeyFromColumns(row: ApiKeysTable): ApiKeyRow {
  return {
    id: row.id,
    appId: row.app_id,
    sealed: bytes(row.sealed),
    domainVersion: row.domain_version,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

export function apiKeyToColumns(apiKey: ApiKeyRow): ApiKeysTable {
  return {
    id: apiKey.id,
    app_id: apiKey.appId,
    sealed: apiKey.sealed,
    domain_version: apiKey.domainVersion,
    created_at: apiKey.createdAt,
    expires_at: apiKey.expiresAt,
  }
}

/** The columns of a KeySummary: all but the material. */
export const SUMMARY_COLUMNS = [
  'id',
  'app_id',
  'spec',
  'origin',
  'usage',
  'padding',
  'digest',
  'alias',
  'is_default',
  'enabled',
  'created_at',
  'expires_at',
  'deleted_at',
  'destroy_at',
  'domain_version',
  'encryptions',
] as const satisfies readonly (keyof KeysTable)[]

export function summaryFromColumns(row: Omit<KeysTable, 'material'>): KeySummary {
  return {
    id: row.id,
    appId: row.app_id,
    spec: row.spec,
    origin: row.origin,
    usage: row.usage,
    padding: row.padding,
    digest: row.digest,
    alias: row.alias,
    isDefault: row.is_default === 1,
    enabled: row.enabled === 1,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    deletedAt: row.deleted_at,
    destroyAt: row.destroy_at,
    domainVersion: row.domain_version,
    encryptions: row.encryptions,
  }
}

export function keyFromColumns(row: KeysTable): KeyRow {
  return { ...summaryFromColumns(row), material: row.material === null ? null : bytes(row.material) }
}

export function keyToColumns(key: KeyRow): KeysTable {
  return {
    id: key.id,
    app_id: key.appId,
    spec: key.spec,
    origin: key.origin,
    usage: key.usage,
    padding: key.padding,
    digest: key.digest,
    alias: key.alias,
    is_default: flag(key.isDefault),
    enabled: flag(key.enabled),
    created_at: key.createdAt,
    expires_at: key.expiresAt,
    deleted_at: key.deletedAt,
    destroy_at: key.destroyAt,
    domain_version: key.domainVersion,
    encryptions: key.encryptions,
    material: key.material,
  }
}

export function importSessionFromColumns(row: ImportSessionsTable): ImportSessionRow {
  return {
    keyId: row.key_id,
    appId: row.app_id,
    tokenId: row.token_id,
    wrapping: bytes(row.wrapping),
    domainVersion: row.domain_version,
    expiresAt: row.expires_at,
  }
}

export function importSessionToColumns(session: ImportSessionRow): ImportSessionsTable {
  return {
    key_id: session.keyId,
    app_id: session.appId,
    token_id: session.tokenId,
    wrapping: session.wrapping,
    domain_version: session.domainVersion,
    expires_at: session.expiresAt,
  }
}

export function auditFromColumns(row: Selectable<AuditTable>): StoredAuditRow {
  return {
    seq: row.seq,
    at: row.at,
    actor: row.actor,
    action: row.action,
    object: row.object,
    result: row.result,
    requestId: row.request_id,
    detail: row.detail,
  }
}

export function domainKeyToColumns(row: DomainKeyRow): DomainKeysTable {
  return {
    version: row.version,
    root_key_id: row.rootKeyId,
    wrapped: row.wrapped,
    check_value: row.checkValue,
    created_at: row.createdAt,
    active: flag(row.active),
  }
}

export function domainKeyFromColumns(row: DomainKeysTable): DomainKeyRow {
  return {
    version: row.version,
    rootKeyId: row.root_key_id,
    wrapped: bytes(row.wrapped),
    checkValue: row.check_value,
    createdAt: row.created_at,
    active: row.active === 1,
  }
}

export function auditToColumns(row: AuditRow): Omit<Selectable<AuditTable>, 'seq'> {
  return {
    at: row.at,
    actor: row.actor,
    action: row.action,
    object: row.object,
    result: row.result,
    request_id: row.requestId,
    detail: row.detail ?? null,
  }
}
