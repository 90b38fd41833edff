/** What keys refuse (contract §5, with our order of reasons: missing, disabled, expired, pending import, usage), always with code 400. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { systemRuntime } from '../../src/foundation/runtime.ts'

const UNKNOWN = '00000000-0000-4000-8000-000000000000'
const ENCRYPT = 'EH_KEYUSAGE_ENCRYPT_DECRYPT'
const SIGN = 'EH_KEYUSAGE_SIGN_VERIFY'
const B32 = Buffer.alloc(32, 1).toString('base64')

let server: TestServer
let app: Credentials
let neighbour: Credentials
/** Moves the server's clock. */
let offset = 0
const keys = new Map<string, string>()

before(async () => {
  server = await startTestServer({ runtime: { ...systemRuntime, now: () => Date.now() + offset } })
  app = await enroll(server.url)
  neighbour = await enroll(server.url)
  for (const keyspec of ['EH_AES_GCM_256', 'EH_SM4_CTR', 'EH_SM4_CBC', 'EH_RSA_2048', 'EH_EC_P256', 'EH_SM2', 'EH_HMAC']) {
    keys.set(keyspec, await create({ keyspec }))
  }
})
after(() => server[Symbol.asyncDispose]())

const ok = (action: string, payload: object) => succeed(server.url, app, action, payload)
const create = async (payload: object): Promise<string> => (await ok('CreateKey', { origin: 'EH_INTERNAL_KEY', ...payload })).keyid!

async function refusal(action: string, payload: object, credentials = app): Promise<string> {
  const { code, message, result } = await call(server.url, credentials, action, payload, { timestamp: String(Date.now() + offset) })
  if (code !== 200) assert.deepEqual(result, {})
  return `${code} ${message}`
}

/** Every action that uses a key for cryptography, with a payload that some key serves. */
const CRYPTOGRAPHY: [action: string, payload: object][] = [
  ['Encrypt', { plaintext: B32 }],
  ['Decrypt', { ciphertext: B32 }],
  ['GenerateDataKey', { keylen: 16 }],
  ['GenerateDataKeyWithoutPlaintext', { keylen: 16 }],
  ['ExportDataKey', { ukeyid: UNKNOWN, olddatakey: B32 }],
  ['AsymmetricEncrypt', { plaintext: B32 }],
  ['AsymmetricDecrypt', { ciphertext: B32 }],
  ['Sign', { digest: B32 }],
  ['Verify', { digest: B32, signature: B32 }],
  ['GetPublicKey', {}],
]
const IMPORT: [string, object][] = [
  ['GetParametersForImport', { keyspec: 'EH_RSA_2048' }],
  ['ImportKeyMaterial', { padding_mode: 'EH_RSA_PKCS1_OAEP', key_material: B32, importToken: 'x' }],
]

/** What all actions that look a key up say of `keyid`. */
async function assertRefused(keyid: string, message: string, credentials = app, actions = [...CRYPTOGRAPHY, ...IMPORT]): Promise<void> {
  for (const [action, payload] of actions) assert.equal(await refusal(action, { keyid, ...payload }, credentials), `400 ${message}`, action)
}

test('an unknown key is missing, and so is the key of another app, whatever its state', async () => {
  await assertRefused(UNKNOWN, 'keyid error')
  for (const keyid of keys.values()) await assertRefused(keyid, 'keyid error', neighbour)
  const disabled = await create({ keyspec: 'EH_AES_GCM_128' })
  await ok('DisableKey', { keyid: disabled })
  const pending = await create({ keyspec: 'EH_AES_GCM_128', origin: 'EH_EXTERNAL_KEY' })
  for (const keyid of [disabled, pending]) await assertRefused(keyid, 'keyid error', neighbour)
  for (const keyid of [UNKNOWN, disabled]) {
    for (const action of ['EnableKey', 'DisableKey']) assert.equal(await refusal(action, { keyid }, neighbour), '400 not find this keyid')
    assert.equal(await refusal('DescribeKey', { keyid }, neighbour), '400 keyid error')
    assert.equal(await refusal('UpdateKey', { keyid, alias: 'mine' }, neighbour), '400 keyid error')
  }
})

