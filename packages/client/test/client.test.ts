import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { VouchsafeClient, VouchsafeConnectionError, VouchsafeError } from '../src/index.ts'
import type { KeyDescription } from '../src/index.ts'
import { APIKEY, APPID, startStandIn } from './support/stand-in.ts'

const KEYID = 'aac3e45a-d3dc-4791-89b6-4ada0e38e6ef'
const UKEYID = 'ec1ccb09-4dd5-4af9-b04b-a97c4613cd7e'
const bytes = (text: string) => new TextEncoder().encode(text)

const DESCRIPTION: KeyDescription = {
  keyid: KEYID,
  alias: 'orders',
  keyspec: 'EH_AES_GCM_256',
  origin: 'EH_INTERNAL_KEY',
  keyusage: 'EH_KEYUSAGE_ENCRYPT_DECRYPT',
  padding_mode: null,
  digest_mode: null,
  keyState: 1,
  status: 'enabled',
  creationDate: 1645152619225,
  expireTime: 1676688619225,
  encryptions: 7,
  keyCheckValue: '00C0FF',
  notes: ['a note'],
}

interface Row {
  call: (client: VouchsafeClient) => Promise<unknown>
  action: string
  payload?: object
  result?: object
  message?: string
  gives?: unknown
}

const signature = { message_type: 'EH_DIGEST', digest_mode: 'EH_SHA_384', padding_mode: 'EH_RSA_PKCS1_PSS' } as const

