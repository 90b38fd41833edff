// Every key spec × usage × operation. What is allowed is stated here anew, in the words of the contract, and is done for real.
import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { KEY_SPECS, type KeySpec, type KeyUsage } from '@vouchsafe/crypto'
import { testStore } from '@vouchsafe/testkit/databases'
import { ServiceError } from '../../src/foundation/errors.ts'
import { sealMaterial } from '../../src/keys/key-row.ts'
import { REQUIREMENTS, type CryptographicOperation } from '../../src/keys/states.ts'
import type { KeyRow } from '../../src/storage/index.ts'
import { enrollApp, keyRequest, openDomain, type Domain } from '../support/domain.ts'
import { keyRow } from '../support/rows.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'

const SYMMETRIC = ['EH_AES_GCM_128', 'EH_AES_GCM_192', 'EH_AES_GCM_256', 'EH_SM4_CTR', 'EH_SM4_CBC']
const RSA = ['EH_RSA_2048', 'EH_RSA_3072', 'EH_RSA_4096']
const EC = ['EH_EC_P224', 'EH_EC_P256', 'EH_EC_P256K', 'EH_EC_P384', 'EH_EC_P521']

/** The specs that each operation works with, and the usage that it needs. */
const TABLE: Readonly<Record<CryptographicOperation, { specs: string[]; usage: KeyUsage | null }>> = {
  Encrypt: { specs: SYMMETRIC, usage: 'encrypt' },
  Decrypt: { specs: SYMMETRIC, usage: 'encrypt' },
  GenerateDataKey: { specs: SYMMETRIC, usage: 'encrypt' },
  ExportDataKey: { specs: SYMMETRIC, usage: 'encrypt' },
  'ExportDataKey (ukeyid)': { specs: [...RSA, 'EH_SM2'], usage: 'encrypt' },
  AsymmetricEncrypt: { specs: [...RSA, 'EH_SM2'], usage: 'encrypt' },
  AsymmetricDecrypt: { specs: [...RSA, 'EH_SM2'], usage: 'encrypt' },
  Sign: { specs: [...RSA, ...EC, 'EH_SM2', 'EH_HMAC'], usage: 'sign' },
  Verify: { specs: [...RSA, ...EC, 'EH_SM2', 'EH_HMAC'], usage: 'sign' },
  GetPublicKey: { specs: [...RSA, ...EC, 'EH_SM2'], usage: null },
}

const TEXT = Buffer.from('a plaintext')
const SIGNING = { input: TEXT, prehashed: false, digest: undefined, padding: undefined }

interface Others {
  app: string
  aes: string
  sm2: string
}

/** Does an operation with a key, or with what the key would have made; throws when it is refused or gives a wrong result. */
const PERFORM: Readonly<Record<CryptographicOperation, (domain: Domain, key: string, others: Others) => Promise<void>>> = {
  async Encrypt({ cryptography }, key, { app }) {
    assert.notDeepEqual(await cryptography.encrypt(asApp(app), key, TEXT, undefined), TEXT)
  },
  async Decrypt({ cryptography }, key, { app }) {
    const ciphertext = await cryptography.encrypt(asApp(app), key, TEXT, undefined).catch(() => TEXT)
    assert.deepEqual(await cryptography.decrypt(asApp(app), key, ciphertext, undefined), TEXT)
  },
  async GenerateDataKey({ cryptography }, key, { app }) {
    const { plaintext, ciphertext } = await cryptography.generateDataKey(asApp(app), key, 24, undefined)
    assert.equal(plaintext.length, 24)
    assert.deepEqual(await cryptography.decrypt(asApp(app), key, ciphertext, undefined), plaintext)
  },
  async ExportDataKey({ cryptography }, key, { app, sm2 }) {
    const made = await cryptography.generateDataKey(asApp(app), key, 24, undefined).catch(() => ({ plaintext: TEXT, ciphertext: TEXT }))
    const exported = await cryptography.exportDataKey(asApp(app), key, sm2, made.ciphertext, undefined)
    assert.deepEqual(await cryptography.asymmetricDecrypt(asApp(app), sm2, exported, undefined), made.plaintext)
  },
  async 'ExportDataKey (ukeyid)'({ cryptography }, key, { app, aes }) {
    const { plaintext, ciphertext } = await cryptography.generateDataKey(asApp(app), aes, 24, undefined)
    const exported = await cryptography.exportDataKey(asApp(app), aes, key, ciphertext, undefined)
    assert.deepEqual(await cryptography.asymmetricDecrypt(asApp(app), key, exported, undefined), plaintext)
  },
  async AsymmetricEncrypt({ cryptography }, key, { app }) {
    assert.notDeepEqual(await cryptography.asymmetricEncrypt(asApp(app), key, TEXT, undefined), TEXT)
  },
  async AsymmetricDecrypt({ cryptography }, key, { app }) {
    const ciphertext = await cryptography.asymmetricEncrypt(asApp(app), key, TEXT, undefined).catch(() => TEXT)
    assert.deepEqual(await cryptography.asymmetricDecrypt(asApp(app), key, ciphertext, undefined), TEXT)
  },
  async Sign({ cryptography }, key, { app }) {
    assert.ok((await cryptography.sign(asApp(app), key, SIGNING)).length >= 32)
  },
  async Verify({ cryptography }, key, { app }) {
    const signature = await cryptography.sign(asApp(app), key, SIGNING).catch(() => TEXT)
    assert.equal(await cryptography.verify(asApp(app), key, SIGNING, signature), true)
    const other = { ...SIGNING, input: Buffer.from('another text') }
    assert.equal(await cryptography.verify(asApp(app), key, other, signature), false)
  },
  async GetPublicKey({ cryptography }, key, { app }) {
    assert.match(await cryptography.publicKey(asApp(app), key), /^-----BEGIN (RSA )?PUBLIC KEY-----/)
  },
}