test('deleting an unknown key or that of another app succeeds and does nothing', async () => {
  const keyid = await create({ keyspec: 'EH_AES_GCM_128' })
  for (const id of [UNKNOWN, keyid]) {
    for (let i = 0; i < 2; i++) assert.equal(await refusal('DeleteKey', { keyid: id }, neighbour), '200 success!')
  }
  await succeed(server.url, neighbour, 'DeleteAllKey')
  assert.equal(await refusal('Encrypt', { keyid, plaintext: 'AAAA' }), '200 success!')
})

test('a deleted key is missing everywhere, and can be deleted again', async () => {
  for (const keyspec of ['EH_AES_GCM_128', 'EH_EC_P256']) {
    const keyid = await create({ keyspec })
    await ok(keyspec === 'EH_EC_P256' ? 'Sign' : 'Encrypt', { keyid, plaintext: 'AAAA', digest: 'AAAA' })
    await ok('DeleteKey', { keyid })
    await assertRefused(keyid, 'keyid error')
    assert.equal(await refusal('EnableKey', { keyid }), '400 not find this keyid')
    assert.equal(await refusal('DescribeKey', { keyid }), '400 keyid error')
    assert.equal(await refusal('DeleteKey', { keyid }), '200 success!')
  }
})

test("an app's hidden default key is missing to everybody", async () => {
  const inserted: string[] = []
  await using other = await startTestServer({
    runtime: { ...systemRuntime, uuid: () => inserted[inserted.push(systemRuntime.uuid()) - 1]! },
  })
  inserted.length = 0
  const credentials = await enroll(other.url)
  const rows = await Promise.all(inserted.map((id) => other.server.context.storage.findKey({ id })))
  const hidden = rows.find((row) => row?.isDefault)!.id
  for (const [action, payload] of [...CRYPTOGRAPHY, ...IMPORT, ['DescribeKey', {}], ['UpdateKey', { alias: 'x' }]] as [string, object][]) {
    assert.equal((await call(other.url, credentials, action, { keyid: hidden, ...payload })).message, 'keyid error', action)
  }
  assert.equal((await call(other.url, credentials, 'DisableKey', { keyid: hidden })).message, 'not find this keyid')
  for (const [action, payload] of [
    ['DeleteKey', { keyid: hidden }],
    ['DeleteALLKey', undefined],
  ] as const) {
    assert.equal((await call(other.url, credentials, action, payload)).code, 200)
  }
  assert.equal((await other.server.context.storage.findKey({ id: hidden }))!.deletedAt, null)
  assert.deepEqual((await succeed(other.url, credentials, 'ListKey')).list, [])
})

test('a disabled key refuses every use, whatever its kind, until it is enabled; both can be repeated', async () => {
  for (const keyspec of ['EH_AES_GCM_128', 'EH_EC_P256', 'EH_HMAC']) {
    const keyid = await create({ keyspec })
    for (let i = 0; i < 2; i++) assert.equal(await refusal('DisableKey', { keyid }), '200 success!')
    await assertRefused(keyid, 'keyid is disabled')
    for (let i = 0; i < 2; i++) assert.equal(await refusal('EnableKey', { keyid }), '200 success!')
    assert.equal(
      await refusal(keyspec === 'EH_AES_GCM_128' ? 'Encrypt' : 'Sign', { keyid, plaintext: 'AAAA', digest: 'AAAA' }),
      '200 success!',
    )
  }
})

test('an expired key refuses every use; disabled comes before expired, which comes before pending import', async () => {
  const expireTime = Date.now() + 60_000
  const expiring = await create({ keyspec: 'EH_AES_GCM_128', expireTime })
  const disabled = await create({ keyspec: 'EH_AES_GCM_128', expireTime })
  await ok('DisableKey', { keyid: disabled })
  const waiting = await create({ keyspec: 'EH_AES_GCM_128', origin: 'EH_EXTERNAL_KEY', expireTime })
  assert.equal(await refusal('Encrypt', { keyid: expiring, plaintext: 'AAAA' }), '200 success!')
  try {
    offset = 61_000
    await assertRefused(expiring, 'keyid expire')
    await assertRefused(disabled, 'keyid is disabled')
    await assertRefused(waiting, 'keyid expire')
    assert.equal(await refusal('UpdateKey', { keyid: expiring, expireTime: expireTime + 600_000 }), '200 success!')
    assert.equal(await refusal('Encrypt', { keyid: expiring, plaintext: 'AAAA' }), '200 success!')
  } finally {
    offset = 0
  }
})

