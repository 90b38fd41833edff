/** The words of both dialects, the document's and the later one's (contract §9), mean the same. */
import assert from 'node:assert/strict'
import { constants, createPublicKey, publicEncrypt, verify } from 'node:crypto'
import { after, before, test } from 'node:test'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'

const INTERNAL = { origin: 'EH_INTERNAL_KEY' }
const MESSAGE = Buffer.from('what is signed')
const RSA_NONE = '400 Parameter invalid, The padding_mode must be PKCS1, PSS or OAEP for an RSA key.'

/** Word → the later dialect's; null where raw RSA is meant. */
const PADDINGS: Record<string, string | null> = {
  EH_PAD_RSA_PKCS1: 'EH_RSA_PKCS1',
  EH_PAD_RSA_PKCS1_OAEP: 'EH_RSA_PKCS1_OAEP',
  EH_PAD_RSA_PKCS1_PSS: 'EH_RSA_PKCS1_PSS',
  EH_RSA_PKCS1: 'EH_RSA_PKCS1',
  EH_RSA_PKCS1_OAEP: 'EH_RSA_PKCS1_OAEP',
  EH_RSA_PKCS1_PSS: 'EH_RSA_PKCS1_PSS',
  EH_PAD_PKCS1: 'EH_RSA_PKCS1',
  EH_PAD_RSA_NO: null,
  EH_PAD_RSA_NONE: null,
  EH_PAD_NONE: null,
  EH_NO_PADDING: null,
}

/** Word → OpenSSL's name. */
const DIGESTS: Record<string, string> = {
  EH_SHA_2_224: 'sha224',
  EH_SHA_2_256: 'sha256',
  EH_SHA_2_384: 'sha384',
  EH_SHA_2_512: 'sha512',
  EH_SHA_224: 'sha224',
  EH_SHA_256: 'sha256',
  EH_SHA_384: 'sha384',
  EH_SHA_512: 'sha512',
  EH_SM3: 'sm3',
  EH_NONE: 'sha256',
}

let server: TestServer
let app: Credentials
let rsa: string
let rsaPublic: string

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
  rsa = await create({ keyspec: 'EH_RSA_2048' })
  rsaPublic = await publicKey(rsa)
})
after(() => server[Symbol.asyncDispose]())

const ok = (action: string, payload: object) => succeed(server.url, app, action, payload)
const create = async (payload: object): Promise<string> => (await ok('CreateKey', { ...INTERNAL, ...payload })).keyid!
const publicKey = async (keyid: string): Promise<string> => (await ok('GetPublicKey', { keyid })).pubkey!
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

async function answer(action: string, payload: object): Promise<string> {
  const { code, message } = await call(server.url, app, action, payload)
  return `${code} ${message}`
}

test('the key spec may be spelled Keyspec; given twice, both must agree', async () => {
  const spec = async (keyid: string) => (await ok('DescribeKey', { keyid })).keyspec
  assert.equal(await spec(await create({ Keyspec: 'EH_SM4_CTR' })), 'EH_SM4_CTR')
  assert.equal(await spec(await create({ Keyspec: 'EH_SM4_CBC', keyspec: 'EH_SM4_CBC' })), 'EH_SM4_CBC')
  assert.equal(await spec(await create({ Keyspec: '', keyspec: 'EH_SM4_CBC' })), 'EH_SM4_CBC')
  const both = { ...INTERNAL, Keyspec: 'EH_SM4_CTR', keyspec: 'EH_SM4_CBC' }
  assert.equal(await answer('CreateKey', both), '400 Parameter invalid, The keyspec and Keyspec must agree.')
  assert.equal(
    await answer('CreateKey', { ...INTERNAL, KEYSPEC: 'EH_SM4_CTR' }),
    '400 Missing required parameters, The keyspec cannot be empty.',
  )
})

