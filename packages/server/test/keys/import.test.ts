// Imports over HTTP, with the openssl command as the caller that wraps its key.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createCipheriv, createHmac, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { KEY_SPECS, type KeySpec } from '@vouchsafe/crypto'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, temporaryFolder, type TestServerOptions } from '@vouchsafe/testkit/server'
import { messageOf } from '../../src/foundation/errors.ts'
import { pinnedRuntime, type PinnedRuntime } from '../support/runtime.ts'

const IMPORTABLE = [...KEY_SPECS.values()].filter(({ materialBytes }) => materialBytes !== undefined).map(({ name }) => name)
const TEXT = Buffer.from('what the key protects')
const DAY_MS = 24 * 60 * 60 * 1000

type Padding = 'EH_RSA_PKCS1' | 'EH_RSA_PKCS1_OAEP'

const OPENSSL_PADDING: Record<Padding, string[]> = {
  EH_RSA_PKCS1: ['rsa_padding_mode:pkcs1'],
  EH_RSA_PKCS1_OAEP: ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'],
}

/** Encrypts with `openssl pkeyutl` to a PEM public key. */
function opensslWrap(folder: string, pem: string, material: Buffer, padding: Padding): string {
  const file = join(folder, `${randomBytes(8).toString('hex')}.pem`)
  writeFileSync(file, pem)
  const options = OPENSSL_PADDING[padding].flatMap((option) => ['-pkeyopt', option])
  const { status, stdout, stderr } = spawnSync('openssl', ['pkeyutl', '-encrypt', '-pubin', '-inkey', file, ...options], {
    input: material,
  })
  assert.equal(status, 0, stderr.toString())
  return stdout.toString('base64')
}

interface Importer extends AsyncDisposable {
  url: string
  app: Credentials
  runtime: PinnedRuntime
  folder: string
  succeed(action: string, payload?: object): Promise<Record<string, never>>
  /** The code and message of a call. */
  ask(action: string, payload: object): Promise<string>
  create(spec: KeySpec): Promise<string>
  /** A wrapping key and token for `key`. */
  parameters(key: string): Promise<{ pubkey: string; importToken: string }>
}

