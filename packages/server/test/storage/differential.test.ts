// The two databases against each other: any sequence of operations gives the same results on both.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { Client } from 'pg'
import { testStore } from '@vouchsafe/testkit/databases'
import { SEALED_TABLE_NAMES, type Storage, StorageError, type TrailEntrySummary } from '../../src/storage/index.ts'
import type { Args, OperationName } from '../../src/storage/operation.ts'
import { TABLES } from '../../src/storage/tables/index.ts'
import { apiKeyRow, appRow, auditRow, importSessionRow, keyRow } from '../support/rows.ts'
import { attestationKeyCalls } from '../support/attestation-key-calls.ts'
import { quoteCalls } from '../support/quote-calls.ts'
import { authorityCalls } from '../support/authority-calls.ts'
import { certificateCalls } from '../support/certificate-calls.ts'
import { policyCalls } from '../support/policy-calls.ts'
import { secretCalls } from '../support/secret-calls.ts'

// Few of each, so that operations meet.
const appId = fc.constantFrom('app', 'B', 'ä')
const keyId = fc.constantFrom('a', 'b', 'B', 'é', 'e', '_')
const serverId = fc.constantFrom('one', 'Two')
const tokenId = fc.constantFrom('token', 'other')
const time = fc.integer({ min: 0, max: 12 })
const limit = fc.integer({ min: 0, max: 4 })
const text = fc.constantFrom('', 'x', 'ünï ☃ 𝄞', "it's; --", '%_\\')
const bytes = fc.uint8Array({ maxLength: 5 })
const audit = fc.option(fc.record({ at: time, object: text, detail: fc.option(text) }).map(auditRow))
const position = fc.option(fc.record({ createdAt: time, id: keyId }))
const stamp = fc.oneof(time, fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_003 }))
const fingerprint = fc.constantFrom(1, 2).map((n) => new Uint8Array(8).fill(n))
const fences = fc.array(fc.tuple(appId, stamp), { maxLength: 4 })

const sealedTable = fc.constantFrom(...SEALED_TABLE_NAMES)
const enrollToken = fc.record({ id: tokenId, label: text, createdAt: time, expiresAt: time }).map((token) => ({
  ...token,
  tokenHash: new TextEncoder().encode(token.id),
}))

const key = fc
  .record({
    id: keyId,
    appId,
    origin: fc.constantFrom('internal' as const, 'external' as const),
    usage: fc.constantFrom('encrypt' as const, 'sign' as const, null),
    alias: text,
    enabled: fc.boolean(),
    createdAt: time,
    expiresAt: fc.option(time),
    material: fc.option(bytes),
  })
  .map(keyRow)

type Call = { [K in OperationName]: { name: K; args: Args<K> } }[OperationName]

function call<K extends OperationName>(name: K, args: fc.Arbitrary<Args<K>>): fc.Arbitrary<Call> {
  return args.map((value) => ({ name, args: value }) as Call)
}

