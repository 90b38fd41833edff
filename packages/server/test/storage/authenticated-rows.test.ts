// Rows with MACs: what is altered is neither used nor made valid by a change, and nothing gets at such rows another way.
import assert from 'node:assert/strict'
import { createHmac, createSecretKey, hash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { TEST_ROW_KEYS, eachDatabase } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { changeRow, deleteRows, holdRow, insertRow } from '../../src/storage/authenticated-rows.ts'
import type { AlteredRow, RowKeys } from '../../src/storage/index.ts'
import { migrate } from '../../src/storage/migrations/migrate.ts'
import { operationContext } from '../../src/storage/operation.ts'
import { RowAuthenticator, type StoredRow, digestOf } from '../../src/storage/row-authenticator.ts'
import { kyselyOverSqlite } from '../../src/storage/sqlite/dialect.ts'
import { snakeCase } from '../../src/storage/table.ts'
import { apps } from '../../src/storage/tables/apps.ts'
import { importSessions } from '../../src/storage/tables/import-sessions.ts'
import { keys } from '../../src/storage/tables/keys.ts'
import { quotePolicies } from '../../src/storage/tables/quote-policies.ts'
import { MAC_TABLES } from '../../src/storage/tables/index.ts'
import { certificateRow, crlRow } from '../support/certificate-rows.ts'
import { userCredentialRow } from '../support/authority-rows.ts'
import { addApp, addKey, addKeys, appRow, auditRow, importSessionRow, keyRow, quotePolicyRow } from '../support/rows.ts'
import { WriterNumbers } from '../../src/storage/writer-numbers.ts'

const NOW = { at: 1, audit: null }
const ALTERED = { name: 'StorageError', code: 'altered', message: 'a row of the store was altered, and is not used' }

const key = (byte: number) => createSecretKey(Buffer.alloc(32, byte))

eachDatabase('without their keys no row is read or written, no change is recorded, and other tables are read', async ({ open }) => {
  await addApp(await open())
  const locked = await open()
  locked.authenticateWith({ current: 1, keys: [] })
  const sealed = { name: 'StorageError', code: 'internal' }
  await assert.rejects(locked.findApp({ id: 'app' }), sealed)
  await assert.rejects(locked.listApps({ after: null, limit: 5 }), sealed)
  await assert.rejects(addApp(locked, 'other'), sealed)
  await assert.rejects(locked.updateApp({ id: 'app', set: { enabled: false }, ...NOW }), sealed)
  await assert.rejects(locked.appendAudit({ rows: [auditRow()] }), sealed)
  assert.deepEqual(await locked.listDomainKeys(), [])
})

eachDatabase('an altered row is refused by name, left out of lists, never changed, and reported', async ({ open, location }) => {
  const reported: AlteredRow[] = []
  const storage = await open({ onAltered: (row) => reported.push(row) })
  await addApp(storage)
  await addKeys(
    storage,
    ['a', 'b', 'c', 'd'].map((id) => ({ id })),
  )
  await queryDatabase(location, `update keys set expires_at = null where id = 'b'`)
  await assert.rejects(storage.findKey({ id: 'b' }), ALTERED)
  await assert.rejects(storage.setKeyEnabled({ appId: 'app', id: 'b', enabled: false, ...NOW }), ALTERED)
  await assert.rejects(storage.findKey({ id: 'b' }), ALTERED)
  // A page is short only at the end of the list.
  const first = await storage.listKeys({ appId: 'app', after: null, limit: 3 })
  assert.deepEqual(
    first.map(({ id }) => id),
    ['a', 'c', 'd'],
  )
  const deleted = await storage.deleteKeys({ appId: 'app', id: null, deletedAt: 5, destroyAt: 5, audit: null })
  assert.deepEqual(deleted, ['a', 'c', 'd'])
  assert.ok(reported.length >= 5)
  for (const row of reported) assert.deepEqual(row, { table: 'keys', id: 'b' })
  await queryDatabase(location, `update keys set expires_at = 9000 where id = 'b'`)
  assert.deepEqual(await storage.findKey({ id: 'b' }), keyRow({ id: 'b' }))
})

eachDatabase('an altered row that its owner is shown comes marked, is not signed anew, and can be deleted or replaced', async (store) => {
  const { location } = store
  const reported: AlteredRow[] = []
  const storage = await store.open({ onAltered: (row) => reported.push(row) })
  const [row, crl] = [certificateRow(), crlRow()]
  const { id, userId } = row
  await storage.insertCertificate({ row, limit: 9, audit: null })
  await storage.putCrl({ row: crl, limit: 9, audit: null })
  for (const table of ['certificates', 'crls']) await queryDatabase(location, `update ${table} set name = 'altered'`)
  const listed = async () => [...(await storage.listCertificates({ userId })), ...(await storage.listCrls({ userId }))]
  assert.deepEqual(
    (await listed()).map(({ name, altered }) => [name, altered]),
    [
      ['altered', true],
      ['altered', true],
    ],
  )
  const [outdated] = await storage.outdatedCertificates({ keyVersion: 9, after: null, limit: 9 })
  assert.equal(outdated?.altered, true)
  const by = { signature: new Uint8Array([9]), keyVersion: 9 }
  await storage.replaceRowSignature({ table: 'certificates', id, signature: row.signature, by })
  await assert.rejects(storage.updateCertificate({ row: { ...row, version: row.version + 1 }, audit: null }), ALTERED)
  assert.equal((await storage.outdatedCertificates({ keyVersion: 9, after: null, limit: 9 })).length, 1)
  assert.ok(['certificates', 'crls'].every((table) => reported.some((each) => each.table === table)))
  // With the mark the row's MAC fails as before.
  await storage.markRowAltered({ table: 'certificates', id, signature: row.signature, at: 1 })
  await queryDatabase(location, 'update certificates set altered = 0')
  assert.equal((await storage.listCertificates({ userId }))[0]?.altered, true)
  const next = { ...crl, name: 'altered', version: crl.version + 1 }
  assert.equal(await storage.putCrl({ row: next, limit: 9, audit: null }), 'stored')
  assert.deepEqual(await storage.listCrls({ userId }), [next])
  assert.deepEqual(await storage.deleteCertificates({ userId, ids: [id], type: null, ...NOW }), [id])
  assert.deepEqual(await storage.listCertificates({ userId }), [])
})

eachDatabase('a credential that was altered is revoked all the same, and does not come back', async ({ open, location }) => {
  const storage = await open()
  const credential = userCredentialRow()
  const { fingerprint } = credential
  await storage.insertUser({ credential, limit: 9, audit: null })
  await queryDatabase(location, `update user_credentials set label = 'altered'`)
  assert.equal(await storage.findUserCredential({ fingerprint }), null)
  assert.deepEqual(await storage.deleteUserCredential({ id: 'credential', ...NOW }), ['credential'])
  await queryDatabase(location, `update user_credentials set label = ''`)
  assert.equal(await storage.findUserCredential({ fingerprint }), null)
})

eachDatabase('a row of another store, or of another place, is no row', async ({ open, location }) => {
  const storage = await open()
  for (const id of ['app', 'other']) await addApp(storage, id)
  await storage.insertQuotePolicy({ policy: quotePolicyRow(), limit: 5, audit: null })
  await queryDatabase(location, `update quote_policies set app_id = 'other'`)
  await assert.rejects(storage.findQuotePolicy({ appId: 'other', id: 'policy' }), ALTERED)
  assert.deepEqual(await storage.listQuotePolicies({ appId: 'other', after: null, limit: 5 }), [])
  assert.deepEqual(await storage.listQuotePolicies({ appId: null, after: null, limit: 5 }), [])
  const foreign = await open()
  foreign.authenticateWith({ current: 1_000, keys: [{ version: 1_000, key: key(9) }] })
  await assert.rejects(foreign.findApp({ id: 'app' }), ALTERED)
})

eachDatabase('what counts, or says who works on what, may change without a MAC', async ({ open, location }) => {
  const storage = await open()
  await addApp(storage)
  await addKey(storage, { id: 'a' })
  await storage.addEncryptions({ counts: [['a', 7]] })
  assert.equal((await storage.findKey({ id: 'a' }))!.encryptions, 7)
  await queryDatabase(location, `update apps set key_count = 100`)
  assert.deepEqual((await storage.findApp({ id: 'app' }))!.app, appRow())
})

eachDatabase(
  'rows under an old key verify, get new MACs without becoming new revisions, and hold the old key until then',
  async (store) => {
    const { open, location } = store
    const storage = await open()
    const old: RowKeys = { current: 1, keys: [{ version: 1, key: key(1) }] }
    const both: RowKeys = { current: 2, keys: [...old.keys, { version: 2, key: key(2) }] }
    for (const version of [1, 2]) {
      const row = {
        version,
        rootKeyId: 'root',
        wrapped: new Uint8Array(1),
        checkValue: '',
        createdAt: 1,
        active: true,
        mac: new Uint8Array(1),
      }
      await storage.insertDomainKey({ row, ...NOW })
    }
    storage.authenticateWith(old)
    await addApp(storage)
    await storage.insertQuotePolicy({ policy: quotePolicyRow(), limit: 5, audit: null })
    await storage.updateApp({ id: 'app', set: { strictSignature: true }, ...NOW })
    storage.authenticateWith(both)
    assert.deepEqual((await storage.findApp({ id: 'app' }))!.app, appRow({ strictSignature: true }))
    // The app, its API key and key, the policy and the app's manifest: blobs and MACs.
    assert.equal(await storage.countSealed({ below: 2 }), 5)
    const seen = async () => (await queryDatabase(location, 'select * from apps'))[0] as StoredRow
    const before = numbered(await seen())
    for (const table of ['keys', 'api_keys'] as const) {
      const items = await storage.readSealed({ table, below: 2, after: null, limit: 10 })
      const replaced = items.map(({ key: id, blob }) => ({ key: id, was: blob, blob, domainVersion: 2 }))
      assert.equal(await storage.replaceSealed({ table, items: replaced }), items.length)
    }
    assert.equal(await storage.retireDomainKeys({ below: 2, ...NOW }), 'in_use')
    for (const table of MAC_TABLES.keys()) await storage.reauthenticateRows({ table, below: 2, after: null, limit: 10 })
    assert.equal(await storage.countSealed({ below: 2 }), 0)
    const after = numbered(await seen())
    assert.deepEqual([after['revision'], after['mac_version']], [2, 2])
    assert.equal(digestOf(apps, after), digestOf(apps, before))
    assert.equal(await storage.retireDomainKeys({ below: 2, ...NOW }), 'retired')
    storage.authenticateWith({ current: 2, keys: both.keys.slice(1) })
    assert.equal((await storage.findApp({ id: 'app' }))!.app.strictSignature, true)
    // Nothing comes under the old key any more.
    storage.authenticateWith(old)
    await assert.rejects(addApp(storage, 'late'), { code: 'internal' })
  },
)

/** A row as the test's own connection returns it: PostgreSQL's long integers as text. */
function numbered(row: StoredRow): StoredRow {
  const texts = new Set(Object.entries(apps.stored).flatMap(([name, { type }]) => (type === 'text' ? [snakeCase(name)] : [])))
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'string' && !texts.has(name) ? Number(value) : value]),
  )
}

