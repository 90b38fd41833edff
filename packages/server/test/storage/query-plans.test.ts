// Every operation that a request or a regular job waits for must find its rows by an index: no plan may read a whole table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { Client, type Pool } from 'pg'
import { TEST_ROW_KEYS } from '@vouchsafe/testkit/databases'
import { testDatabase } from '@vouchsafe/testkit/postgres'
import { migrate } from '../../src/storage/migrations/migrate.ts'
import {
  type Args,
  type Db,
  type Dialect,
  type StorageOperation,
  type OperationName,
  operationContext,
} from '../../src/storage/operation.ts'
import { operations } from '../../src/storage/operations/index.ts'
import { connectionConfig } from '../../src/storage/postgres/connection.ts'
import { kyselyOverPostgres } from '../../src/storage/postgres/dialect.ts'
import { RowAuthenticator } from '../../src/storage/row-authenticator.ts'
import { finishWrite } from '../../src/storage/operations/finish-write.ts'
import { WriterNumbers } from '../../src/storage/writer-numbers.ts'
import { kyselyOverSqlite } from '../../src/storage/sqlite/dialect.ts'
import { akAuthorityRow, akCertificateRow, akEnrolmentRow } from '../support/attestation-key-rows.ts'
import {
  apiKeyRow,
  appRow,
  auditRow,
  importSessionRow,
  keyRow,
  quotePolicyRow,
  rotationWebhookRow,
  secretRow,
  secretVersionRow,
  simulatedPkiRow,
} from '../support/rows.ts'
import { certificateRow, crlRow } from '../support/certificate-rows.ts'
import { baselineRow, policyRow } from '../support/policy-rows.ts'
import { signingKeyRow, userCredentialRow } from '../support/authority-rows.ts'

const authenticator = new RowAuthenticator()
authenticator.use(TEST_ROW_KEYS)
const SERVICES = { authenticator, numbers: new WriterNumbers('test') }

