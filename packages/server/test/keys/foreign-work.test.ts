// Another app's key must not be told from an absent one by the work that it makes: the same storage operations, nothing unsealed, nothing cached.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { appCall, asApp } from '@vouchsafe/testkit/callers'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { keyRequest, openDomain, type Domain } from '../support/domain.ts'
import { addApp } from '../support/rows.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'

const ABSENT = '01234567-89ab-4def-8123-456789abcdef'
const BYTES = Buffer.alloc(32)
const SIGNED = { input: BYTES, prehashed: false, digest: undefined, padding: undefined }

/** Every way in which a caller may name a key. */
const USES: Record<string, (domain: Domain, id: string, own: string) => Promise<unknown>> = {
  Encrypt: ({ cryptography }, id) => cryptography.encrypt(asApp('stranger'), id, BYTES, undefined),
  Decrypt: ({ cryptography }, id) => cryptography.decrypt(asApp('stranger'), id, BYTES, undefined),
  GenerateDataKey: ({ cryptography }, id) => cryptography.generateDataKey(asApp('stranger'), id, 32, undefined),
  ExportDataKey: ({ cryptography }, id, own) => cryptography.exportDataKey(asApp('stranger'), id, own, BYTES, undefined),
  'ExportDataKey to it': ({ cryptography }, id, own) => cryptography.exportDataKey(asApp('stranger'), own, id, BYTES, undefined),
  AsymmetricEncrypt: ({ cryptography }, id) => cryptography.asymmetricEncrypt(asApp('stranger'), id, BYTES, undefined),
  AsymmetricDecrypt: ({ cryptography }, id) => cryptography.asymmetricDecrypt(asApp('stranger'), id, BYTES, undefined),
  Sign: ({ cryptography }, id) => cryptography.sign(asApp('stranger'), id, SIGNED),
  Verify: ({ cryptography }, id) => cryptography.verify(asApp('stranger'), id, SIGNED, BYTES),
  GetPublicKey: ({ cryptography }, id) => cryptography.publicKey(asApp('stranger'), id),
  DescribeKey: ({ keys }, id) => keys.describe(asApp('stranger'), id),
  EnableKey: ({ keys }, id) => keys.setEnabled(appCall('stranger'), id, true),
  DisableKey: ({ keys }, id) => keys.setEnabled(appCall('stranger'), id, false),
  UpdateKey: ({ keys }, id) => keys.update(appCall('stranger'), id, { alias: 'mine' }),
  DeleteKey: ({ keys }, id) => keys.delete(appCall('stranger'), id),
  'a secret under it': ({ keyCache }, id) => Promise.resolve().then(() => keyCache.useForSecrets('stranger', id)),
}

eachDatabase("another app's key makes the work that an absent one makes, whether its owner has it in memory or not", async (store, t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'vouchsafe-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const { storage, calls } = watchStorage(await store.open())
  await using domain = await openDomain({ storage, dataDir, runtime: pinnedRuntime() })
  for (const app of ['owner', 'stranger']) await addApp(storage, app)
  const [inMemory, unused] = [
    await domain.keys.create(appCall('owner'), keyRequest()),
    await domain.keys.create(appCall('owner'), keyRequest()),
  ]
  const own = await domain.keys.create(appCall('stranger'), keyRequest())
  await domain.cryptography.encrypt(asApp('owner'), inMemory, BYTES, undefined)
  await domain.cryptography.encrypt(asApp('stranger'), own, BYTES, undefined)
  let opened = 0
  const { envelope, keyCache } = domain
  t.mock.method(envelope, 'open', (...args: Parameters<typeof envelope.open>) => {
    opened++
    return Object.getPrototypeOf(envelope).open.apply(envelope, args) as Buffer
  })

  for (const [name, use] of Object.entries(USES)) {
    const workOf = async (id: string) => {
      calls.length = opened = 0
      const { hits, misses, size } = keyCache
      const outcome = await use(domain, id, own).then(
        (result) => result,
        (error: Error & { code: string }) => error.code,
      )
      const cache = { hits: keyCache.hits - hits, misses: keyCache.misses - misses, size: keyCache.size - size }
      return { outcome, calls: calls.filter((call) => !['readChanges', 'latestChange'].includes(call)), opened, cache }
    }
    const absent = await workOf(ABSENT)
    assert.ok(absent.calls.length > 0, name)
    assert.equal(absent.opened, 0, name)
    assert.deepEqual(await workOf(inMemory), absent, name)
    assert.deepEqual(await workOf(unused), absent, name)
  }
  // The owner's key is still in memory, and still the owner's.
  const { hits } = keyCache
  await domain.cryptography.encrypt(asApp('owner'), inMemory, BYTES, undefined)
  assert.equal(keyCache.hits, hits + 1)
})