/** One row per method: the action and payload that must reach the server, its answer, and what the caller must get. */
const ROWS: Row[] = [
  {
    call: (c) => c.createKey({ keyspec: 'EH_RSA_3072', keyusage: 'EH_KEYUSAGE_SIGN_VERIFY', alias: 'a', expireTime: 1676688619225 }),
    action: 'CreateKey',
    payload: {
      keyspec: 'EH_RSA_3072',
      origin: 'EH_INTERNAL_KEY',
      keyusage: 'EH_KEYUSAGE_SIGN_VERIFY',
      alias: 'a',
      expireTime: 1676688619225,
    },
    result: { keyid: KEYID },
    gives: { keyid: KEYID },
  },
  {
    call: (c) => c.createKey({ keyspec: 'EH_SM4_CTR', origin: 'EH_EXTERNAL_KEY' }),
    action: 'CreateKey',
    payload: { keyspec: 'EH_SM4_CTR', origin: 'EH_EXTERNAL_KEY' },
    result: { keyid: KEYID },
    gives: { keyid: KEYID },
  },
  { call: (c) => c.listKeys(), action: 'ListKey', result: { list: [{ keyid: KEYID }] }, gives: [{ keyid: KEYID }] },
  { call: (c) => c.describeKey(KEYID), action: 'DescribeKey', payload: { keyid: KEYID }, result: DESCRIPTION, gives: DESCRIPTION },
  {
    call: (c) => c.updateKey(KEYID, { alias: '', expireTime: 1676688619225 }),
    action: 'UpdateKey',
    payload: { keyid: KEYID, alias: '', expireTime: 1676688619225 },
    result: DESCRIPTION,
    gives: DESCRIPTION,
  },
  {
    call: (c) => c.deleteKey(KEYID),
    action: 'DeleteKey',
    payload: { keyid: KEYID },
    message: 'success! it can be restored',
    gives: { message: 'success! it can be restored' },
  },
  { call: (c) => c.deleteAllKeys(), action: 'DeleteAllKey' },
  { call: (c) => c.enableKey(KEYID), action: 'EnableKey', payload: { keyid: KEYID } },
  { call: (c) => c.disableKey(KEYID), action: 'DisableKey', payload: { keyid: KEYID } },
  {
    call: (c) => c.encrypt(KEYID, bytes('plaintext'), { aad: bytes('challenge') }),
    action: 'Encrypt',
    payload: { keyid: KEYID, plaintext: 'cGxhaW50ZXh0', aad: 'Y2hhbGxlbmdl' },
    result: { ciphertext: 'cGxhaW50ZXh0' },
    gives: bytes('plaintext'),
  },
  {
    call: (c) => c.encrypt(KEYID, bytes('xxplaintextxx').subarray(2, 11)),
    action: 'Encrypt',
    payload: { keyid: KEYID, plaintext: 'cGxhaW50ZXh0' },
    result: { ciphertext: '+/8=' },
    gives: Uint8Array.of(0xfb, 0xff),
  },
  {
    call: (c) => c.decrypt(KEYID, Uint8Array.of(0xfb, 0xff), { aad: bytes('challenge') }),
    action: 'Decrypt',
    payload: { keyid: KEYID, ciphertext: '+/8=', aad: 'Y2hhbGxlbmdl' },
    result: { plaintext: '' },
    gives: new Uint8Array(),
  },
  {
    call: (c) => c.asymmetricEncrypt(KEYID, bytes('plaintext'), { padding_mode: 'EH_RSA_PKCS1' }),
    action: 'AsymmetricEncrypt',
    payload: { keyid: KEYID, plaintext: 'cGxhaW50ZXh0', padding_mode: 'EH_RSA_PKCS1' },
    result: { ciphertext: 'AAE=' },
    gives: Uint8Array.of(0, 1),
  },
  {
    call: (c) => c.asymmetricDecrypt(KEYID, Uint8Array.of(0, 1)),
    action: 'AsymmetricDecrypt',
    payload: { keyid: KEYID, ciphertext: 'AAE=' },
    result: { plaintext: 'cGxhaW50ZXh0' },
    gives: bytes('plaintext'),
  },
  {
    call: (c) => c.sign(KEYID, bytes('digest'), signature),
    action: 'Sign',
    payload: { keyid: KEYID, message: 'ZGlnZXN0', ...signature },
    result: { signature: 'AAE=' },
    gives: Uint8Array.of(0, 1),
  },
  {
    call: (c) => c.verify(KEYID, bytes('digest'), Uint8Array.of(0, 1), signature),
    action: 'Verify',
    payload: { keyid: KEYID, message: 'ZGlnZXN0', signature: 'AAE=', ...signature },
    result: { result: false },
    gives: false,
  },
  {
    call: (c) => c.generateDataKey(KEYID, 16, { aad: bytes('challenge') }),
    action: 'GenerateDataKey',
    payload: { keyid: KEYID, keylen: 16, aad: 'Y2hhbGxlbmdl' },
    result: { plaintext: 'AAE=', ciphertext: '+/8=' },
    gives: { plaintext: Uint8Array.of(0, 1), ciphertext: Uint8Array.of(0xfb, 0xff) },
  },
  {
    call: (c) => c.generateDataKeyWithoutPlaintext(KEYID, 1024),
    action: 'GenerateDataKeyWithoutPlaintext',
    payload: { keyid: KEYID, keylen: 1024 },
    result: { ciphertext: '+/8=' },
    gives: Uint8Array.of(0xfb, 0xff),
  },
  {
    call: (c) => c.exportDataKey({ keyid: KEYID, ukeyid: UKEYID, olddatakey: Uint8Array.of(0, 1), aad: bytes('challenge') }),
    action: 'ExportDataKey',
    payload: { keyid: KEYID, ukeyid: UKEYID, olddatakey_base: 'AAE=', aad: 'Y2hhbGxlbmdl' },
    result: { newdatakey: '+/8=' },
    gives: Uint8Array.of(0xfb, 0xff),
  },
  { call: (c) => c.getPublicKey(KEYID), action: 'GetPublicKey', payload: { keyid: KEYID }, result: { pubkey: 'PEM' }, gives: 'PEM' },
  {
    call: (c) => c.getParametersForImport(KEYID, 'EH_RSA_3072'),
    action: 'GetParametersForImport',
    payload: { keyid: KEYID, keyspec: 'EH_RSA_3072' },
    result: { pubkey: 'PEM', importToken: 'T' },
    gives: { pubkey: 'PEM', importToken: 'T' },
  },
  {
    call: (c) =>
      c.importKeyMaterial({ keyid: KEYID, padding_mode: 'EH_RSA_PKCS1_OAEP', key_material: Uint8Array.of(0, 1), importToken: 'T' }),
    action: 'ImportKeyMaterial',
    payload: { keyid: KEYID, padding_mode: 'EH_RSA_PKCS1_OAEP', key_material: 'AAE=', importToken: 'T' },
    result: { result: true, keyCheckValue: '00C0FF' },
    gives: { keyCheckValue: '00C0FF' },
  },
]

for (const { call, action, payload, result = {}, message = 'success!', gives } of ROWS) {
  test(`${action} sends ${JSON.stringify(payload)?.slice(0, 60) ?? 'no payload'}, signed, and reads the answer`, async () => {
    await using server = await startStandIn(() => ({ message, result }))
    const client = new VouchsafeClient({ baseUrl: server.url, appid: APPID, apikey: APIKEY })
    assert.deepEqual(await call(client), gives)
    assert.deepEqual(server.faults, [])
    const [request] = server.seen
    assert.equal(request!.action, action)
    assert.deepEqual(request!.payload, payload)
    assert.match(request!.nonce, /^[\w-]{22}$/)
  })
}