/** Operations whose work must not grow with the store, with arguments of every kind of query they make. */
const CALLS: { [K in OperationName]?: Args<K>[] } = {
  findApp: [{ id: 'a' }],
  updateApp: [{ id: 'a', set: { enabled: true }, at: 1, audit: null }],
  listApps: [
    { after: null, limit: 10 },
    { after: 'a', limit: 10 },
  ],
  insertKey: [{ key: keyRow(), limit: 10, audit: null }],
  findKey: [{ id: 'a' }, { id: 'a', appId: 'b' }],
  listKeys: [
    { appId: 'a', after: null, limit: 10 },
    { appId: 'a', after: { createdAt: 1, id: 'a' }, limit: 10 },
  ],
  listDeletedKeys: [
    { appId: null, after: null, limit: 10 },
    { appId: null, after: { createdAt: 1, id: 'a' }, limit: 10 },
    { appId: 'a', after: null, limit: 10 },
    { appId: 'a', after: { createdAt: 1, id: 'a' }, limit: 10 },
  ],
  setKeyEnabled: [{ appId: 'a', id: 'a', enabled: true, at: 1, audit: null }],
  updateKey: [{ appId: 'a', id: 'a', set: { alias: '' }, at: 1, audit: null }],
  deleteKeys: [
    { appId: 'app', id: 'key', deletedAt: 1, destroyAt: 2, audit: null },
    { appId: 'app', id: null, deletedAt: 1, destroyAt: 2, audit: null },
  ],
  restoreKey: [{ id: 'key', appId: null, at: 1, audit: null }],
  destroyDueKeys: [{ now: 5, limit: 10, audit: null }],
  addEncryptions: [{ counts: [['key', 1]] }],
  keyStatistics: [{ now: 1, soon: 2 }],
  putImportSession: [{ session: importSessionRow(), audit: null }],
  findImportSession: [{ keyId: 'key' }],
  completeImport: [{ appId: 'app', keyId: 'key', tokenId: 't', material: new Uint8Array(1), domainVersion: 1, at: 1, audit: null }],
  deleteExpiredImportSessions: [{ now: 1 }],
  purgeReplayRecords: [{ before: 1, limit: 10 }],
  readChanges: [{ after: 1, limit: 10 }],
  latestChange: [undefined],
  pruneChanges: [{ before: 1 }],
  appendAudit: [{ rows: [auditRow()] }],
  appendTrailBatch: [{ writer: 'process/calls', seq: 0, at: 1, root: Buffer.alloc(32).toString('base64'), count: 1 }],
  growTrail: [{ limit: 10 }],
  trailHead: [{ epoch: null }, { epoch: 1 }],
  keepCheckpoint: [{ epoch: 1, size: 1, checkpoint: 'note' }],
  readTrail: [{ epoch: 1, from: 0, limit: 10 }],
  trailRows: [{ epoch: 1, from: 0, until: 10 }],
  trailTile: [{ epoch: 1, level: 0, number: 0 }],
  compareTrail: [
    { table: 'keys', side: 'rows', after: null, limit: 10 },
    { table: 'keys', side: 'entries', after: null, limit: 10 },
  ],
  beginTrailWriter: [{ audit: auditRow({ at: 1 }), calls: 'writer/calls' }],
  closeGoneWriters: [{ before: 1, at: 1 }],
  rotateApiKey: [{ apiKey: apiKeyRow({ appId: 'app' }), othersUntil: 5, limit: 10, at: 1, audit: null }],
  deleteEnrollToken: [{ id: 'a', audit: null }],
  deleteExpiredEnrollTokens: [{ before: 1 }],
  queryAudit: [{ filter: { since: 1, until: 2 }, limit: 10 }],
  domainKeyRevision: [undefined],
  isRestoring: [undefined],
  findDefaultKeyId: [{ appId: 'app' }],
  insertSecret: [
    { secret: secretRow({ keyId: 'external' }), version: secretVersionRow(), limit: 10, audit: null },
    { secret: secretRow({ keyId: 'external' }), version: secretVersionRow(), limit: 10, audit: null },
  ],
  findSecret: [{ appId: 'app', name: 'name' }],
  findSecretValue: [
    { appId: 'app', name: 'name', version: null },
    { appId: 'app', name: 'name', version: 1 },
  ],
  updateSecretDescription: [
    { appId: 'app', name: 'name', description: '', audit: null },
    { appId: 'app', name: 'other', description: '', audit: null },
  ],
  putSecretVersion: [
    { secretId: 'secret', keyGeneration: 1, version: secretVersionRow({ version: 2 }), pruneTo: 1, audit: null, pruneAudit: null },
  ],
  listSecrets: [
    { appId: 'app', after: null, limit: 10 },
    { appId: 'app', after: { createdAt: 1, id: 'a' }, limit: 10 },
  ],
  listSecretVersions: [
    { appId: 'app', name: 'name', before: null, limit: 10 },
    { appId: 'app', name: 'name', before: 2, limit: 10 },
  ],
  countDependentSecrets: [{ keyIds: ['external', 'key'] }],
  secretStatistics: [undefined],
  insertQuotePolicy: [{ policy: quotePolicyRow(), limit: 10, audit: null }],
  findQuotePolicy: [{ appId: 'app', id: 'policy' }],
  listQuotePolicies: [
    { appId: null, after: null, limit: 10 },
    { appId: null, after: { createdAt: 1, id: 'a' }, limit: 10 },
    { appId: 'app', after: null, limit: 10 },
    { appId: 'app', after: { createdAt: 1, id: 'a' }, limit: 10 },
  ],
  deleteQuotePolicy: [{ id: 'policy', audit: null }],
  findCollateral: [{ platform: 'SGX' }],
  findSimulatedPki: [{ id: 'sgx' }],
  insertSimulatedPki: [{ row: simulatedPkiRow() }],
  requestSecretRotation: [{ appId: 'app', name: 'name', at: 1, audit: null }],
  claimSecretRotation: [
    { now: 2, leaseUntil: 3, rotationId: 'r', exceptApps: ['other'] },
    { now: 4, leaseUntil: 5, rotationId: 'r', exceptApps: [] },
  ],
  readSecretVersions: [{ secretId: 'secret', after: 0, limit: 10 }],
  failSecretRotation: [{ secretId: 'secret', rotationId: 'r', at: 1, failure: '', dueAt: 2 }],
  completeSecretRotation: [
    {
      secretId: 'secret',
      rotationId: 'r',
      currentVersion: 2,
      keyGeneration: 1,
      dataKey: new Uint8Array(1),
      domainVersion: 1,
      versions: [secretVersionRow({ version: 2 })],
      newVersion: secretVersionRow({ version: 3 }),
      pruneTo: 1,
      at: 1,
      nextRotationAt: 2,
      audit: null,
      pruneAudit: null,
    },
  ],
  restoreSecret: [{ appId: 'app', name: 'name', audit: null }],
  scheduleSecretDeletion: [{ appId: 'app', name: 'name', deletedAt: 1, destroyAt: 2, audit: null }],
  destroySecret: [{ appId: 'app', name: 'name', at: 1, audit: null }],
  destroyDueSecrets: [{ now: 5, limit: 10, audit: null }],
  putRotationWebhook: [{ webhook: rotationWebhookRow(), audit: null }],
  findRotationWebhook: [{ appId: 'app' }],
  deleteRotationWebhook: [{ appId: 'app', audit: null }],
  insertUserCredential: [
    { credential: userCredentialRow(), limit: 10, replaces: null, audit: null },
    {
      credential: userCredentialRow({ id: 'other', fingerprint: new Uint8Array([2]) }),
      limit: 10,
      replaces: { id: 'credential', expiresAt: 1, seal: new Uint8Array(1), domainVersion: 1 },
      audit: null,
    },
  ],
  findUserCredential: [{ fingerprint: new Uint8Array([1]) }],
  listUserCredentials: [
    { userId: null, after: null, limit: 10 },
    { userId: 'user', after: 'a', limit: 10 },
  ],
  deleteUserCredential: [{ id: 'credential', at: 1, audit: null }],
  deleteExpiredUserCredentials: [{ now: 1 }],
  insertSigningKey: [{ row: signingKeyRow(), audit: null }],
  retireSigningKey: [{ name: 'FSK', version: 1, at: 1, audit: null }],
  instanceId: [{ candidate: 'a', at: 1 }],
  insertUsedNonces: [{ rows: [{ digest: new Uint8Array([1]), expiresAt: 1 }] }],
  purgeUsedNonces: [{ now: 1, limit: 10 }],
  insertCertificate: [{ row: certificateRow(), limit: 10, audit: null }],
  listCertificates: [{ userId: 'user' }],
  updateCertificate: [{ row: certificateRow({ version: 2 }), audit: null }],
  outdatedCertificates: [
    { keyVersion: 2, after: null, limit: 10 },
    { keyVersion: 2, after: 'a', limit: 10 },
  ],
  putCrl: [
    { row: crlRow(), limit: 10, audit: null },
    { row: crlRow({ version: 2 }), limit: 10, audit: null },
  ],
  listCrls: [{ userId: 'user' }],
  outdatedCrls: [{ keyVersion: 2, after: 'a', limit: 10 }],
  replaceRowSignature: [{ table: 'crls', id: 'crl', signature: new Uint8Array(1), by: { signature: new Uint8Array(1), keyVersion: 1 } }],
  markRowAltered: [{ table: 'crls', id: 'crl', signature: new Uint8Array([3, 0, 4]), at: 1 }],
  certificateStatistics: [{ now: 1, soon: 2 }],
  deleteCertificates: [{ userId: 'user', ids: ['certificate'], type: null, at: 1, audit: null }],
  deleteCrls: [{ userId: 'user', ids: null, at: 1, audit: null }],
  insertPolicy: [{ row: policyRow(), limit: 10, audit: null }],
  listPolicies: [{ userId: 'user' }],
  readPolicies: [
    { userId: 'user', policyIds: null },
    { userId: 'user', policyIds: ['policy'] },
  ],
  updatePolicy: [{ row: policyRow({ version: 2 }), audit: null }],
  outdatedPolicies: [
    { keyVersion: 2, after: null, limit: 10 },
    { keyVersion: 2, after: 'a', limit: 10 },
  ],
  deletePolicies: [{ userId: 'user', policyIds: ['policy'], attesterType: null, at: 1, audit: null }],
  insertBaseline: [{ row: baselineRow(), content: { content: '', digests: new Uint8Array() }, limit: 10, maxDigestBytes: 10, audit: null }],
  listBaselines: [{ userId: 'user' }],
  readBaselineContent: [{ id: 'row', version: 1 }],
  readBaselineDigests: [{ id: 'row', version: 1 }],
  updateBaseline: [
    { row: baselineRow({ version: 2 }), content: { content: '', digests: new Uint8Array() }, maxDigestBytes: 10, audit: null },
  ],
  outdatedBaselines: [{ keyVersion: 2, after: 'a', limit: 10 }],
  insertAkAuthority: [{ row: akAuthorityRow(), audit: null }],
  listAkAuthorities: [{ userId: 'user' }],
  insertAkEnrolment: [{ row: akEnrolmentRow(), limit: 10, audit: null }],
  findAkEnrolment: [{ userId: 'user', ekDigest: 'ek' }],
  listAkEnrolments: [{ userId: 'user', after: 'a', limit: 10 }],
  insertAkCertificate: [{ row: akCertificateRow(), enrolled: true, limit: 10, audit: null }],
  findAkCertificate: [{ userId: 'user', serialNumber: '01' }],
  listAkCertificates: [
    { userId: 'user', nodeId: null, after: 'a', limit: 10 },
    { userId: 'user', nodeId: 'node', after: null, limit: 10 },
  ],
  listRevokedAkCertificates: [{ userId: 'user', now: 1 }],
  revokeAkCertificates: [
    { userId: 'user', of: { serialNumber: '01' }, reason: '', at: 1, audit: null },
    { userId: 'user', of: { nodeId: 'node' }, reason: '', at: 1, audit: null },
  ],
  deleteAkEnrolment: [{ userId: 'user', ekDigest: 'ek', reason: '', at: 1, audit: null }],
  purgeAkCertificates: [{ before: 10_000, limit: 10 }],
  deleteBaselines: [{ userId: 'user', ids: ['row'], attesterType: null, at: 1, audit: null }],
}