test('a key that waits for import refuses cryptography, is listed as enabled and can be disabled, enabled and deleted', async () => {
  const keyid = await create({ keyspec: 'EH_AES_GCM_256', origin: 'EH_EXTERNAL_KEY' })
  await assertRefused(keyid, 'keyid has no key material yet, import it first.', app, CRYPTOGRAPHY)
  const list = (await ok('ListKey', {})).list! as { keyid: string; keyState: number }[]
  assert.equal(list.find((key) => key.keyid === keyid)!.keyState, 1)
  for (const action of ['DisableKey', 'EnableKey', 'DeleteKey']) assert.equal(await refusal(action, { keyid }), '200 success!')
})

test('a key of the wrong kind is named', async () => {
  const needs: Record<string, [families: string[], needs: string]> = {
    Encrypt: [['AES', 'SM4'], 'a symmetric encryption key (AES-GCM or SM4)'],
    AsymmetricEncrypt: [['RSA', 'SM2'], 'an RSA or SM2 key'],
    Sign: [['RSA', 'EC', 'SM2', 'HMAC'], 'an RSA, EC, SM2 or HMAC key'],
    GetPublicKey: [['RSA', 'EC', 'SM2'], 'an RSA, EC or SM2 key'],
  }
  const like: Record<string, string> = {
    Decrypt: 'Encrypt',
    GenerateDataKey: 'Encrypt',
    GenerateDataKeyWithoutPlaintext: 'Encrypt',
    ExportDataKey: 'Encrypt',
    AsymmetricDecrypt: 'AsymmetricEncrypt',
    Verify: 'Sign',
  }
  for (const [action, payload] of CRYPTOGRAPHY) {
    const [families, need] = needs[like[action] ?? action]!
    for (const [keyspec, keyid] of keys) {
      if (families.includes(keyspec.split('_')[1]!)) continue
      const operation = action === 'GenerateDataKeyWithoutPlaintext' ? 'GenerateDataKey' : action
      assert.equal(await refusal(action, { keyid, ...payload }), `400 The key is an ${keyspec} key: ${operation} needs ${need}.`)
    }
  }
})

test('a usage that the spec cannot have is refused at CreateKey', async () => {
  for (const keyspec of ['EH_AES_GCM_128', 'EH_SM4_CTR', 'EH_SM4_CBC']) {
    for (const usage of [{ keyusage: SIGN }, { purpose: 'EH_PURPOSE_SIGN_VERIFY' }]) {
      const expected = `400 An ${keyspec} key can only be used to encrypt and decrypt.`
      assert.equal(await refusal('CreateKey', { keyspec, origin: 'EH_INTERNAL_KEY', ...usage }), expected)
    }
  }
  const hmac = await refusal('CreateKey', { keyspec: 'EH_HMAC', origin: 'EH_INTERNAL_KEY', keyusage: ENCRYPT })
  assert.equal(hmac, '400 An EH_HMAC key can only be used to sign and verify.')
})

test('a usage given to a key is enforced', async () => {
  for (const keyspec of ['EH_SM2', 'EH_RSA_2048']) {
    const signer = await create({ keyspec, keyusage: SIGN })
    for (const [action, payload] of [
      ['AsymmetricEncrypt', { plaintext: B32 }],
      ['AsymmetricDecrypt', { ciphertext: B32 }],
    ] as const) {
      assert.equal(
        await refusal(action, { keyid: signer, ...payload }),
        `400 The key was created only to sign and verify: ${action} is not allowed.`,
      )
    }
    const encrypter = await create({ keyspec, purpose: 'EH_PURPOSE_ENCRYPT_DECRYPT' })
    for (const [action, payload] of [
      ['Sign', { digest: B32 }],
      ['Verify', { digest: B32, signature: B32 }],
    ] as const) {
      assert.equal(
        await refusal(action, { keyid: encrypter, ...payload }),
        `400 The key was created only to encrypt and decrypt: ${action} is not allowed.`,
      )
    }
    for (const keyid of [signer, encrypter]) assert.equal(await refusal('GetPublicKey', { keyid }), '200 success!')
  }
})

