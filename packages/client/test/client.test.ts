import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { EHSM, type EhsmDescriptor } from '@vouchsafe/operations'
import { VouchsafeClient, VouchsafeConnectionError, VouchsafeError, hmacBase64 } from '../src/index.ts'
import type { KeyDescription, SecretDescription } from '../src/index.ts'
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

const SECRET: SecretDescription = {
  secretName: 'secretName01',
  description: 'desc01',
  createTime: 1661393990546,
  plannedDeleteTime: 1659519772925,
  rotationInterval: '30d',
  lastRotationDate: '',
  nextRotationDate: 1661501990546,
  rotationFailure: { at: 1661501990546, message: 'the webhook answered with status 500' },
}
const VALUE = { secretName: 'secretName01', secretData: 'secretData02', versionId: 2, createTime: 1659519772925 }

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
  {
    call: (c) =>
      c.createSecret({ secretName: 'a=b&c\r\n', secretData: 'sé🔑', encryptionKeyId: KEYID, description: 'd', rotationInterval: '12h' }),
    action: 'CreateSecret',
    payload: { secretName: 'a=b&c\r\n', secretData: 'sé🔑', encryptionKeyId: KEYID, description: 'd', rotationInterval: '12h' },
  },
  {
    call: (c) => c.updateSecretDescription('secretName01', ''),
    action: 'UpdateSecretDesc',
    payload: { secretName: 'secretName01', description: '' },
  },
  {
    call: (c) => c.putSecretValue('secretName01', 'secretData02\n'),
    action: 'PutSecretValue',
    payload: { secretName: 'secretName01', secretData: 'secretData02\n' },
    gives: { prunedVersions: 0 },
  },
  {
    call: (c) => c.putSecretValue('secretName01', '0'),
    action: 'PutSecretValue',
    payload: { secretName: 'secretName01', secretData: '0' },
    result: { prunedVersions: 2 },
    gives: { prunedVersions: 2 },
  },
  {
    call: (c) => c.listSecretVersionIds('secretName01'),
    action: 'ListSecretVersionIds',
    payload: { secretName: 'secretName01' },
    result: { secretName: 'secretName01', totalCount: 1, versionIds: [{ versionId: 1, createTime: 1661393990546 }] },
    gives: [{ versionId: 1, createTime: 1661393990546 }],
  },
  {
    call: (c) => c.listSecrets(),
    action: 'ListSecrets',
    payload: {},
    result: { totalCount: 1, secretList: [{ secretName: 'secretName01', createTime: 1661393990546 }] },
    gives: [{ secretName: 'secretName01', createTime: 1661393990546 }],
  },
  {
    call: (c) => c.listSecrets({ secretName: 'secretName01' }),
    action: 'ListSecrets',
    payload: { secretName: 'secretName01' },
    result: { totalCount: 0, secretList: [] },
    gives: [],
  },
  {
    call: (c) => c.listSecrets({ after: 'secretName01' }),
    action: 'ListSecrets',
    payload: { after: 'secretName01' },
    result: { totalCount: 0, secretList: [] },
    gives: [],
  },
  {
    call: (c) => c.describeSecret('secretName01'),
    action: 'DescribeSecret',
    payload: { secretName: 'secretName01' },
    result: SECRET,
    gives: SECRET,
  },
  {
    call: (c) => c.describeSecret('unknown'),
    action: 'DescribeSecret',
    payload: { secretName: 'unknown' },
    gives: undefined,
  },
  {
    call: (c) => c.deleteSecret('secretName01', { recoveryPeriod: 50 }),
    action: 'DeleteSecret',
    payload: { secretName: 'secretName01', recoveryPeriod: 50 },
    message: 'The secretName01 will be deleted after 50 days.',
    gives: { message: 'The secretName01 will be deleted after 50 days.' },
  },
  {
    call: (c) => c.deleteSecret('secretName01', { forceDelete: true }),
    action: 'DeleteSecret',
    payload: { secretName: 'secretName01', forceDelete: 'true' },
    message: 'The secretName01 delete success',
    gives: { message: 'The secretName01 delete success' },
  },
  {
    call: (c) => c.getSecretValue('secretName01'),
    action: 'GetSecretValue',
    payload: { secretName: 'secretName01' },
    result: VALUE,
    gives: VALUE,
  },
  {
    call: (c) => c.getSecretValue('secretName01', 2),
    action: 'GetSecretValue',
    payload: { secretName: 'secretName01', versionId: 2 },
    result: VALUE,
    gives: VALUE,
  },
  {
    call: (c) => c.getSecretValue('secretName01', 3),
    action: 'GetSecretValue',
    payload: { secretName: 'secretName01', versionId: 3 },
    gives: undefined,
  },
  { call: (c) => c.restoreSecret('secretName01'), action: 'RestoreSecret', payload: { secretName: 'secretName01' } },
  {
    call: (c) => c.setRotationWebhook('https://example.org/rotate'),
    action: 'SetRotationWebhook',
    payload: { url: 'https://example.org/rotate' },
    result: { url: 'https://example.org/rotate', signingKey: '+/8=' },
    gives: { url: 'https://example.org/rotate', signingKey: Uint8Array.of(0xfb, 0xff) },
  },
  {
    call: (c) => c.describeRotationWebhook(),
    action: 'DescribeRotationWebhook',
    payload: {},
    result: { url: 'https://example.org/rotate', createdAt: 1661393990546 },
    gives: { url: 'https://example.org/rotate', createdAt: 1661393990546 },
  },
  {
    call: (c) => c.describeRotationWebhook(),
    action: 'DescribeRotationWebhook',
    payload: {},
    result: { url: null, createdAt: null },
    gives: undefined,
  },
  { call: (c) => c.deleteRotationWebhook(), action: 'DeleteRotationWebhook', payload: {} },
  { call: (c) => c.rotateSecret('secretName01'), action: 'RotateSecret', payload: { secretName: 'secretName01' } },
  {
    call: (c) => c.generateQuote(Buffer.from('challenge')),
    action: 'GenerateQuote',
    payload: { challenge: 'Y2hhbGxlbmdl' },
    result: { challenge: 'Y2hhbGxlbmdl', quote: '+/8=' },
    gives: { challenge: new Uint8Array(Buffer.from('challenge')), quote: Uint8Array.of(0xfb, 0xff) },
  },
  {
    call: (c) => c.verifyQuote({ quote: Uint8Array.of(0xfb, 0xff), nonce: bytes('nonce') }),
    action: 'VerifyQuote',
    payload: { quote: '+/8=', nonce: 'bm9uY2U=', detail: true },
    result: {
      ...{ result: true, nonce: 'bm9uY2U=', mr_enclave: 'aa', mr_signer: 'bb' },
      sign: hmacBase64(APIKEY, 'mr_enclave=aa&mr_signer=bb&nonce=bm9uY2U=&result=true'),
    },
    gives: { result: true, mrEnclave: 'aa', mrSigner: 'bb', detail: {} },
  },
  {
    call: (c) => c.uploadQuotePolicy({ mrEnclave: 'aa', mrSigner: 'bb' }),
    action: 'UploadQuotePolicy',
    payload: { mr_enclave: 'aa', mr_signer: 'bb' },
    result: { policyId: KEYID },
    gives: { policyId: KEYID },
  },
  {
    call: (c) => c.getQuotePolicy(KEYID),
    action: 'GetQuotePolicy',
    payload: { policyId: KEYID },
    result: { policyId: KEYID, mr_enclave: 'aa', mr_signer: 'bb', createTime: 7 },
    gives: { policyId: KEYID, mrEnclave: 'aa', mrSigner: 'bb', createTime: 7 },
  },
  {
    call: (c) => c.getQuotePolicy(KEYID),
    action: 'GetQuotePolicy',
    payload: { policyId: KEYID },
    result: { policyId: KEYID },
    gives: undefined,
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

test('every signed action has a method', () => {
  const signed = Object.entries<EhsmDescriptor>(EHSM).flatMap(([action, { method }]) => (method === 'POST' ? [action] : []))
  assert.deepEqual([...new Set(ROWS.map(({ action }) => action))].sort(), signed.sort())
})

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
    [client.listSecrets(), 'secretList'],
    [client.listSecretVersionIds('s'), 'versionIds'],
    // Without a version there is always a value, so an empty result is no answer.
    [client.getSecretValue('s'), 'secretData'],
    [client.setRotationWebhook('https://example.org'), 'url'],
    [client.describeRotationWebhook(), 'url'],
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
  await assert.rejects(client.putSecretValue('s', bytes('x') as unknown as string), /^TypeError: secretData must be a string$/)
  for (const secretData of ['\ud800', 'x\udc00', '\udc00\ud800'])
    await assert.rejects(client.createSecret({ secretName: 's', secretData }), /^TypeError: secretData must be well-formed Unicode$/)
})

test('the apikey shows neither in the client nor in its errors', async () => {
  const client = new VouchsafeClient({ baseUrl: 'http://127.0.0.1:1', appid: APPID, apikey: APIKEY, retries: 0 })
  const error: unknown = await client.listKeys().catch((e: unknown) => e)
  for (const text of [inspect(client, { depth: 9, showHidden: true }), JSON.stringify(client), inspect(error, { depth: 9 })])
    assert.ok(!text.includes(APIKEY))
})