eachDatabase('an altered row stops the new MACs', async ({ open, location }) => {
  const storage = await open()
  await addApp(storage)
  await queryDatabase(location, `update apps set enabled = 0`)
  await assert.rejects(storage.reauthenticateRows({ table: 'apps', below: 2_000, after: null, limit: 10 }), ALTERED)
})

test('a transaction knows the rows that it changed, with their revisions and digests', async () => {
  using database = new DatabaseSync(':memory:')
  const db = kyselyOverSqlite(database)
  await migrate(db, 'sqlite')
  const authenticator = new RowAuthenticator()
  authenticator.use(TEST_ROW_KEYS)
  const context = operationContext('sqlite', { authenticator, numbers: new WriterNumbers() })
  const hold = () => holdRow(context, apps, db.selectFrom('apps').selectAll())
  await insertRow(db, context, apps, { ...appRow(), keyCount: 0 })
  await changeRow(db, context, apps, (await hold())!, { enabled: false })
  await deleteRows(db, context, apps, [(await hold())!])
  const [inserted, changed, deleted] = context.changedRows
  assert.equal(context.changedRows.length, 3)
  assert.match(inserted!.digest!, /^[0-9a-f]{64}$/)
  assert.notEqual(inserted!.digest, changed!.digest)
  assert.deepEqual(inserted, { table: 'apps', id: 'app', revision: 1, digest: inserted!.digest })
  assert.deepEqual(changed, { table: 'apps', id: 'app', revision: 2, digest: changed!.digest })
  assert.deepEqual(deleted, { table: 'apps', id: 'app', revision: 3, digest: null })
})