test('an EC key may be created to encrypt, which no EC key does', async () => {
  const keyid = await create({ keyspec: 'EH_EC_P256', keyusage: ENCRYPT })
  assert.match(await refusal('AsymmetricEncrypt', { keyid, plaintext: 'AAAA' }), /^400 The key is an EH_EC_P256 key/)
  assert.match(await refusal('Sign', { keyid, digest: 'AAAA' }), /^400 The key was created only to encrypt and decrypt/)
  assert.equal(await refusal('GetPublicKey', { keyid }), '200 success!')
})

test('raw RSA is refused on use and at CreateKey', async () => {
  const expected = '400 Parameter invalid, The padding_mode must be PKCS1, PSS or OAEP for an RSA key.'
  assert.equal(await refusal('CreateKey', { keyspec: 'EH_RSA_2048', origin: 'EH_INTERNAL_KEY', padding_mode: 'EH_PAD_RSA_NO' }), expected)
  const keyid = keys.get('EH_RSA_2048')!
  for (const [action, payload] of CRYPTOGRAPHY.filter(([action]) => /^(Asymmetric|Sign|Verify)/.test(action))) {
    assert.equal(await refusal(action, { keyid, ...payload, padding_mode: 'EH_PAD_NONE' }), expected)
  }
})

test('PSS encrypts nothing and OAEP signs nothing', async () => {
  const keyid = keys.get('EH_RSA_2048')!
  for (const [action, payload] of [
    ['AsymmetricEncrypt', { plaintext: B32 }],
    ['AsymmetricDecrypt', { ciphertext: B32 }],
  ] as const) {
    const expected = '400 RSA encryption uses OAEP or PKCS #1 v1.5 padding.'
    assert.equal(await refusal(action, { keyid, ...payload, padding_mode: 'EH_RSA_PKCS1_PSS' }), expected)
  }
  for (const [action, payload] of [
    ['Sign', {}],
    ['Verify', { signature: B32 }],
  ] as const) {
    for (const message_type of ['EH_RAW', 'EH_DIGEST']) {
      const request = { keyid, message: B32, message_type, ...payload, padding_mode: 'EH_RSA_PKCS1_OAEP' }
      assert.equal(await refusal(action, request), '400 RSA signatures use PKCS #1 v1.5 or PSS padding.')
    }
  }
})

test('plaintexts are taken up to their limit, which is named', async () => {
  const bytes = (length: number) => Buffer.alloc(length, 7).toString('base64')
  const limits: [string, string, object, number][] = [
    ['Encrypt', 'EH_AES_GCM_256', {}, 6144],
    ['Encrypt', 'EH_SM4_CBC', {}, 6144],
    ['AsymmetricEncrypt', 'EH_RSA_2048', {}, 190],
    ['AsymmetricEncrypt', 'EH_RSA_2048', { padding_mode: 'EH_RSA_PKCS1' }, 245],
    ['AsymmetricEncrypt', 'EH_SM2', {}, 255],
  ]
  for (const [action, keyspec, more, limit] of limits) {
    const keyid = keys.get(keyspec)!
    const decrypt = action.replace('Encrypt', 'Decrypt')
    for (const length of [1, limit]) {
      const { ciphertext } = await ok(action, { keyid, plaintext: bytes(length), ...more })
      assert.equal((await ok(decrypt, { keyid, ciphertext, ...more })).plaintext, bytes(length))
    }
    const over = await refusal(action, { keyid, plaintext: bytes(limit + 1), ...more })
    const named = `The plaintext is ${limit + 1} bytes long, but ${keyspec} with this padding takes at most ${limit}.`
    assert.equal(over, action === 'Encrypt' ? '400 Parameter invalid, The plaintext length error.' : `400 ${named}`)
  }
})