async function runAll(db: Db, dialect: Dialect, before: (name: OperationName) => void): Promise<void> {
  for (const [name, calls] of Object.entries(CALLS) as [OperationName, unknown[]][]) {
    before(name)
    const operation = operations[name] as StorageOperation<unknown, unknown>
    for (const args of calls) {
      const context = operationContext(dialect, SERVICES)
      await operation.run(db, args, context)
      if (operation.mode === 'write') await finishWrite(db, context, name)
    }
  }
}

/** What both databases need to get past the first statement of each operation. */
async function seed(db: Db, dialect: Dialect): Promise<void> {
  const defaultKey = keyRow({ id: 'external', origin: 'external', material: null })
  const args = { app: appRow(), apiKey: apiKeyRow({ id: 'first' }), defaultKey, limit: 10, audit: null }
  await operations.insertApp.run(db, args, operationContext(dialect, SERVICES))
}

test('no operation reads a whole table (sqlite)', async () => {
  using database = new DatabaseSync(':memory:')
  const db = kyselyOverSqlite(database)
  await migrate(db, 'sqlite')
  await seed(db, 'sqlite')
  const prepare = database.prepare.bind(database)
  let current = ''
  let explained = 0
  const scans: string[] = []
  database.prepare = (sql, options) => {
    for (const { detail } of prepare(`explain query plan ${sql}`).all()) {
      explained++
      const plan = String(detail)
      if (plan.startsWith('SCAN') && !allowed(current, plan)) scans.push(`${current}: ${plan}: ${sql}`)
    }
    return prepare(sql, options)
  }
  await runAll(db, 'sqlite', (name) => (current = name))
  assert.ok(explained > 30)
  assert.deepEqual(scans, [])
})

