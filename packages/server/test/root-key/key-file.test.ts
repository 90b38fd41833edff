import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { systemRuntime } from '../../src/foundation/runtime.ts'
import { configuredRootKeyStore } from '../../src/root-key/configured.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { SealError } from '../../src/root-key/root-key-store.ts'
import { openEnvelope, type Envelope } from '../../src/envelope/envelope.ts'

const refused = (message: RegExp) => (error: unknown) => error instanceof SealError && message.test(error.message)

function keyFile(store: TestStore): string {
  return join(store.location.dataDir, 'root.key')
}

/** Starts a server once, so that the store is initialised, and gives what its domain keys are then. */
async function initialise(store: TestStore): Promise<Record<string, unknown>[]> {
  await (await startTestServer(store.location))[Symbol.asyncDispose]()
  return domainKeys(store)
}

function domainKeys({ location }: TestStore): Promise<Record<string, unknown>[]> {
  return queryDatabase(location, 'select * from domain_keys')
}

/** Starting is refused, and neither the store nor the folder is touched by it. */
async function refusesToStart(store: TestStore, message: RegExp): Promise<void> {
  const before = await domainKeys(store)
  const { dataDir } = store.location
  const secrets = () => readdirSync(dataDir).filter((name) => name.startsWith('root.key'))
  const files = secrets()
  await assert.rejects(startTestServer(store.location), refused(message))
  assert.deepEqual(await domainKeys(store), before)
  assert.deepEqual(secrets(), files)
}

test('the first start makes the key file, for its owner alone; the next one leaves it as it is', async () => {
  await using store = await testStore('sqlite')
  await initialise(store)
  const path = keyFile(store)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(store.location.dataDir).mode & 0o077, 0)
  const content = readFileSync(path, 'utf8')
  await initialise(store)
  assert.equal(readFileSync(path, 'utf8'), content)
  assert.deepEqual(
    readdirSync(store.location.dataDir).filter((name) => name.startsWith('root.key')),
    ['root.key'],
  )
})

test('a key file that others may read is refused until its mode is put right', async () => {
  await using store = await testStore('sqlite')
  await initialise(store)
  for (const mode of [0o640, 0o604, 0o660, 0o602, 0o601, 0o610, 0o777]) {
    chmodSync(keyFile(store), mode)
    await refusesToStart(store, new RegExp(`can be read by others \\(mode ${mode.toString(8).padStart(4, '0')}\\): run 'chmod 600 `))
  }
  chmodSync(keyFile(store), 0o600)
  await initialise(store)
})

eachDatabase('a store that holds keys is refused without its key file, untouched, and opens when it is put back', async (store) => {
  const before = await initialise(store)
  const path = keyFile(store)
  renameSync(path, `${path}-elsewhere`)
  renameSync(`${path}-elsewhere`, join(store.location.dataDir, 'elsewhere'))
  await refusesToStart(store, /holds keys, but its root key .* is missing: put the file back/)
  assert.equal(existsSync(path), false)
  renameSync(join(store.location.dataDir, 'elsewhere'), path)
  assert.deepEqual(await initialise(store), before)
})

eachDatabase('the key file of another store is refused', async (store) => {
  await initialise(store)
  await using other = await testStore('sqlite')
  await initialise(other)
  writeFileSync(keyFile(store), readFileSync(keyFile(other)))
  await refusesToStart(store, /has id .*, but this store is sealed by .*: put the right file back/)
})

test('another key under the right id is refused by its key check', async () => {
  await using store = await testStore('sqlite')
  await initialise(store)
  const content = JSON.parse(readFileSync(keyFile(store), 'utf8')) as object
  writeFileSync(keyFile(store), JSON.stringify({ ...content, key: Buffer.alloc(32, 7).toString('base64') }))
  await refusesToStart(store, /does not open this store: it was altered, or the store was/)
})