test('ExportDataKey names the limit of the target, and what it cannot export to', async () => {
  const keyid = keys.get('EH_AES_GCM_256')!
  const wrap = async (keylen: number) => (await ok('GenerateDataKey', { keyid, keylen })).ciphertext
  for (const [keyspec, limit] of [
    ['EH_RSA_2048', 190],
    ['EH_SM2', 255],
  ] as const) {
    const ukeyid = keys.get(keyspec)!
    assert.equal(await refusal('ExportDataKey', { keyid, ukeyid, olddatakey: await wrap(limit) }), '200 success!')
    const expected = `400 The data key is ${limit + 1} bytes long, but ${keyspec} with this padding takes at most ${limit}.`
    assert.equal(await refusal('ExportDataKey', { keyid, ukeyid, olddatakey: await wrap(limit + 1) }), expected)
  }
  const olddatakey = await wrap(16)
  for (const keyspec of ['EH_EC_P256', 'EH_AES_GCM_256', 'EH_HMAC']) {
    const expected = `400 The key is an ${keyspec} key: ExportDataKey (ukeyid) needs an RSA or SM2 key.`
    assert.equal(await refusal('ExportDataKey', { keyid, ukeyid: keys.get(keyspec)!, olddatakey }), expected)
  }
  const signer = await create({ keyspec: 'EH_SM2', keyusage: SIGN })
  assert.match(await refusal('ExportDataKey', { keyid, ukeyid: signer, olddatakey }), /^400 The key was created only to sign and verify/)
  assert.equal(await refusal('ExportDataKey', { keyid, ukeyid: UNKNOWN, olddatakey }), '400 keyid error')
  const foreign = (await succeed(server.url, neighbour, 'CreateKey', { keyspec: 'EH_SM2', origin: 'EH_INTERNAL_KEY' })).keyid
  assert.equal(await refusal('ExportDataKey', { keyid, ukeyid: foreign, olddatakey }), '400 keyid error')
  await ok('DisableKey', { keyid: signer })
  assert.equal(await refusal('ExportDataKey', { keyid, ukeyid: signer, olddatakey }), '400 keyid is disabled')
})

test("ExportDataKey uses the target's own padding", async () => {
  const ukeyid = await create({ keyspec: 'EH_RSA_2048', 'padding mode': 'EH_PAD_RSA_PKCS1' })
  const keyid = keys.get('EH_AES_GCM_256')!
  const { plaintext, ciphertext } = await ok('GenerateDataKey', { keyid, keylen: 245, aad: B32 })
  const { newdatakey } = await ok('ExportDataKey', { keyid, ukeyid, olddatakey: ciphertext, aad: B32 })
  assert.deepEqual(await ok('AsymmetricDecrypt', { keyid: ukeyid, ciphertext: newdatakey, padding_mode: 'EH_RSA_PKCS1' }), { plaintext })
})

test('whatever does not decrypt says one and the same', async () => {
  const expected = '400 Decryption failed, Please confirm that your parameters are correct.'
  const [aes, cbc, rsa, sm2] = ['EH_AES_GCM_256', 'EH_SM4_CBC', 'EH_RSA_2048', 'EH_SM2'].map((spec) => keys.get(spec)!) as [
    string,
    string,
    string,
    string,
  ]
  const flip = (text: string, at: number): string => {
    const bytes = Buffer.from(text, 'base64')
    bytes[at < 0 ? bytes.length + at : at]! ^= 1
    return bytes.toString('base64')
  }
  const cut = (text: string, length: number): string => Buffer.from(text, 'base64').subarray(0, length).toString('base64')
  const gcm = (await ok('Encrypt', { keyid: aes, plaintext: B32, aad: B32 })).ciphertext! as string
  const other = await create({ keyspec: 'EH_AES_GCM_256' })
  const bad: [string, object][] = [
    ['Decrypt', { keyid: aes, ciphertext: flip(gcm, 0), aad: B32 }],
    ['Decrypt', { keyid: aes, ciphertext: flip(gcm, 40), aad: B32 }],
    ['Decrypt', { keyid: aes, ciphertext: flip(gcm, -1), aad: B32 }],
    ['Decrypt', { keyid: aes, ciphertext: gcm, aad: 'AAAA' }],
    ['Decrypt', { keyid: aes, ciphertext: gcm }],
    ['Decrypt', { keyid: other, ciphertext: gcm, aad: B32 }],
    ...[1, 12, 27, 28].map((length): [string, object] => ['Decrypt', { keyid: aes, ciphertext: cut(gcm, length), aad: B32 }]),
    ...['EH_SM4_CBC', 'EH_SM4_CTR'].flatMap((spec) =>
      [1, 15, 16].map((length): [string, object] => ['Decrypt', { keyid: keys.get(spec)!, ciphertext: cut(gcm, length) }]),
    ),
    ...[17, 31, 33, 47].map((length): [string, object] => ['Decrypt', { keyid: cbc, ciphertext: Buffer.alloc(length).toString('base64') }]),
    ['ExportDataKey', { keyid: aes, ukeyid: rsa, olddatakey: gcm }],
    ['ExportDataKey', { keyid: aes, ukeyid: rsa, olddatakey: 'AAAA' }],
  ]
  const sealed = (await ok('AsymmetricEncrypt', { keyid: rsa, plaintext: B32 })).ciphertext! as string
  for (const ciphertext of [flip(sealed, 5), flip(sealed, -1), cut(sealed, 255), 'AAAA', Buffer.alloc(256, 255).toString('base64')]) {
    bad.push(['AsymmetricDecrypt', { keyid: rsa, ciphertext }])
  }
  for (const ciphertext of ['AAAA', cut(sealed, 255), Buffer.alloc(257).toString('base64')]) {
    bad.push(['AsymmetricDecrypt', { keyid: rsa, ciphertext, padding_mode: 'EH_RSA_PKCS1' }])
  }
  const sm2Sealed = (await ok('AsymmetricEncrypt', { keyid: sm2, plaintext: B32 })).ciphertext! as string
  for (const ciphertext of [flip(sm2Sealed, 0), flip(sm2Sealed, 20), flip(sm2Sealed, -1), cut(sm2Sealed, 100), 'AAAA', 'MAA=']) {
    bad.push(['AsymmetricDecrypt', { keyid: sm2, ciphertext }])
  }
  for (const [action, payload] of bad) assert.equal(await refusal(action, payload), expected, `${action} ${JSON.stringify(payload)}`)
})