const calls: fc.Arbitrary<Call>[] = [
  call('listDomainKeys', fc.constant(undefined)),
  call(
    'insertDomainKey',
    fc.record({
      row: fc.record({
        version: limit,
        rootKeyId: text,
        wrapped: bytes,
        checkValue: text,
        createdAt: time,
        active: fc.boolean(),
        mac: bytes,
      }),
      at: time,
      audit,
    }),
  ),
  call(
    'insertApp',
    fc.record({ id: appId, limit, audit, token: fc.option(tokenId) }).map(({ id, token, ...rest }) => ({
      ...(token !== null && { tokenHash: new TextEncoder().encode(token) }),
      app: appRow({ id }),
      apiKey: apiKeyRow({ id: `${id} api key`, appId: id }),
      defaultKey: keyRow({ id: `${id} default`, appId: id, isDefault: true }),
      ...rest,
    })),
  ),
  call('findApp', fc.record({ id: appId })),
  call(
    'updateApp',
    fc.record({
      id: appId,
      set: fc.record({ enabled: fc.boolean(), strictSignature: fc.boolean(), acceptUpperCase: fc.boolean() }, { requiredKeys: [] }),
      at: time,
      audit,
    }),
  ),
  call('domainKeyRevision', fc.constant(undefined)),
  call('activateDomainKey', fc.record({ version: limit, was: bytes, mac: bytes, at: time })),
  call('serversBehind', fc.record({ revision: limit })),
  call(
    'rewrapDomainKeys',
    fc.record({
      from: text,
      to: text,
      wrapped: fc.uniqueArray(fc.record({ version: limit, wrapped: bytes, mac: bytes }), {
        selector: ({ version }) => version,
        maxLength: 2,
      }),
      at: time,
      audit,
    }),
  ),
  call('retireDomainKeys', fc.record({ below: limit, at: time, audit })),
  call('countSealed', fc.record({ below: limit })),
  call('readSealed', fc.record({ table: sealedTable, below: limit, after: fc.constant(null), limit })),
  call(
    'replaceSealed',
    fc.record({
      table: fc.constantFrom('keys' as const, 'api_keys' as const),
      items: fc.array(fc.record({ key: keyId.map((id) => [id]), was: bytes, blob: bytes, domainVersion: limit }), { maxLength: 3 }),
    }),
  ),
  call('insertEnrollToken', fc.record({ token: enrollToken, limit, audit })),
  call('listEnrollTokens', fc.record({ before: position, limit })),
  call('deleteEnrollToken', fc.record({ id: tokenId, audit })),
  call('deleteExpiredEnrollTokens', fc.record({ before: time })),
  call(
    'rotateApiKey',
    fc.record({ appId, id: keyId, othersUntil: time, limit, at: time, audit }).map(({ appId, id, ...rest }) => ({
      apiKey: apiKeyRow({ id: `${id} rotated`, appId }),
      ...rest,
    })),
  ),
  call(
    'queryAudit',
    fc.record({
      filter: fc.record({ object: text, since: time, until: time, actor: fc.constant('app') }, { requiredKeys: [] }),
      limit,
    }),
  ),
  call('isRestoring', fc.constant(undefined)),
  call('listApps', fc.record({ after: fc.option(appId), limit })),
  call('countApps', fc.constant(undefined)),
  ...Array.from({ length: 4 }, () => call('insertKey', fc.record({ key, limit, audit }))),
  call('findKey', fc.record({ id: keyId, appId }, { requiredKeys: ['id'] })),
  call('listKeys', fc.record({ appId, after: position, limit })),
  call('listDeletedKeys', fc.record({ appId: fc.option(appId), after: position, limit })),
  call('setKeyEnabled', fc.record({ appId, id: keyId, enabled: fc.boolean(), at: time, audit })),
  call(
    'updateKey',
    fc.record({
      appId,
      id: keyId,
      set: fc.record({ alias: text, expiresAt: fc.option(time) }, { requiredKeys: [] }),
      at: time,
      audit,
    }),
  ),
  ...Array.from({ length: 2 }, () =>
    call('deleteKeys', fc.record({ appId, id: fc.option(keyId), deletedAt: time, destroyAt: time, audit })),
  ),
  call('restoreKey', fc.record({ id: keyId, appId: fc.option(appId), at: time, audit })),
  call('destroyDueKeys', fc.record({ now: time, limit, audit })),
  call('addEncryptions', fc.record({ counts: fc.array(fc.tuple(keyId, time), { maxLength: 4 }) })),
  call('keyStatistics', fc.record({ now: time, soon: time })),
  ...Array.from({ length: 2 }, () =>
    call(
      'putImportSession',
      fc
        .record({ keyId, appId, tokenId, wrapping: bytes, expiresAt: time })
        .map((row) => ({ session: importSessionRow(row), audit: auditRow() })),
    ),
  ),
  call('findImportSession', fc.record({ keyId })),
  call('completeImport', fc.record({ appId, keyId, tokenId, material: bytes, domainVersion: limit, at: time, audit })),
  call('deleteExpiredImportSessions', fc.record({ now: time })),
  call('registerServer', fc.record({ id: serverId, at: time, recordLimit: fc.integer({ min: 0, max: 8 }) })),
  call('heartbeat', fc.record({ id: serverId, domainRevision: limit }, { requiredKeys: ['id'] })),
  call('expelServer', fc.record({ id: serverId, heartbeat: fc.integer({ min: 0, max: 2 }) })),
  call('unregisterServer', fc.record({ id: serverId, fences })),
  call('raiseFences', fc.record({ serverId, epoch: fc.integer({ min: 0, max: 4 }), fences })),
  call('insertReplayRecords', fc.record({ serverId, records: fc.array(fc.tuple(appId, stamp, fingerprint), { maxLength: 6 }) })),
  call(
    'saveReplayWindows',
    fc.record({ serverId, windows: fc.array(fc.record({ appId, newest: stamp, pages: bytes }), { maxLength: 3 }) }),
  ),
  call('purgeReplayRecords', fc.record({ before: stamp, limit: fc.constant(100) })),
  call('readChanges', fc.record({ after: limit, limit })),
  call('latestChange', fc.constant(undefined)),
  call('pruneChanges', fc.record({ before: time })),
  call(
    'appendAudit',
    fc.record({
      rows: fc.array(
        audit.map((row) => row ?? auditRow()),
        { maxLength: 3 },
      ),
    }),
  ),
  ...authorityCalls.map(({ name, args }) => call(name, args as fc.Arbitrary<never>)),
  ...certificateCalls.map(({ name, args }) => call(name, args as fc.Arbitrary<never>)),
  ...policyCalls.map(({ name, args }) => call(name, args as fc.Arbitrary<never>)),
  ...attestationKeyCalls.map(({ name, args }) => call(name, args as fc.Arbitrary<never>)),
  ...secretCalls.map(({ name, args }) => call(name, args as fc.Arbitrary<never>)),
  ...quoteCalls.map(({ name, args }) => call(name, args as fc.Arbitrary<never>)),
]