test('GetVersion and Enroll go out as GET without credentials', async () => {
  await using server = await startStandIn(({ action }) => ({
    result: action === 'Enroll' ? { appid: APPID, apikey: APIKEY } : { version: '0.1.0', git_sha: 'c14b8b8' },
  }))
  const client = new VouchsafeClient({ baseUrl: server.url, appid: APPID, apikey: APIKEY })
  assert.deepEqual(await client.getVersion(), { version: '0.1.0', git_sha: 'c14b8b8' })
  assert.deepEqual(await VouchsafeClient.getVersion({ baseUrl: server.url }), { version: '0.1.0', git_sha: 'c14b8b8' })
  assert.deepEqual(await VouchsafeClient.enroll({ baseUrl: server.url }), { appid: APPID, apikey: APIKEY })
  assert.deepEqual(
    server.seen.map(({ method, action, headers }) => [method, action, headers.authorization]),
    [
      ['GET', 'GetVersion', undefined],
      ['GET', 'GetVersion', undefined],
      ['GET', 'Enroll', undefined],
    ],
  )
})

test('base addresses may have a path and trailing slashes', async () => {
  await using server = await startStandIn(() => ({ result: { list: [] } }))
  for (const suffix of ['', '/', '/kms', '/kms//']) {
    await new VouchsafeClient({ baseUrl: server.url + suffix, appid: APPID, apikey: APIKEY }).listKeys()
  }
  assert.deepEqual(
    server.seen.map((request) => request.path),
    ['/ehsm', '/ehsm', '/kms/ehsm', '/kms/ehsm'],
  )
})

test('a refusal is a VouchsafeError with code, message and action', async () => {
  await using server = await startStandIn(() => ({ code: 400, message: 'keyid is disabled' }))
  const client = new VouchsafeClient({ baseUrl: server.url, appid: APPID, apikey: APIKEY })
  await assert.rejects(client.encrypt(KEYID, bytes('x')), (error) => {
    assert.ok(error instanceof VouchsafeError)
    assert.deepEqual([error.code, error.message, error.action], [400, 'keyid is disabled', 'Encrypt'])
    return true
  })
  assert.equal(server.seen.length, 1)
})

test('a result without its field is a VouchsafeConnectionError that names the field', async () => {
  await using server = await startStandIn(() => ({ result: {} }))
  const client = new VouchsafeClient({ baseUrl: server.url, appid: APPID, apikey: APIKEY })
  for (const [call, field] of [
    [client.encrypt(KEYID, bytes('x')), 'ciphertext'],
    [client.listKeys(), 'list'],
    [client.verify(KEYID, bytes('x'), bytes('y')), 'result'],
    [client.describeKey(KEYID), 'keyid'],
  ] as const)
    await assert.rejects(call, (error) => error instanceof VouchsafeConnectionError && error.message.endsWith(`has no ${field}`))
})

test('options and inputs that cannot work are refused before anything is sent', async () => {
  const options = { baseUrl: 'http://127.0.0.1:1', appid: APPID, apikey: APIKEY }
  for (const wrong of [
    { baseUrl: 'localhost:9000' },
    { baseUrl: '/ehsm' },
    { baseUrl: 'file:///etc' },
    { baseUrl: 'http://user:secret@host' },
    { baseUrl: 'http://host/?Action=x' },
    { appid: '' },
    { apikey: '' },
    { timeoutMs: 0 },
    { timeoutMs: NaN },
    { retries: -1 },
  ])
    assert.throws(() => new VouchsafeClient({ ...options, ...wrong }), TypeError)
  const client = new VouchsafeClient(options)
  await assert.rejects(client.encrypt(KEYID, 'text' as unknown as Uint8Array), /plaintext must be a Uint8Array/)
})

test('the apikey shows neither in the client nor in its errors', async () => {
  const client = new VouchsafeClient({ baseUrl: 'http://127.0.0.1:1', appid: APPID, apikey: APIKEY, retries: 0 })
  const error: unknown = await client.listKeys().catch((e: unknown) => e)
  for (const text of [inspect(client, { depth: 9, showHidden: true }), JSON.stringify(client), inspect(error, { depth: 9 })])
    assert.ok(!text.includes(APIKEY))
})
