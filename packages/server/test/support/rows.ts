// Rows for tests: plausible ones, of which a test states what matters to it.
import type {
  ApiKeyRow,
  AppRow,
  AuditRow,
  CollateralRow,
  ImportSessionRow,
  KeyRow,
  QuotePolicyRow,
  RotationWebhookRow,
  SecretRow,
  SecretVersionRow,
  SimulatedPkiRow,
  Storage,
} from '../../src/storage/index.ts'
import { apiKeys } from '../../src/storage/tables/api-keys.ts'
import { appWithoutCount } from '../../src/storage/tables/apps.ts'
import { collateral } from '../../src/storage/tables/collateral.ts'
import { importSessions } from '../../src/storage/tables/import-sessions.ts'
import { keys } from '../../src/storage/tables/keys.ts'
import { quotePolicies } from '../../src/storage/tables/quote-policies.ts'
import { rotationWebhooks } from '../../src/storage/tables/rotation-webhooks.ts'
import { secretVersion } from '../../src/storage/tables/secret-versions.ts'
import { secrets } from '../../src/storage/tables/secrets.ts'
import { simulatedPkis } from '../../src/storage/tables/simulated-pkis.ts'
import { plausibleRow } from './plausible-row.ts'

export function appRow(row: Partial<AppRow> = {}): AppRow {
  return plausibleRow(appWithoutCount, { id: 'app', enabled: true, acceptUpperCase: true, createdAt: 1_000 }, row)
}

export function apiKeyRow(row: Partial<ApiKeyRow> = {}): ApiKeyRow {
  return plausibleRow(apiKeys, { id: 'api-key', appId: 'app', sealed: new Uint8Array([1, 2, 3]), createdAt: 1_000 }, row)
}

export function keyRow(row: Partial<KeyRow> = {}): KeyRow {
  return plausibleRow(
    keys,
    {
      id: 'key',
      appId: 'app',
      spec: 'aes-256-gcm',
      origin: 'internal',
      usage: 'encrypt',
      enabled: true,
      createdAt: 2_000,
      expiresAt: 9_000,
      encryptions: 0,
      material: new Uint8Array([0, 255, 7]),
    },
    row,
  )
}

export function importSessionRow(row: Partial<ImportSessionRow> = {}): ImportSessionRow {
  return plausibleRow(
    importSessions,
    { keyId: 'key', appId: 'app', tokenId: 'token', wrapping: new Uint8Array([9, 8]), expiresAt: 5_000 },
    row,
  )
}

export function secretRow(row: Partial<SecretRow> = {}): SecretRow {
  return plausibleRow(
    secrets,
    {
      id: 'secret',
      appId: 'app',
      name: 'name',
      description: '',
      keyId: 'app-default',
      createdAt: 2_000,
      rotationInterval: '30d',
      nextRotationAt: 5_000,
      rotationDueAt: 5_000,
      rotationAttempts: 0,
    },
    row,
  )
}

export function secretVersionRow(row: Partial<SecretVersionRow> = {}): SecretVersionRow {
  return plausibleRow(secretVersion, { createdAt: 2_000, sealed: new Uint8Array([7, 0, 9]) }, row)
}

export function rotationWebhookRow(row: Partial<RotationWebhookRow> = {}): RotationWebhookRow {
  return plausibleRow(rotationWebhooks, { appId: 'app', url: 'https://example.com/', createdAt: 1_000 }, row)
}

export function quotePolicyRow(row: Partial<QuotePolicyRow> = {}): QuotePolicyRow {
  return plausibleRow(
    quotePolicies,
    { id: 'policy', appId: 'app', mrEnclave: '0A'.repeat(32), mrSigner: 'b0'.repeat(32), createdAt: 1_000 },
    row,
  )
}

export function collateralRow(row: Partial<CollateralRow> = {}): CollateralRow {
  return plausibleRow(
    collateral,
    { platform: 'SGX 00a067110000 processor', parts: new Uint8Array([1, 0, 2]), fetchedAt: 1_000, expiresAt: 2_000 },
    row,
  )
}

export function simulatedPkiRow(row: Partial<SimulatedPkiRow> = {}): SimulatedPkiRow {
  return plausibleRow(simulatedPkis, { id: 'sgx', createdAt: 1_000 }, row)
}

export function auditRow(row: Partial<AuditRow> = {}): AuditRow {
  return { at: 3_000, tenant: 'app', actor: 'app', action: 'Test', object: 'object', result: 'ok', requestId: 'request', ...row }
}

/** Stores an app with one API key and its default key, their ids made from the app's. */
export async function addApp(storage: Storage, id = 'app'): Promise<void> {
  await storage.insertApp({
    app: appRow({ id }),
    apiKey: apiKeyRow({ id: `${id}-api-key`, appId: id }),
    defaultKey: keyRow({ id: `${id}-default`, appId: id, isDefault: true, createdAt: 1_000, expiresAt: null }),
    limit: 10_000,
    audit: null,
  })
}

/** Stores a secret of an app that exists, with its current version. */
export async function addSecret(storage: Storage, row: Partial<SecretRow> = {}): Promise<SecretRow> {
  const secret = secretRow(row)
  const version = secretVersionRow({ version: secret.currentVersion })
  const outcome = await storage.insertSecret({ secret, version, limit: 10_000, audit: null })
  if (outcome !== 'created') throw new Error(outcome)
  return secret
}

/** Stores a key of an app that exists. */
export async function addKey(storage: Storage, row: Partial<KeyRow> = {}): Promise<KeyRow> {
  const key = keyRow(row)
  await storage.insertKey({ key, limit: 10_000, audit: null })
  return key
}

/** Stores many keys of an app that exists, a hundred at a time: on PostgreSQL they wait for each other, and waiting is bounded. */
export async function addKeys(storage: Storage, rows: readonly Partial<KeyRow>[]): Promise<void> {
  for (let from = 0; from < rows.length; from += 100) await Promise.all(rows.slice(from, from + 100).map((row) => addKey(storage, row)))
}