/** What remains at the end, through the port. */
const everything: Call[] = [
  { name: 'listDomainKeys', args: undefined },
  { name: 'domainKeyRevision', args: undefined },
  { name: 'listEnrollTokens', args: { before: null, limit: 100 } },
  { name: 'listApps', args: { after: null, limit: 100 } },
  ...['app', 'B', 'ä'].map((id): Call => ({ name: 'listKeys', args: { appId: id, after: null, limit: 100 } })),
  { name: 'listDeletedKeys', args: { appId: null, after: null, limit: 100 } },
  ...['app', 'B', 'ä'].map((id): Call => ({ name: 'listSecrets', args: { appId: id, after: null, limit: 100 } })),
  ...['a', 'B', 'ä'].map((id): Call => ({ name: 'readSecretVersions', args: { secretId: id, after: 0, limit: 100 } })),
  { name: 'secretStatistics', args: undefined },
  { name: 'listQuotePolicies', args: { appId: null, after: null, limit: 100 } },
  ...['SGX 1', 'SGX 2', 'TDX 1', 'TDX 2'].map((platform): Call => ({ name: 'findCollateral', args: { platform } })),
  { name: 'listUserCredentials', args: { userId: null, after: null, limit: 100 } },
  { name: 'listSigningKeys', args: undefined },
  ...['u', "it's; --"].map((userId): Call => ({ name: 'listCertificates', args: { userId } })),
  ...['u', "it's; --"].map((userId): Call => ({ name: 'listCrls', args: { userId } })),
  ...['u', "it's; --"].map((userId): Call => ({ name: 'readPolicies', args: { userId, policyIds: null } })),
  ...['u', "it's; --"].map((userId): Call => ({ name: 'listBaselines', args: { userId } })),
  ...['u', "it's; --"].map((userId): Call => ({ name: 'listAkAuthorities', args: { userId } })),
  ...['u', "it's; --"].map((userId): Call => ({ name: 'listAkEnrolments', args: { userId, after: null, limit: 100 } })),
  ...['u', "it's; --"].map((userId): Call => ({ name: 'listAkCertificates', args: { userId, nodeId: null, after: null, limit: 100 } })),
  { name: 'purgeUsedNonces', args: { now: 100, limit: 100 } },
  { name: 'readChanges', args: { after: 0, limit: 1_000 } },
  { name: 'queryAudit', args: { filter: {}, limit: 1_000 } },
  { name: 'registerServer', args: { id: 'last', at: 1, recordLimit: 100 } },
]

/** Changes that nobody recorded are dated by the clock of the machine. */
function withoutClock(entries: TrailEntrySummary[]): TrailEntrySummary[] {
  return entries.map((entry) => (entry.actor === 'system' ? { ...entry, at: 0 } : entry))
}

async function perform(storage: Storage, { name, args }: Call): Promise<unknown> {
  try {
    const result = await (storage[name] as (args: unknown) => Promise<unknown>)(args)
    return name === 'queryAudit' ? withoutClock(result as TrailEntrySummary[]) : result
  } catch (error) {
    return error instanceof StorageError ? error.code : error
  }
}

const FULL = process.env['VOUCHSAFE_TEST_FULL'] !== undefined

/** What can be emptied: rows before those that they refer to. */
const EMPTIED = TABLES.map(({ name }) => name as string)
  // Nor the trail: a process remembers its numbers in it.
  .filter((name) => !['counters', 'schema_migrations'].includes(name) && !name.startsWith('trail_'))
  .toReversed()

test('any sequence of operations gives the same results on SQLite and PostgreSQL', { timeout: FULL ? 1_200_000 : 110_000 }, async () => {
  await using sqliteStore = await testStore('sqlite')
  await using postgresStore = await testStore('postgres')
  const [sqlite, postgres] = [await sqliteStore.open(), await postgresStore.open()]
  using database = new DatabaseSync(join(sqliteStore.location.dataDir, 'vouchsafe.db'), { timeout: 5_000 })
  const client = new Client({ connectionString: postgresStore.location.databaseUrl })
  await client.connect()

  async function empty(): Promise<void> {
    for (const table of EMPTIED) database.exec(`delete from ${table}`)
    database.exec(`update counters set value = 0`)
    await client.query(`truncate ${EMPTIED.join(', ')} restart identity; update counters set value = 0`)
  }

  const sequences = fc.array(fc.oneof(...calls), { minLength: 20, maxLength: 60, size: 'max' })
  const property = fc.asyncProperty(sequences, async (sequence) => {
    await empty()
    for (const one of [...sequence, ...everything]) {
      const [here, there] = await Promise.all([perform(sqlite, one), perform(postgres, one)])
      assert.deepStrictEqual(here, there, one.name)
    }
  })
  try {
    await fc.assert(property, { numRuns: FULL ? 300 : 25 })
  } finally {
    await client.end()
  }
})