async function insertKey(domain: Domain, appId: string, spec: KeySpec, usage: KeyUsage | null, key: KeyObject): Promise<string> {
  const wanted: KeyRow = keyRow({ id: domain.runtime.uuid(), appId, spec, usage, expiresAt: null })
  const { blob, domainVersion } = sealMaterial(domain, wanted, key)
  await domain.storage.insertKey({ key: { ...wanted, material: blob, domainVersion }, limit: 1_000, audit: null })
  return wanted.id
}

test('the table names every operation and every key spec', () => {
  assert.deepEqual(Object.keys(TABLE).sort(), Object.keys(REQUIREMENTS).sort())
  assert.deepEqual([...SYMMETRIC, ...RSA, ...EC, 'EH_SM2', 'EH_HMAC'].sort(), [...KEY_SPECS.keys()].sort())
})

test('every operation works with the specs and usages of the table, and is refused with all others', async (t) => {
  await using store = await testStore('sqlite')
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  const app = await enrollApp(domain)
  const others: Others = {
    app,
    aes: await domain.keys.create(appCall(app), keyRequest()),
    sm2: await domain.keys.create(appCall(app), keyRequest({ spec: 'EH_SM2' })),
  }
  for (const spec of KEY_SPECS.keys()) {
    const material = await domain.crypto.generate(spec)
    for (const usage of [null, 'encrypt', 'sign'] as const) {
      const key = await insertKey(domain, app, spec, usage, material)
      for (const [name, { specs, usage: needed }] of Object.entries(TABLE)) {
        const isAllowed = specs.includes(spec) && (usage === null || needed === null || usage === needed)
        await t.test(`${spec}, usage ${usage}: ${name} is ${isAllowed ? 'allowed' : 'refused'}`, async () => {
          const performing = PERFORM[name as CryptographicOperation](domain, key, others)
          if (isAllowed) await performing
          else await assert.rejects(performing, (error) => error instanceof ServiceError && error.code === 'key_usage')
        })
      }
    }
  }
})

test('a usage that the spec cannot have is refused at creation; an asymmetric key may be given either', async () => {
  await using store = await testStore('sqlite')
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  const app = await enrollApp(domain)
  const refused = (error: unknown) => error instanceof ServiceError && error.code === 'invalid_parameter'
  for (const spec of [...SYMMETRIC, 'EH_HMAC'] as KeySpec[]) {
    const own = spec === 'EH_HMAC' ? 'sign' : 'encrypt'
    const wrong = own === 'sign' ? 'encrypt' : 'sign'
    await assert.rejects(domain.keys.create(appCall(app), keyRequest({ spec, usage: wrong })), refused)
    for (const usage of [undefined, own] as const) {
      const { row } = await domain.keys.describe(asApp(app), await domain.keys.create(appCall(app), keyRequest({ spec, usage })))
      assert.equal(row.usage, own)
    }
  }
  for (const spec of [...EC, 'EH_SM2'] as KeySpec[]) {
    for (const usage of [undefined, 'encrypt', 'sign'] as const) {
      const { row } = await domain.keys.describe(asApp(app), await domain.keys.create(appCall(app), keyRequest({ spec, usage })))
      assert.equal(row.usage, usage ?? null)
    }
  }
})