test('a MAC is over what the authenticator says, whatever was encoded before', () => {
  const number = (value: number) => Buffer.concat([Buffer.from([1]), doubleOf(value)])
  const text = (value: string) => Buffer.concat([Buffer.from([2]), countOf(value.length), Buffer.from(value)])
  const bytes = (value: Uint8Array) => Buffer.concat([Buffer.from([3]), countOf(value.length), value])
  const authenticator = new RowAuthenticator()
  authenticator.use(TEST_ROW_KEYS)
  const policy = { ...quotePolicies.unverified.toColumns(quotePolicyRow()), revision: 3 }
  const session = { ...importSessions.unverified.toColumns(importSessionRow()), revision: 1 }
  const { id, appId, mrEnclave, mrSigner, createdAt } = quotePolicyRow()
  const { keyId, appId: owner, tokenId, wrapping, domainVersion, expiresAt } = importSessionRow()
  const policyContent = [
    ...['vouchsafe row 1', 'quote_policies', 'id', 'app_id', 'mr_enclave', 'mr_signer', 'created_at'].map(text),
    ...[number(3), text(id), text(appId), text(mrEnclave), text(mrSigner), number(createdAt)],
  ]
  const sessionContent = [
    ...['vouchsafe row 1', 'import_sessions', 'key_id', 'app_id', 'token_id', 'expires_at'].map(text),
    ...[number(1), text(keyId), text(owner), text(tokenId), number(expiresAt)],
  ]
  const mac = (parts: Uint8Array[]) => createHmac('sha256', Buffer.alloc(32, 1)).update(Buffer.concat(parts)).digest('hex')
  for (let i = 0; i < 2; i++) {
    assert.equal(Buffer.from(authenticator.seal(quotePolicies, policy).mac).toString('hex'), mac([...policyContent, number(1_000)]))
    assert.equal(
      Buffer.from(authenticator.seal(importSessions, session).mac).toString('hex'),
      mac([...sessionContent, bytes(wrapping), number(domainVersion), number(1_000)]),
    )
    assert.equal(digestOf(importSessions, session), hash('sha256', Buffer.concat(sessionContent)))
  }
})