test('purpose and keyusage are one thing; EH_PURPOSE_NONE is absence', async () => {
  const E = 'EH_KEYUSAGE_ENCRYPT_DECRYPT'
  const S = 'EH_KEYUSAGE_SIGN_VERIFY'
  const usage = async (payload: object) =>
    (await ok('DescribeKey', { keyid: await create({ keyspec: 'EH_EC_P256', ...payload }) })).keyusage
  const cases: [object, string | null][] = [
    [{}, null],
    [{ purpose: 'EH_PURPOSE_NONE' }, null],
    [{ purpose: 'EH_PURPOSE_ENCRYPT_DECRYPT' }, E],
    [{ purpose: 'EH_PURPOSE_SIGN_VERIFY' }, S],
    [{ keyusage: E }, E],
    [{ keyusage: S }, S],
    [{ keyusage: S, purpose: 'EH_PURPOSE_SIGN_VERIFY' }, S],
    [{ keyusage: S, purpose: 'EH_PURPOSE_NONE' }, S],
    [{ keyusage: 'EH_PURPOSE_NONE', purpose: 'EH_PURPOSE_ENCRYPT_DECRYPT' }, E],
  ]
  for (const [payload, expected] of cases) assert.equal(await usage(payload), expected, JSON.stringify(payload))
  const contradiction = { keyspec: 'EH_EC_P256', ...INTERNAL, keyusage: E, purpose: 'EH_PURPOSE_SIGN_VERIFY' }
  assert.equal(await answer('CreateKey', contradiction), '400 Parameter invalid, The keyusage and purpose must agree.')
})

test('without a usage symmetric keys encrypt, HMAC keys sign and asymmetric ones do both', async () => {
  for (const [keyspec, expected] of [
    ['EH_AES_GCM_256', 'EH_KEYUSAGE_ENCRYPT_DECRYPT'],
    ['EH_SM4_CBC', 'EH_KEYUSAGE_ENCRYPT_DECRYPT'],
    ['EH_HMAC', 'EH_KEYUSAGE_SIGN_VERIFY'],
    ['EH_SM2', null],
  ]) {
    assert.equal((await ok('DescribeKey', { keyid: await create({ keyspec }) })).keyusage, expected)
  }
  assert.equal(await answer('AsymmetricEncrypt', { keyid: rsa, plaintext: 'AAAA' }), '200 success!')
  assert.equal(await answer('Sign', { keyid: rsa, digest: 'AAAA' }), '200 success!')
})

test('a key that is not RSA takes every padding word at CreateKey and keeps none', async () => {
  for (const padding of Object.keys(PADDINGS)) {
    for (const name of ['padding_mode', 'padding mode']) {
      const keyid = await create({ keyspec: 'EH_AES_GCM_128', [name]: padding })
      assert.equal((await ok('DescribeKey', { keyid })).padding_mode, null)
    }
  }
})

test('padding words of both dialects mean the same in RSA encryption, and raw RSA is refused', async () => {
  const PADDING = { EH_RSA_PKCS1: constants.RSA_PKCS1_PADDING, EH_RSA_PKCS1_OAEP: constants.RSA_PKCS1_OAEP_PADDING } as Record<
    string,
    number
  >
  for (const [padding_mode, meaning] of Object.entries(PADDINGS)) {
    const encrypted = await answer('AsymmetricEncrypt', { keyid: rsa, plaintext: 'AAAA', padding_mode })
    if (meaning === null) assert.equal(encrypted, RSA_NONE)
    else if (meaning === 'EH_RSA_PKCS1_PSS') assert.equal(encrypted, '400 RSA encryption uses OAEP or PKCS #1 v1.5 padding.')
    else {
      const sealed = publicEncrypt({ key: rsaPublic, padding: PADDING[meaning]!, oaepHash: 'sha256' }, MESSAGE)
      const opened = await ok('AsymmetricDecrypt', { keyid: rsa, ciphertext: b64(sealed), padding_mode })
      assert.equal(opened.plaintext, b64(MESSAGE))
    }
  }
})