test('aad binds an AES ciphertext; SM4 ignores it', async () => {
  const aes = await ok('Encrypt', { keyid: keys.get('EH_AES_GCM_256')!, plaintext: B32, aad: B32 })
  assert.deepEqual(await ok('Decrypt', { keyid: keys.get('EH_AES_GCM_256')!, ...aes, aad: B32 }), { plaintext: B32 })
  const sm4 = await ok('Encrypt', { keyid: keys.get('EH_SM4_CTR')!, plaintext: B32, aad: B32 })
  assert.deepEqual(await ok('Decrypt', { keyid: keys.get('EH_SM4_CTR')!, ...sm4 }), { plaintext: B32 })
})

test('a precomputed digest has the length of its digest mode, except for SM2', async () => {
  const LENGTHS = { EH_SHA_224: 28, EH_SHA_256: 32, EH_SHA_384: 48, EH_SHA_512: 64, EH_SM3: 32 }
  for (const keyspec of ['EH_RSA_2048', 'EH_EC_P256']) {
    const keyid = keys.get(keyspec)!
    for (const [digest_mode, length] of Object.entries(LENGTHS)) {
      const name = digest_mode.replace('EH_', '').replace('SHA_', 'sha').toLowerCase()
      const request = (bytes: number) => ({
        keyid,
        message: Buffer.alloc(bytes, 9).toString('base64'),
        message_type: 'EH_DIGEST',
        digest_mode,
      })
      const { signature } = await ok('Sign', request(length))
      assert.deepEqual(await ok('Verify', { ...request(length), signature }), { result: true })
      for (const bytes of [1, length - 1, length + 1]) {
        const expected = `400 A ${name} digest is ${length} bytes long, got ${bytes}.`
        assert.equal(await refusal('Sign', request(bytes)), expected)
        assert.equal(await refusal('Verify', { ...request(bytes), signature }), expected)
      }
    }
  }
  const sm2 = { keyid: keys.get('EH_SM2')!, message: 'AAAA' }
  const { signature } = await ok('Sign', { ...sm2, message_type: 'EH_DIGEST' })
  assert.deepEqual(await ok('Verify', { ...sm2, message_type: 'EH_RAW', signature }), { result: true })
})