function doubleOf(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}

function countOf(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

test('no two rows are encoded alike, whatever moves between their columns', () => {
  const authenticator = new RowAuthenticator()
  authenticator.use(TEST_ROW_KEYS)
  const row = (set: object) => ({ ...keys.unverified.toColumns(keyRow()), revision: 1, ...set }) as StoredRow
  const macs = [
    {},
    { alias: 'a', spec: 'b' },
    { alias: '', spec: 'ab' },
    { alias: 'ab', spec: '' },
    { usage: null },
    { usage: '' },
    { padding: '' },
    { expires_at: null },
    { expires_at: 0 },
    { created_at: -1 },
    { created_at: 2 ** 40 },
    { material: null },
    { material: new Uint8Array() },
    { domain_version: 2 },
    { revision: 2 },
    // Longer than the room that encodings begin with.
    { material: new Uint8Array(100_000) },
  ].map((set) => Buffer.from(authenticator.seal(keys, row(set)).mac).toString('hex'))
  assert.equal(new Set(macs).size, macs.length)
  const sealed = authenticator.seal(keys, row({}))
  assert.ok(authenticator.verifies(keys, { ...sealed, encryptions: 5 }))
  assert.ok(!authenticator.verifies(keys, { ...sealed, mac_version: 1 }))
  assert.ok(!authenticator.verifies(keys, { ...sealed, mac: new Uint8Array(31) }))
})

eachDatabase('import sessions go with their keys, and may come again', async ({ open }) => {
  const storage = await open()
  await addApp(storage)
  const external = { id: 'key', origin: 'external' as const, material: null }
  for (let i = 0; i < 2; i++) {
    await addKey(storage, external)
    for (const tokenId of ['one', 'two']) {
      assert.equal(await storage.putImportSession({ session: importSessionRow({ tokenId }), audit: null }), 'stored')
      assert.deepEqual(await storage.findImportSession({ keyId: 'key' }), importSessionRow({ tokenId }))
    }
    await storage.deleteKeys({ appId: 'app', id: 'key', deletedAt: 5, destroyAt: 5, audit: null })
    assert.equal(await storage.findImportSession({ keyId: 'key' }), null)
  }
})

/** Plain statements on tables with MACs: a file, the table, and the columns that may be set. */
const PLAIN = [
  ['keys.ts', 'apps', ['key_count']],
  ['key-deletion.ts', 'apps', ['key_count']],
  ['secret-rotation.ts', 'secrets', ['rotation_id', 'rotation_lease_until', 'rotation_attempts']],
  // Overwritten right before the row is deleted, so that nothing of it stays.
  ['secret-deletion.ts', 'secrets', ['data_key']],
] as const

test('operations change tables with MACs by their helpers alone, but for columns that are excepted', () => {
  const folder = new URL('../../src/storage/operations/', import.meta.url)
  const found: unknown[] = []
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8')
    assert.doesNotMatch(source, /unverified/, `${file} reads or writes rows by itself`)
    for (const [statement, verb, table] of source.matchAll(/\.(insertInto|updateTable|deleteFrom)\(\s*'(\w+)'/g)) {
      if (!MAC_TABLES.has(table!)) continue
      assert.equal(verb, 'updateTable', `${file}: ${statement}`)
      const [, assigned] = /\.set\((?:\(\w+\) => \()?\{([^{}]*)\}/.exec(source.slice(source.indexOf(statement)))!
      found.push([file, table, [...assigned!.matchAll(/(?:^|,)\s*(\w+):/g)].map(([, column]) => column)])
    }
    for (const [statement, table, rest] of source.matchAll(/\b(?:insert into|update|delete from) (\w+)\b([^`]*)`/g)) {
      if (MAC_TABLES.has(table!)) assert.match(`${file} ${table} ${rest}`, /^keys\.ts keys +set encryptions = [^=]*where/, statement)
    }
  }
  assert.deepEqual(
    found,
    PLAIN.toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  for (const [file, table, columns] of PLAIN) {
    const excepted = Object.keys(MAC_TABLES.get(table)!.authenticated.except ?? {}).map(snakeCase)
    if (file !== 'secret-deletion.ts') for (const column of columns) assert.ok(excepted.includes(column), `${table}.${column}`)
  }
})