test('padding words of both dialects mean the same in RSA signatures, and raw RSA is refused', async () => {
  const PADDING = { EH_RSA_PKCS1: constants.RSA_PKCS1_PADDING, EH_RSA_PKCS1_PSS: constants.RSA_PKCS1_PSS_PADDING } as Record<string, number>
  for (const [padding_mode, meaning] of Object.entries(PADDINGS)) {
    const request = { keyid: rsa, message: b64(MESSAGE), padding_mode }
    if (meaning === null) assert.equal(await answer('Sign', request), RSA_NONE)
    else if (meaning === 'EH_RSA_PKCS1_OAEP')
      assert.equal(await answer('Sign', request), '400 RSA signatures use PKCS #1 v1.5 or PSS padding.')
    else {
      const { signature } = await ok('Sign', request)
      const key = { key: rsaPublic, padding: PADDING[meaning]!, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      assert.equal(verify('sha256', MESSAGE, key, Buffer.from(signature!, 'base64')), true, padding_mode)
      assert.deepEqual(await ok('Verify', { ...request, padding_mode: meaning, signature }), { result: true })
    }
  }
})

test('digest words of both dialects mean the same', async () => {
  const ec = await create({ keyspec: 'EH_EC_P256' })
  for (const [keyid, pem] of [
    [rsa, rsaPublic],
    [ec, await publicKey(ec)],
  ] as const) {
    for (const [digest_mode, name] of Object.entries(DIGESTS)) {
      const { signature } = await ok('Sign', { keyid, message: b64(MESSAGE), digest_mode })
      assert.equal(verify(name, MESSAGE, pem, Buffer.from(signature!, 'base64')), true, digest_mode)
      assert.deepEqual(await ok('Verify', { keyid, digest: b64(MESSAGE), digest_mode, signature }), { result: true })
    }
  }
})

test("a key's own modes, under all names, serve calls that name none; the call's win", async () => {
  for (const names of [
    ['padding mode', 'digest mode'],
    ['padding_mode', 'digest_mode'],
  ]) {
    const keyid = await create({ keyspec: 'EH_RSA_2048', [names[0]!]: 'EH_PAD_RSA_PKCS1_PSS', [names[1]!]: 'EH_SHA_2_384' })
    const described = await ok('DescribeKey', { keyid })
    assert.deepEqual([described.padding_mode, described.digest_mode], ['EH_RSA_PKCS1_PSS', 'EH_SHA_384'])
    const pem = await publicKey(keyid)
    const pss = { key: pem, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    const own = await ok('Sign', { keyid, digest: b64(MESSAGE) })
    assert.equal(verify('sha384', MESSAGE, pss, Buffer.from(own.signature!, 'base64')), true)
    const asked = await ok('Sign', { keyid, message: b64(MESSAGE), padding_mode: 'EH_RSA_PKCS1', digest_mode: 'EH_SHA_512' })
    assert.equal(verify('sha512', MESSAGE, pem, Buffer.from(asked.signature!, 'base64')), true)
    assert.equal(await answer('AsymmetricEncrypt', { keyid, plaintext: 'AAAA' }), '400 RSA encryption uses OAEP or PKCS #1 v1.5 padding.')
    assert.equal(await answer('AsymmetricEncrypt', { keyid, plaintext: 'AAAA', padding_mode: 'EH_RSA_PKCS1_OAEP' }), '200 success!')
  }
})

test('without any modes RSA signs PKCS #1 with SHA-256 and encrypts OAEP with SHA-256, EC signs SHA-256', async () => {
  const ec = await create({ keyspec: 'EH_EC_P384' })
  for (const [keyid, pem] of [
    [rsa, rsaPublic],
    [ec, await publicKey(ec)],
  ] as const) {
    const { signature } = await ok('Sign', { keyid, digest: b64(MESSAGE) })
    assert.equal(verify('sha256', MESSAGE, pem, Buffer.from(signature!, 'base64')), true)
  }
  const sealed = publicEncrypt({ key: rsaPublic, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, MESSAGE)
  assert.equal((await ok('AsymmetricDecrypt', { keyid: rsa, ciphertext: b64(sealed) })).plaintext, b64(MESSAGE))
})

test('what is signed may be called digest or message, not both, and is hashed unless message_type says otherwise', async () => {
  const sign = async (payload: object) => Buffer.from((await ok('Sign', { keyid: rsa, ...payload })).signature!, 'base64')
  const raw = await sign({ digest: 'ZGlnZXN0' })
  assert.deepEqual(await sign({ message: 'ZGlnZXN0' }), raw)
  assert.deepEqual(await sign({ message: 'ZGlnZXN0', message_type: 'EH_RAW' }), raw)
  const hash = await crypto.subtle.digest('SHA-256', Buffer.from('digest'))
  assert.deepEqual(await sign({ message: b64(new Uint8Array(hash)), message_type: 'EH_DIGEST' }), raw)
  assert.notDeepEqual(await sign({ digest: b64(new Uint8Array(hash)) }), raw)
  assert.equal(
    await answer('Sign', { keyid: rsa, digest: 'AAAA', message: 'AAAA' }),
    '400 Parameter invalid, The message and digest cannot both be given.',
  )
  assert.equal(await answer('Sign', { keyid: rsa }), '400 Missing required parameters, The message cannot be empty.')
  const unsigned = { keyid: rsa, signature: b64(raw) }
  assert.equal(await answer('Verify', unsigned), '400 Missing required parameters, The message cannot be empty.')
})

test('an old data key goes by three names; given under two, both must agree', async () => {
  const keyid = await create({ keyspec: 'EH_AES_GCM_256' })
  const { plaintext, ciphertext } = await ok('GenerateDataKey', { keyid, keylen: 32 })
  for (const name of ['olddatakey', 'olddatakey_base', 'old_data_key']) {
    const { newdatakey } = await ok('ExportDataKey', { keyid, ukeyid: rsa, [name]: ciphertext })
    assert.deepEqual(await ok('AsymmetricDecrypt', { keyid: rsa, ciphertext: newdatakey }), { plaintext })
  }
  assert.equal(await answer('ExportDataKey', { keyid, ukeyid: rsa, olddatakey: ciphertext, old_data_key: ciphertext }), '200 success!')
  const torn = await answer('ExportDataKey', { keyid, ukeyid: rsa, olddatakey: ciphertext, olddatakey_base: 'AAAA' })
  assert.equal(torn, '400 Parameter invalid, The olddatakey and olddatakey_base must agree.')
})

test('all keys are deleted by DeleteALLKey and by DeleteAllKey', async () => {
  const other = await enroll(server.url)
  for (const action of ['DeleteALLKey', 'DeleteAllKey']) {
    const { keyid } = await succeed(server.url, other, 'CreateKey', { keyspec: 'EH_SM4_CTR', ...INTERNAL })
    assert.deepEqual(await call(server.url, other, action), { code: 200, message: 'success!', result: {} })
    assert.deepEqual((await succeed(server.url, other, 'ListKey')).list, [])
    assert.equal((await call(server.url, other, 'Encrypt', { keyid, plaintext: 'AAAA' })).message, 'keyid error')
  }
  assert.equal((await call(server.url, other, 'DeleteallKey')).code, 404)
})

test("the later dialect's calls work with and without a nonce", async () => {
  for (const nonce of [null, '8273648172364']) {
    // Distinct timestamps, since without a nonce each serves one request.
    let stamp = Date.now() - (nonce === null ? 60_000 : 120_000)
    const later = async (action: string, payload?: object) => {
      const { code, message, result } = await call(server.url, app, action, payload, { nonce, timestamp: String(stamp++) })
      assert.deepEqual({ action, code, message }, { action, code: 200, message: 'success!' })
      return result
    }
    const { keyid } = await later('CreateKey', { keyspec: 'EH_SM2', keyusage: 'EH_KEYUSAGE_ENCRYPT_DECRYPT', ...INTERNAL })
    const { ciphertext } = await later('AsymmetricEncrypt', { keyid, padding_mode: 'EH_RSA_PKCS1_OAEP', plaintext: 'AAAA' })
    assert.deepEqual(await later('AsymmetricDecrypt', { keyid, padding_mode: 'EH_PAD_NONE', ciphertext }), { plaintext: 'AAAA' })

    const signer = await later('CreateKey', { keyspec: 'EH_EC_P521', keyusage: 'EH_KEYUSAGE_SIGN_VERIFY', ...INTERNAL })
    const message = { keyid: signer.keyid, message: 'AAAA', message_type: 'EH_RAW', digest_mode: 'EH_SHA_384' }
    const { signature } = await later('Sign', { ...message, padding_mode: 'EH_PAD_NONE' })
    assert.deepEqual(await later('Verify', { ...message, padding_mode: 'EH_RSA_PKCS1', signature }), { result: true })
    assert.deepEqual(Object.keys(await later('GetPublicKey', { keyid: signer.keyid })), ['keyid', 'pubkey'])
    await later('DisableKey', { keyid })
    await later('EnableKey', { keyid })
    await later('ListKey')
    await later('DeleteKey', { keyid })
  }
})

test('SM2 takes SM3 whatever digest and padding are named', async () => {
  const keyid = await create({ keyspec: 'EH_SM2' })
  const { signature } = await ok('Sign', { keyid, message: 'AAAA', digest_mode: 'EH_SHA_256', padding_mode: 'EH_RSA_PKCS1' })
  for (const digest_mode of ['EH_SM3', 'EH_SHA_512', 'EH_NONE']) {
    assert.deepEqual(await ok('Verify', { keyid, digest: 'AAAA', digest_mode, signature }), { result: true })
  }
})

test('every key spec is offered under its documented name, and listed under it', async () => {
  const other = await enroll(server.url)
  const specs =
    'EH_AES_GCM_128 EH_AES_GCM_192 EH_AES_GCM_256 EH_RSA_2048 EH_RSA_3072 EH_EC_P224 EH_EC_P256K EH_EC_P256 EH_EC_P384 EH_EC_P521 EH_SM2 EH_SM4_CTR EH_SM4_CBC EH_HMAC'
  for (const keyspec of specs.split(' ')) await succeed(server.url, other, 'CreateKey', { keyspec, ...INTERNAL })
  const list = (await succeed(server.url, other, 'ListKey')).list! as Record<string, unknown>[]
  assert.deepEqual(
    list.map(({ keyspec }) => keyspec),
    specs.split(' '),
  )
  for (const entry of list) {
    assert.deepEqual(Object.keys(entry), ['keyid', 'creationDate', 'expireTime', 'alias', 'keyspec', 'keyState'])
    assert.deepEqual(
      [entry.alias, entry.keyState, (entry.expireTime as number) - (entry.creationDate as number)],
      ['', 1, 365 * 86_400_000],
    )
  }
})

test('wrapping for import takes the padding words of both dialects', async () => {
  for (const [padding_mode, padding] of [
    ['EH_RSA_PKCS1_OAEP', constants.RSA_PKCS1_OAEP_PADDING],
    ['EH_PAD_RSA_PKCS1_OAEP', constants.RSA_PKCS1_OAEP_PADDING],
    ['EH_RSA_PKCS1', constants.RSA_PKCS1_PADDING],
    ['EH_PAD_RSA_PKCS1', constants.RSA_PKCS1_PADDING],
  ] as const) {
    const keyid = (await ok('CreateKey', { keyspec: 'EH_AES_GCM_128', origin: 'EH_EXTERNAL_KEY' })).keyid!
    const { pubkey, importToken } = await ok('GetParametersForImport', { keyid, keyspec: 'EH_RSA_2048' })
    const wrapped = publicEncrypt({ key: createPublicKey(pubkey!), padding, oaepHash: 'sha256' }, Buffer.alloc(16, 7))
    const { result } = await ok('ImportKeyMaterial', { keyid, padding_mode, key_material: b64(wrapped), importToken })
    assert.equal(result, true)
  }
})