test('Verify answers false to every signature that is wrong or malformed', async () => {
  for (const keyspec of ['EH_RSA_2048', 'EH_EC_P256', 'EH_SM2', 'EH_HMAC']) {
    const keyid = keys.get(keyspec)!
    const good = (await ok('Sign', { keyid, digest: B32 })).signature! as string
    assert.deepEqual(await ok('Verify', { keyid, digest: B32, signature: good }), { result: true })
    const bytes = Buffer.from(good, 'base64')
    const last = Buffer.from(bytes)
    last[last.length - 1]! ^= 1
    const wrong = [
      last,
      bytes.subarray(0, -1),
      Buffer.concat([bytes, Buffer.alloc(1)]),
      Buffer.alloc(1),
      Buffer.alloc(bytes.length, 0xff),
      Buffer.alloc(bytes.length),
      Buffer.from('3006020100020100', 'hex'),
      Buffer.from('3000', 'hex'),
      Buffer.alloc(512, 0x30),
      Buffer.alloc(6144, 1),
    ]
    const modes = keyspec === 'EH_HMAC' ? [{}] : [{}, { message_type: 'EH_DIGEST' }]
    for (const mode of modes) {
      for (const signature of wrong) {
        const answer = await call(server.url, app, 'Verify', { keyid, message: B32, ...mode, signature: signature.toString('base64') })
        assert.deepEqual(answer, { code: 200, message: 'success!', result: { result: false } }, `${keyspec} ${signature.length}`)
      }
    }
    assert.deepEqual(await ok('Verify', { keyid, digest: 'AAAA', signature: good }), { result: false })
  }
  const rsa = { keyid: keys.get('EH_RSA_2048')!, digest: B32 }
  const { signature } = await ok('Sign', rsa)
  for (const mode of [{ padding_mode: 'EH_RSA_PKCS1_PSS' }, { digest_mode: 'EH_SHA_512' }]) {
    assert.deepEqual(await ok('Verify', { ...rsa, ...mode, signature }), { result: false })
  }
})

test('an HMAC key gives the full MAC, of SHA-256 unless told otherwise, and takes no digest', async () => {
  const keyid = keys.get('EH_HMAC')!
  const lengths = { EH_SHA_224: 28, EH_SHA_256: 32, EH_SHA_384: 48, EH_SHA_512: 64, EH_SM3: 32 }
  for (const [digest_mode, length] of Object.entries(lengths)) {
    const { signature } = await ok('Sign', { keyid, message: B32, digest_mode })
    assert.equal(Buffer.from(signature!, 'base64').length, length)
    const truncated = Buffer.from(signature!, 'base64').subarray(0, 16).toString('base64')
    assert.deepEqual(await ok('Verify', { keyid, message: B32, digest_mode, signature: truncated }), { result: false })
  }
  const plain = await ok('Sign', { keyid, digest: B32 })
  assert.deepEqual(await ok('Verify', { keyid, message: B32, digest_mode: 'EH_SHA_256', ...plain }), { result: true })
  const expected = '400 EH_HMAC takes the message itself: EH_DIGEST is not offered.'
  assert.equal(await refusal('Sign', { keyid, message: B32, message_type: 'EH_DIGEST' }), expected)
  assert.equal(await refusal('Verify', { keyid, message: B32, message_type: 'EH_DIGEST', signature: B32 }), expected)
})

test('key material from outside is for AES, SM4 and HMAC keys only', async () => {
  for (const keyspec of ['EH_RSA_2048', 'EH_EC_P256', 'EH_SM2']) {
    const expected = `400 EH_EXTERNAL_KEY is for AES, SM4 and HMAC keys; ${keyspec} keys are generated here (EH_INTERNAL_KEY).`
    assert.equal(await refusal('CreateKey', { keyspec, origin: 'EH_EXTERNAL_KEY' }), expected)
  }
  for (const [action, payload] of IMPORT) {
    const expected = '400 The key was not created with EH_EXTERNAL_KEY: nothing can be imported to it.'
    assert.equal(await refusal(action, { keyid: keys.get('EH_AES_GCM_256')!, ...payload }), expected)
  }
})

test('an app has at most as many keys as it may have', async () => {
  await using small = await startTestServer({ flags: ['--keys-per-app', '2'] })
  const credentials = await enroll(small.url)
  const make = () => call(small.url, credentials, 'CreateKey', { keyspec: 'EH_SM4_CTR', origin: 'EH_INTERNAL_KEY' })
  const made = [await make(), await make()]
  assert.equal((await make()).message, 'create cmk failed, this app has as many keys as it may have.')
  await succeed(small.url, credentials, 'DeleteKey', { keyid: made[0]!.result.keyid! })
  assert.equal((await make()).code, 200)
})