test('what is no key file is refused: a folder, nothing, too much, another format', async () => {
  await using store = await testStore('sqlite')
  await initialise(store)
  const path = keyFile(store)
  const good = readFileSync(path, 'utf8')
  const contents: [string, RegExp][] = [
    ['', /is damaged/],
    ['null', /is not a root key file that this version can read/],
    ['[]', /is not a root key file/],
    [good.replace('"version":1', '"version":2'), /is not a root key file that this version can read/],
    [good.padEnd(20_000), /too large/],
    [good.slice(0, -20), /is damaged/],
  ]
  for (const [content, message] of contents) {
    writeFileSync(path, content)
    await refusesToStart(store, message)
  }
  rmSync(path)
  mkdirSync(path, { mode: 0o700 })
  await refusesToStart(store, /is not a regular file/)
})

test('a damaged key file is refused or still the same key, whatever bytes are damaged', async () => {
  await using store = await testStore('sqlite')
  const storage = await store.open()
  const path = keyFile(store)
  const open = (): Promise<Envelope> =>
    openEnvelope(storage, rootKeyFile({ dataDir: store.location.dataDir, runtime: systemRuntime }), systemRuntime)
  const sealed = (await open()).seal('key', ['id'], Buffer.from('content'))
  const good = readFileSync(path)
  const change = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255), what: fc.constantFrom('set', 'insert', 'remove') })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const bytes = [...good]
      for (const { at, byte, what } of changes) bytes.splice(at, what === 'insert' ? 0 : 1, ...(what === 'remove' ? [] : [byte]))
      writeFileSync(path, Buffer.from(bytes))
      const outcome = await open().catch((error: unknown) => error)
      if (outcome instanceof SealError) assert.ok(!outcome.message.includes(String(JSON.parse(good.toString()).key)))
      else assert.equal((outcome as Envelope).open('key', ['id'], sealed).toString(), 'content')
    }),
    { numRuns: 150 },
  )
})

eachDatabase(
  'servers that start at once on an empty store agree on one domain key',
  async (store) => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => startTestServer(store.location)))
    assert.equal((await domainKeys(store)).length, 1)
    const [first, ...others] = servers as [TestServer, ...TestServer[]]
    const app = await enroll(first.url)
    const { keyid } = await succeed(first.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
    const plaintext = Buffer.from('text').toString('base64')
    for (const { url } of others) {
      const { ciphertext } = await succeed(url, app, 'Encrypt', { keyid, plaintext })
      assert.equal((await succeed(first.url, app, 'Decrypt', { keyid, ciphertext })).plaintext, plaintext)
    }
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
  },
  { bare: true },
)

test('a second server of a PostgreSQL store needs the key file of the first', async () => {
  await using store = await testStore('postgres')
  await using elsewhere = await testStore('sqlite')
  await initialise(store)
  const location = { ...store.location, dataDir: elsewhere.location.dataDir }
  await assert.rejects(startTestServer(location), refused(/holds keys, but its root key .* is missing/))
  assert.equal(existsSync(join(location.dataDir, 'root.key')), false)
  writeFileSync(join(location.dataDir, 'root.key'), readFileSync(keyFile(store)), { mode: 0o600 })
  await (await startTestServer(location))[Symbol.asyncDispose]()
})