async function importer(options: TestServerOptions = {}): Promise<Importer> {
  const runtime = pinnedRuntime()
  const server = await startTestServer({ ...options, runtime })
  const folder = await temporaryFolder()
  const { url } = server
  const app = await enroll(url)
  const at = () => ({ timestamp: String(runtime.now()) })
  const succeedNow = (action: string, payload?: object) => succeed(url, app, action, payload, at())
  return {
    url,
    app,
    runtime,
    folder,
    succeed: succeedNow,
    async ask(action, payload) {
      const { code, message } = await call(url, app, action, payload, at())
      return `${code} ${message}`
    },
    create: async (keyspec) => (await succeedNow('CreateKey', { keyspec, origin: 'EH_EXTERNAL_KEY' })).keyid as unknown as string,
    parameters: async (keyid) =>
      (await succeedNow('GetParametersForImport', { keyid, keyspec: 'EH_RSA_2048' })) as unknown as Awaited<
        ReturnType<Importer['parameters']>
      >,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

/** The key check value by its definition, from the raw key. */
function checkValueOf(spec: KeySpec, material: Buffer): string {
  const { family, bits } = KEY_SPECS.get(spec)!
  const cipher = family === 'sm4' ? 'sm4-ecb' : `aes-${bits}-ecb`
  const bytes =
    family === 'hmac' ? createHmac('sha256', material).digest() : createCipheriv(cipher, material, null).update(Buffer.alloc(16))
  return bytes.subarray(0, 3).toString('hex').toUpperCase()
}

/** Does with an imported key all that its spec can, and compares it with the raw key where that tells. */
async function useFully({ succeed }: Importer, keyid: string, spec: KeySpec, material: Buffer): Promise<void> {
  const plaintext = TEXT.toString('base64')
  if (spec === 'EH_HMAC') {
    const { signature } = await succeed('Sign', { keyid, message: plaintext })
    assert.equal(signature, createHmac('sha256', material).update(TEXT).digest('base64'))
    assert.equal((await succeed('Verify', { keyid, message: plaintext, signature })).result, true)
    return
  }
  const { ciphertext } = await succeed('Encrypt', { keyid, plaintext })
  assert.equal((await succeed('Decrypt', { keyid, ciphertext })).plaintext, plaintext)
  const dataKey = await succeed('GenerateDataKey', { keyid, keylen: 32 })
  assert.equal((await succeed('Decrypt', { keyid, ciphertext: dataKey.ciphertext })).plaintext, dataKey.plaintext)
  const target = await succeed('CreateKey', { keyspec: 'EH_SM2', origin: 'EH_INTERNAL_KEY' })
  const { newdatakey } = await succeed('ExportDataKey', { keyid, ukeyid: target.keyid, olddatakey: dataKey.ciphertext })
  assert.equal((await succeed('AsymmetricDecrypt', { keyid: target.keyid, ciphertext: newdatakey })).plaintext, dataKey.plaintext)
}

test('a key of every importable spec is imported under both paddings, and does all that its spec can', async (t) => {
  await using importing = await importer()
  assert.deepEqual(IMPORTABLE, ['EH_AES_GCM_128', 'EH_AES_GCM_192', 'EH_AES_GCM_256', 'EH_SM4_CTR', 'EH_SM4_CBC', 'EH_HMAC'])
  for (const spec of IMPORTABLE) {
    for (const padding_mode of ['EH_RSA_PKCS1', 'EH_RSA_PKCS1_OAEP'] as const) {
      await t.test(`${spec}, ${padding_mode}`, async () => {
        const { create, parameters, folder, succeed } = importing
        const keyid = await create(spec)
        const { pubkey, importToken } = await parameters(keyid)
        assert.match(pubkey, /^-----BEGIN RSA PUBLIC KEY-----/)
        const material = randomBytes(KEY_SPECS.get(spec)!.materialBytes!)
        const key_material = opensslWrap(folder, pubkey, material, padding_mode)
        const imported = await succeed('ImportKeyMaterial', { keyid, padding_mode, key_material, importToken })
        assert.deepEqual(imported, { result: true, keyCheckValue: checkValueOf(spec, material) })
        const { status, keyCheckValue } = await succeed('DescribeKey', { keyid })
        assert.deepEqual([status, keyCheckValue], ['enabled', checkValueOf(spec, material)])
        await useFully(importing, keyid, spec, material)
      })
    }
  }
})

test('what openssl encrypts under the raw key, the imported key decrypts', async () => {
  await using importing = await importer()
  const { create, parameters, folder, succeed } = importing
  const keyid = await create('EH_SM4_CTR')
  const { pubkey, importToken } = await parameters(keyid)
  const material = randomBytes(16)
  const padding_mode = 'EH_RSA_PKCS1_OAEP'
  await succeed('ImportKeyMaterial', {
    keyid,
    padding_mode,
    key_material: opensslWrap(folder, pubkey, material, padding_mode),
    importToken,
  })
  const iv = randomBytes(16)
  const args = ['enc', '-sm4-ctr', '-K', material.toString('hex'), '-iv', iv.toString('hex')]
  const { status, stdout } = spawnSync('openssl', args, { input: TEXT })
  assert.equal(status, 0)
  const ciphertext = Buffer.concat([stdout, iv]).toString('base64')
  assert.equal((await succeed('Decrypt', { keyid, ciphertext })).plaintext, TEXT.toString('base64'))
})

eachDatabase('a token works once, for its own key, untouched, until it expires or is superseded', async (store, t) => {
  await using importing = await importer(store.location)
  const { url, create, parameters, folder, succeed, ask, runtime } = importing
  const padding_mode = 'EH_RSA_PKCS1_OAEP'
  const material = randomBytes(16)
  const keyid = await create('EH_AES_GCM_128')
  const first = await parameters(keyid)
  const { pubkey, importToken } = await parameters(keyid)
  const key_material = opensslWrap(folder, pubkey, material, padding_mode)
  const request = { keyid, padding_mode, key_material, importToken }
  const refused = `400 ${messageOf('import_token')}`
  const pending = async () => assert.equal((await succeed('DescribeKey', { keyid })).status, 'pending import')

  await t.test('a superseded token is refused', async () => {
    const superseded = {
      ...request,
      importToken: first.importToken,
      key_material: opensslWrap(folder, first.pubkey, material, padding_mode),
    }
    assert.equal(await ask('ImportKeyMaterial', superseded), refused)
    await pending()
  })
  await t.test("another key's token is refused", async () => {
    const other = await create('EH_AES_GCM_128')
    assert.equal(await ask('ImportKeyMaterial', { ...request, keyid: other }), refused)
    await parameters(other)
    assert.equal(await ask('ImportKeyMaterial', { ...request, keyid: other }), refused)
  })
  await t.test("another app can't use the token", async () => {
    const stranger = await enroll(url)
    const answer = await call(url, stranger, 'ImportKeyMaterial', request, { timestamp: String(runtime.now()) })
    assert.equal(`${answer.code} ${answer.message}`, '400 keyid error')
  })
  await t.test('an altered token is refused, whatever was altered', () => refusesAltered(importing, request, refused))
  await t.test('material of another length, or wrapped otherwise than said, is refused', async () => {
    for (const length of [0, 15, 17, 24, 32, 190]) {
      const wrapped = opensslWrap(folder, pubkey, randomBytes(length), padding_mode)
      assert.match(await ask('ImportKeyMaterial', { ...request, key_material: wrapped }), /^400 Import key failed\..* is 16 bytes long/)
    }
    for (const wrapped of [randomBytes(256), randomBytes(16), Buffer.alloc(256)]) {
      const garbage = { ...request, key_material: wrapped.toString('base64') }
      assert.match(await ask('ImportKeyMaterial', garbage), /^400 Import key failed\./)
    }
    assert.match(await ask('ImportKeyMaterial', { ...request, padding_mode: 'EH_RSA_PKCS1' }), /^400 Import key failed\./)
    await pending()
  })
  await t.test('after all of that the untouched request succeeds, once', async () => {
    runtime.advance(DAY_MS - 1)
    await succeed('ImportKeyMaterial', request)
    assert.match(await ask('ImportKeyMaterial', request), /^400 The key has its material already/)
    assert.match(await ask('GetParametersForImport', { keyid, keyspec: 'EH_RSA_2048' }), /^400 The key has its material already/)
    assert.equal((await succeed('DescribeKey', { keyid })).keyCheckValue, checkValueOf('EH_AES_GCM_128', material))
  })
})

async function refusesAltered({ ask }: Importer, request: { importToken: string }, refused: string): Promise<void> {
  const token = JSON.parse(Buffer.from(request.importToken, 'base64').toString()) as Record<string, unknown>
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
  const tokens: unknown[] = [
    '',
    'none',
    7,
    {},
    ['none'],
    null,
    'A'.repeat(4096),
    encode(null),
    encode([]),
    encode({ ...token, timestamp: Number(token.timestamp) + 1 }),
    encode({ ...token, timestamp: String(token.timestamp) }),
    encode({ ...token, id: '01234567-89ab-4def-8123-456789abcdef' }),
    encode({ ...token, keyid: '01234567-89ab-4def-8123-456789abcdef' }),
    encode({ ...token, hmac: '' }),
    encode({ ...token, hmac: String(token.hmac).slice(0, -4) }),
    encode({ ...token, hmac: Buffer.alloc(32).toString('base64') }),
    ...flippedBits(String(token.hmac)).map((hmac) => encode({ ...token, hmac })),
  ]
  for (const importToken of tokens) {
    const answer = await ask('ImportKeyMaterial', { ...request, importToken })
    const isAbsent = importToken === '' || importToken === null
    assert.equal(answer, isAbsent ? '400 Missing required parameters, The importToken cannot be empty.' : refused)
  }
}

/** One bit flipped in each of a few bytes. */
function flippedBits(base64: string): string[] {
  return [0, 9, 31].map((index) => {
    const bytes = Buffer.from(base64, 'base64')
    bytes[index]! ^= 1
    return bytes.toString('base64')
  })
}

test('a token that has expired is refused, and new parameters help', async (t) => {
  await using importing = await importer()
  const { create, parameters, folder, succeed, ask, runtime } = importing
  const padding_mode = 'EH_RSA_PKCS1'
  const material = randomBytes(32)
  const keyid = await create('EH_HMAC')
  const { pubkey, importToken } = await parameters(keyid)
  const request = { keyid, padding_mode, key_material: opensslWrap(folder, pubkey, material, padding_mode), importToken }
  await t.test('expired', async () => {
    runtime.advance(DAY_MS)
    assert.equal(await ask('ImportKeyMaterial', request), `400 ${messageOf('import_token_expired')}`)
  })
  await t.test('renewed', async () => {
    const renewed = await parameters(keyid)
    const key_material = opensslWrap(folder, renewed.pubkey, material, padding_mode)
    await succeed('ImportKeyMaterial', { ...request, key_material, importToken: renewed.importToken })
  })
})

eachDatabase('of several completions at once one wins, and the key is what it brought', async (store) => {
  await using importing = await importer(store.location)
  const { create, parameters, folder, succeed, url, app, runtime } = importing
  const keyid = await create('EH_AES_GCM_256')
  const { pubkey, importToken } = await parameters(keyid)
  const padding_mode = 'EH_RSA_PKCS1_OAEP'
  const materials = Array.from({ length: 6 }, () => randomBytes(32))
  const requests = materials.map((material) => ({
    keyid,
    padding_mode,
    importToken,
    key_material: opensslWrap(folder, pubkey, material, padding_mode),
  }))
  const at = { timestamp: String(runtime.now()) }
  const answers = await Promise.all(requests.map((request) => call(url, app, 'ImportKeyMaterial', request, at)))
  const winners = answers.flatMap(({ code }, i) => (code === 200 ? [i] : []))
  assert.equal(winners.length, 1)
  assert.ok(answers.every(({ code }) => code === 200 || code === 400))
  const won = checkValueOf('EH_AES_GCM_256', materials[winners[0]!]!)
  assert.equal(answers[winners[0]!]!.result.keyCheckValue, won)
  assert.equal((await succeed('DescribeKey', { keyid })).keyCheckValue, won)
})

test('nothing can be imported to a key that was generated here, and no asymmetric key can wait for import', async () => {
  await using importing = await importer()
  const { succeed, ask } = importing
  const { keyid } = await succeed('CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
  assert.match(await ask('GetParametersForImport', { keyid, keyspec: 'EH_RSA_2048' }), /^400 The key was not created with EH_EXTERNAL_KEY/)
  const importable: readonly string[] = IMPORTABLE
  for (const keyspec of KEY_SPECS.keys()) {
    const answer = await ask('CreateKey', { keyspec, origin: 'EH_EXTERNAL_KEY' })
    assert.equal(answer.startsWith(importable.includes(keyspec) ? '200' : '400 EH_EXTERNAL_KEY is for'), true, answer)
  }
  for (const keyspec of ['EH_AES_GCM_256', 'EH_EC_P256', 'EH_SM2']) {
    assert.match(await ask('GetParametersForImport', { keyid, keyspec }), /^400 Parameter invalid, The keyspec type is incorrect\./)
  }
})