/** A page in the order of its index is no scan of the table, nor are constants and subqueries of bounded size. */
function allowed(name: string, plan: string): boolean {
  if (name === 'listApps' || name === 'listUserCredentials') return true
  // A row for each epoch, each server, each row of a page: few.
  if (/^SCAN (trail_heads|servers)$|^SCAN \d+-ROW VALUES CLAUSE$/.test(plan)) return true
  if (name === 'compareTrail' && plan.includes('sqlite_autoindex_')) return true
  return /USING (COVERING )?INDEX (keys_(deleted|statistics)|secrets_statistics|certificates_by_expiry|crls_by_next_update)$|CONSTANT ROW|^SCAN (counts|given)$|^SCAN old USING/.test(
    plan,
  )
}

test('no operation reads a whole table (postgres)', async () => {
  await using store = await testDatabase()
  const client = new Client(connectionConfig(store.url))
  await client.connect()
  const made = kyselyOverPostgres({ connect: async () => Object.assign(client, { release() {} }) } as unknown as Pool)
  await migrate(made, 'postgres')
  await seed(made, 'postgres')
  // An empty table is always read whole unless that is forbidden; what still is read whole has no index that serves.
  await client.query('set enable_seqscan = off')
  let current = ''
  let explained = 0
  const scans: string[] = []
  const query = async (sql: string, parameters: unknown[]) => {
    if (/^(select|with|update|delete)/i.test(sql) && !sql.includes('pg_')) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${sql}`, parameters)
      for (const { 'QUERY PLAN': plan } of rows) {
        explained++
        if (plan.includes('Seq Scan')) scans.push(`${current}: ${plan}: ${sql}`)
      }
    }
    return client.query(sql, parameters)
  }
  const pool = { connect: async () => ({ query, release() {} }) } as unknown as Pool
  await runAll(kyselyOverPostgres(pool), 'postgres', (name) => (current = name))
  await client.end()
  assert.ok(explained > 30)
  assert.deepEqual(scans, [])
})