eachDatabase('a store that holds sealed rows, but no domain key, is refused with nothing written', async (store) => {
  {
    await using server = await startTestServer(store.location)
    await enroll(server.url)
  }
  const file = readFileSync(keyFile(store))
  const [row] = await domainKeys(store)
  await queryDatabase(store.location, 'delete from domain_keys')
  const audited = async () => (await queryDatabase(store.location, 'select count(*) as count from trail_entries'))[0]!.count
  const before = await audited()
  await refusesToStart(store, /holds keys or other sealed rows, but none of its domain keys/)
  rmSync(keyFile(store))
  await refusesToStart(store, /holds keys or other sealed rows, but none of its domain keys/)
  assert.equal(existsSync(keyFile(store)), false)
  assert.deepEqual([await domainKeys(store), await audited()], [[], before])
  // Nor does another store's domain key do, under its own root key or under this one.
  writeFileSync(keyFile(store), file, { mode: 0o600 })
  const { version, wrapped, ...rest } = row!
  const put = (bytes: Uint8Array) =>
    queryDatabase(
      store.location,
      `insert into domain_keys (version, wrapped, ${Object.keys(rest).join(', ')}) values ($1, $2, ${Object.keys(rest).map((_, i) => `$${i + 3}`)})`,
      [version, bytes, ...Object.values(rest)] as never[],
    )
  await put(Buffer.alloc((wrapped as Uint8Array).length, 1))
  await refusesToStart(store, /does not open this store/)
  await queryDatabase(store.location, 'delete from domain_keys')
  await put(wrapped as Uint8Array)
  await (await startTestServer(store.location))[Symbol.asyncDispose]()
})

eachDatabase('a domain key whose row was altered is refused', async (store) => {
  await initialise(store)
  const [row] = await domainKeys(store)
  const wrapped = Buffer.from(row!.wrapped as Uint8Array)
  wrapped[wrapped.length - 1]! ^= 1
  await queryDatabase(store.location, 'update domain_keys set wrapped = $1', [wrapped])
  await refusesToStart(store, /does not open this store/)
  await queryDatabase(store.location, 'update domain_keys set wrapped = $1', [row!.wrapped as Uint8Array])
  await queryDatabase(store.location, 'update domain_keys set check_value = $1', ['0'.repeat(16)])
  await refusesToStart(store, /fails its key check value/)
  await queryDatabase(store.location, 'update domain_keys set check_value = $1', [row!.check_value as string])
  await queryDatabase(store.location, 'update domain_keys set active = 0')
  await refusesToStart(store, /row of domain key 1 was altered/)
  await queryDatabase(store.location, 'update domain_keys set active = 1, created_at = created_at + 1')
  await refusesToStart(store, /row of domain key 1 was altered/)
})

test('a passphrase for a new root key is typed twice, and must be the same; to open one it is typed once', async () => {
  await using store = await testStore('sqlite')
  const storage = await store.open()
  const { dataDir } = store.location
  const config = {
    dataDir,
    seal: 'passphrase',
    sealPassphrase: undefined,
    sealPassphraseFile: undefined,
    tpm: '/dev/tpm',
    sealPcrs: 'sha256:7',
  } as const
  const open = async (...typed: string[]): Promise<string[]> => {
    const asked: string[] = []
    const ask = async (question: string): Promise<string> => (asked.push(question), typed.shift()!)
    await openEnvelope(storage, configuredRootKeyStore(config, systemRuntime, ask), systemRuntime)
    return asked
  }
  await assert.rejects(open('correct horse', 'correct hrose'), refused(/the two differ; nothing was done/))
  assert.deepEqual(
    readdirSync(dataDir).filter((name) => name.startsWith('root.key')),
    [],
  )
  assert.deepEqual(await open('correct horse', 'correct horse'), ['New passphrase of the root key: ', 'Once more: '])
  assert.deepEqual(await open('correct horse'), ['Passphrase of the root key: '])
})

test('a key file that cannot be written leaves nothing of the key behind', async (t) => {
  await using store = await testStore('sqlite')
  const { dataDir } = store.location
  const rootKeys = rootKeyFile({ dataDir, runtime: systemRuntime })
  const folder = await open(dataDir)
  const handles = Object.getPrototypeOf(folder) as { sync: () => Promise<void> }
  await folder.close()
  t.mock.method(handles, 'sync', () => Promise.reject(new Error('ENOSPC: no space left on device')))
  await assert.rejects(rootKeys.create(), refused(/cannot create the root key .*no space left/))
  await assert.rejects(rootKeys.stage({ kind: 'file' }), refused(/cannot create the root key .*no space left/))
  assert.deepEqual(readdirSync(dataDir), [])
})
