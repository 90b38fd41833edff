/** Mutated requests, most of them signed, so that they get past the signature: never a code 500, another HTTP status, or silence. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { CanonicalError, hmacBase64, strictText } from '@vouchsafe/client'
import fc from 'fast-check'
import { call, enroll, signedBody, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { OPERATIONS } from '../../src/ehsm/operations.ts'
import { callEveryAction } from '../support/every-action.ts'
import { envelopeOf, send, type RawRequest } from './http.ts'

const BATCH = 100
const BATCHES = process.env['VOUCHSAFE_TEST_FULL'] ? 200 : 50
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_230_721)
const ANSWER_WITHIN_MS = 20_000
const AAD = 'Y2hhbGxlbmdl'
/** Slow to make: mutations name other specs. */
const SLOW = /^EH_RSA_\d/

/** Mutations of this one would be addresses that nobody chose. */
const UNTRIED = new Set(['SetRotationWebhook'])

interface Template {
  action: string
  credentials: Credentials
  payload?: Record<string, unknown>
}

let server: TestServer
let templates: Template[]
let ids: string[]
const agent = new Agent({ keepAlive: true, maxSockets: 32 })

before(async () => {
  server = await startTestServer()
  const app = await enroll(server.url)
  // What deletes and creates keys is this app's, so that the other's keys stay.
  const restless = await enroll(server.url)
  const ok = (action: string, payload: object) => succeed(server.url, app, action, payload)
  const create = async (keyspec: string, origin = 'EH_INTERNAL_KEY'): Promise<string> => (await ok('CreateKey', { keyspec, origin })).keyid!
  const [aes, cbc, ctr, rsa, ec, sm2, mac] = await Promise.all(
    ['EH_AES_GCM_256', 'EH_SM4_CBC', 'EH_SM4_CTR', 'EH_RSA_2048', 'EH_EC_P256', 'EH_SM2', 'EH_HMAC'].map((spec) => create(spec)),
  )
  const pending = await create('EH_AES_GCM_128', 'EH_EXTERNAL_KEY')
  const { importToken } = await ok('GetParametersForImport', { keyid: pending, keyspec: 'EH_RSA_2048' })
  ids = [aes, cbc, ctr, rsa, ec, sm2, mac, pending] as string[]
  const wrapped = async (keyid: string | undefined) => (await ok('GenerateDataKey', { aad: AAD, keyid, keylen: 16 })).ciphertext
  const sealed = async (keyid: string | undefined) => (await ok('AsymmetricEncrypt', { keyid, plaintext: AAD })).ciphertext
  const signature = async (keyid: string | undefined) => (await ok('Sign', { keyid, message: AAD })).signature
  const mine: [string, Record<string, unknown>?][] = [
    ['ListKey'],
    ['DescribeKey', { keyid: rsa }],
    ['UpdateKey', { alias: 'alias', expireTime: Date.now() + 1e9, keyid: ec }],
    ['EnableKey', { keyid: aes }],
    ['Encrypt', { aad: AAD, keyid: aes, plaintext: AAD }],
    ['Encrypt', { keyid: cbc, plaintext: AAD }],
    ['Decrypt', { aad: AAD, ciphertext: await wrapped(aes), keyid: aes }],
    ['Decrypt', { ciphertext: await wrapped(cbc), keyid: cbc }],
    ['Decrypt', { ciphertext: await wrapped(ctr), keyid: ctr }],
    ['GenerateDataKey', { aad: AAD, keyid: aes, keylen: 48 }],
    ['GenerateDataKeyWithoutPlaintext', { keyid: ctr, keylen: 16 }],
    ['ExportDataKey', { aad: AAD, keyid: aes, olddatakey: await wrapped(aes), ukeyid: rsa }],
    ['ExportDataKey', { keyid: cbc, olddatakey_base: await wrapped(cbc), ukeyid: sm2 }],
    ['AsymmetricEncrypt', { keyid: rsa, padding_mode: 'EH_RSA_PKCS1', plaintext: AAD }],
    ['AsymmetricEncrypt', { keyid: sm2, plaintext: AAD }],
    ['AsymmetricDecrypt', { ciphertext: await sealed(rsa), keyid: rsa, padding_mode: 'EH_PAD_RSA_PKCS1_OAEP' }],
    ['AsymmetricDecrypt', { ciphertext: await sealed(sm2), keyid: sm2 }],
    ['Sign', { digest: 'ZGlnZXN0', keyid: rsa }],
    ['Sign', { digest_mode: 'EH_SHA_256', keyid: rsa, message: AAD, message_type: 'EH_RAW', padding_mode: 'EH_RSA_PKCS1_PSS' }],
    ['Sign', { keyid: ec, message: Buffer.alloc(32, 1).toString('base64'), message_type: 'EH_DIGEST' }],
    ['Sign', { digest_mode: 'EH_SM3', keyid: sm2, message: AAD }],
    ['Sign', { digest_mode: 'EH_SHA_2_512', keyid: mac, message: AAD }],
    ...(await Promise.all(
      [rsa, ec, sm2, mac].map(async (keyid): Promise<[string, Record<string, unknown>]> => {
        return ['Verify', { digest: AAD, keyid, signature: await signature(keyid) }]
      }),
    )),
    ['Verify', { keyid: ec, message: Buffer.alloc(32, 1).toString('base64'), message_type: 'EH_DIGEST', signature: await signature(ec) }],
    ['GetPublicKey', { keyid: sm2 }],
    ['GetParametersForImport', { keyid: aes, keyspec: 'EH_RSA_2048' }],
    ['ImportKeyMaterial', { importToken, keyid: pending, key_material: AAD, padding_mode: 'EH_RSA_PKCS1_OAEP' }],
    ['CreateSecret', { description: 'd', encryptionKeyId: aes, rotationInterval: '30d', secretData: AAD, secretName: 'secret' }],
    ['PutSecretValue', { secretData: AAD, secretName: 'secret' }],
    ['GetSecretValue', { secretName: 'secret', versionId: 1 }],
    ['DescribeSecret', { secretName: 'secret' }],
    ['UpdateSecretDesc', { description: 'e', secretName: 'secret' }],
    ['ListSecretVersionIds', { secretName: 'secret' }],
    ['ListSecrets', { after: 'secret' }],
    ['DeleteSecret', { forceDelete: 'false', recoveryPeriod: 7, secretName: 'secret' }],
    ['RestoreSecret', { secretName: 'secret' }],
    ['RotateSecret', { secretName: 'secret' }],
    ['DescribeRotationWebhook'],
    ['GenerateQuote', { challenge: AAD }],
    ['UploadQuotePolicy', { mr_enclave: '0a'.repeat(32), mr_signer: 'b0'.repeat(32) }],
  ]
  const theirs: [string, Record<string, unknown>?][] = [
    ['CreateKey', { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY', purpose: 'EH_PURPOSE_NONE' }],
    [
      'CreateKey',
      { alias: 'a', expireTime: Date.now() + 1e9, Keyspec: 'EH_EC_P224', 'padding mode': 'EH_PAD_RSA_NO', origin: 'EH_INTERNAL_KEY' },
    ],
    ['CreateKey', { digest_mode: 'EH_SM3', keyspec: 'EH_SM2', keyusage: 'EH_KEYUSAGE_SIGN_VERIFY', origin: 'EH_INTERNAL_KEY' }],
    ['CreateKey', { keyspec: 'EH_SM4_CTR', origin: 'EH_EXTERNAL_KEY' }],
    ['DisableKey', { keyid: aes }],
    ['DeleteKey', { keyid: aes }],
    ['DeleteALLKey'],
  ]
  const template = (credentials: Credentials, [action, payload]: [string, Record<string, unknown>?]): Template => {
    return { action, credentials, ...(payload ? { payload } : {}) }
  }
  templates = [...mine.map((entry) => template(app, entry)), ...theirs.map((entry) => template(restless, entry))]
  // Of every other action one request, as a third app sends it.
  const third = await enroll(server.url)
  const others = new Map<string, Template>()
  const record = async (action: string, payload?: Record<string, unknown>) => {
    if (!templates.some((each) => each.action === action) && !UNTRIED.has(action))
      others.set(action, { action, credentials: third, ...(payload && { payload }) })
    return succeed(server.url, third, action, payload)
  }
  await callEveryAction(record, async () => {})
  templates.push(...others.values())
})
after(async () => {
  agent.destroy()
  await server[Symbol.asyncDispose]()
})

type Value = { json: unknown } | { id: number }
type Edit =
  | { kind: 'set'; at: number; value: Value }
  | { kind: 'add'; name: string; value: Value }
  | { kind: 'drop'; at: number }
  | { kind: 'alter'; at: number; place: number; text: string }
  | { kind: 'cut'; at: number; place: number }
  | { kind: 'grow'; at: number; times: number }

interface Mutation {
  template: number
  edits: Edit[]
  form: 'drop-empty' | 'keep-python' | 'keep-json'
  nonce: unknown
  upperCase: boolean
  strict: boolean
  /** After the signature, so that it is wrong. */
  parameters: Edit[]
  text: { place: number; length: number; with: string } | null
  target: string | null
  method: string
  headers: Record<string, string>
  chunked: boolean
}

const WORDS = OPERATIONS.flatMap(({ fields }) => Object.values(fields).flatMap(({ schema }) => (schema.enum as string[] | undefined) ?? []))
const NAMES = [...new Set(OPERATIONS.flatMap(({ fields }) => Object.entries(fields).flatMap(([name, { aliases }]) => [name, ...aliases])))]
const ODD = [
  '',
  null,
  0,
  -0,
  -1,
  1,
  true,
  false,
  1e21,
  2 ** 53,
  1e308,
  '\0',
  '\ud800',
  '\u2028',
  '__proto__',
  'constructor',
  [],
  {},
  [[]],
  [''],
  'A'.repeat(8236),
]

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(...ODD).map((json) => ({ json })),
  fc.constantFrom(...new Set(WORDS.filter((word) => !SLOW.test(word)))).map((json) => ({ json })),
  fc.nat().map((id) => ({ id })),
  fc.jsonValue().map((json) => ({ json })),
  fc.string({ unit: 'binary', maxLength: 300 }).map((json) => ({ json })),
  fc.uint8Array({ maxLength: 600 }).map((bytes) => ({ json: Buffer.from(bytes).toString('base64') })),
  fc.integer().map((json) => ({ json })),
)
const name = fc.oneof(
  fc.constantFrom(...NAMES),
  fc.constantFrom('__proto__', 'toString', 'appid', '', '0'),
  fc.string({ unit: 'binary', maxLength: 10 }),
)
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), value }),
  fc.record({ kind: fc.constant('add' as const), name, value }),
  fc.record({ kind: fc.constant('drop' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('alter' as const), at: fc.nat(), place: fc.nat(), text: fc.string({ maxLength: 3 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), place: fc.nat() }),
  fc.record({ kind: fc.constant('grow' as const), at: fc.nat(), times: fc.integer({ min: 2, max: 40 }) }),
)
/** Once in `of` times another value than the usual one. */
const seldom = <T, U>(arbitrary: fc.Arbitrary<T>, usual: U, of: number): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: of - 1, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary })
const actions = OPERATIONS.flatMap((operation) => [operation.name, ...(operation.aliases ?? [])]).filter(
  (action) => !/^(Delete|Disable|Create|GetParam)/.test(action),
)
const target = fc.oneof(
  fc.constantFrom(...actions).map((action) => `/EHSM/?Action=${action}`),
  fc.webQueryParameters().map((query) => `/ehsm?${query}`),
  fc.constantFrom(
    '/ehsm',
    '/ehsm?',
    '/ehsm?Action',
    '/ehsm?Action=%',
    '/ehsm?Action=%FF%00',
    '/ehsm?Action=Sign&Action=Sign',
    `/ehsm?${'&'.repeat(4000)}`,
  ),
  fc.webPath().map((path) => (path === '' ? '/' : path)),
)
const headerName = fc.constantFrom(
  'content-type',
  'x-request-id',
  'x-vouchsafe-signature',
  'content-encoding',
  'accept',
  'host',
  'connection',
  'x-forwarded-for',
  'cookie',
)
const headerValue = fc.oneof(
  fc.constantFrom('application/json; charset=utf-16', 'text/plain', '', 'gzip', 'close', 'keep-alive', `${'A'.repeat(43)}=`),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 100 }),
)
const mutation: fc.Arbitrary<Mutation> = fc.record({
  template: fc.nat(),
  edits: fc.array(edit, { maxLength: 3 }),
  form: fc.constantFrom('drop-empty' as const, 'keep-python' as const, 'keep-json' as const),
  nonce: seldom(fc.oneof(fc.string({ maxLength: 70 }), fc.integer(), fc.jsonValue()), undefined, 5),
  upperCase: fc.boolean(),
  strict: seldom(fc.constant(true), false, 5),
  parameters: seldom(fc.array(edit, { minLength: 1, maxLength: 2 }), [], 6),
  text: seldom(fc.record({ place: fc.nat(), length: fc.nat(20), with: fc.string({ maxLength: 10 }) }), null, 6),
  target: seldom(target, null, 8),
  method: seldom(fc.constantFrom('GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'), 'POST', 20),
  headers: seldom(fc.dictionary(headerName, headerValue, { maxKeys: 3 }), {}, 6),
  chunked: seldom(fc.constant(true), false, 10),
})

function applyEdits(content: Record<string, unknown>, edits: Edit[]): void {
  for (const change of edits) {
    const given = (value: Value) => ('id' in value ? ids[value.id % ids.length] : value.json)
    const set = (field: string, value: unknown) =>
      Object.defineProperty(content, field, { value, enumerable: true, configurable: true, writable: true })
    if (change.kind === 'add') {
      set(change.name, given(change.value))
      continue
    }
    const fields = Object.keys(content)
    const field = fields[change.at % Math.max(fields.length, 1)]
    if (field === undefined) continue
    const old = content[field]
    if (change.kind === 'set') set(field, given(change.value))
    else if (change.kind === 'drop') delete content[field]
    else if (typeof old !== 'string' || old === '') continue
    else if (change.kind === 'cut') set(field, old.slice(0, change.place % old.length))
    else if (change.kind === 'grow') set(field, old.repeat(change.times))
    else set(field, old.slice(0, change.place % old.length) + change.text + old.slice((change.place % old.length) + change.text.length))
  }
}

function sign(credentials: Credentials, payload: object | undefined, { form, upperCase, nonce }: Mutation): Record<string, unknown> {
  const text = typeof nonce === 'string' || typeof nonce === 'number' ? String(nonce) : randomBytes(8).toString('hex')
  try {
    return signedBody(credentials, payload, { form, upperCase, nonce: text })
  } catch (error) {
    if (!(error instanceof CanonicalError)) throw error
    return { ...signedBody(credentials, {}), payload }
  }
}

/** The request that a mutation makes of its template. */
function mutated(mutation: Mutation): RawRequest {
  const { action, credentials, payload } = templates[mutation.template % templates.length]!
  const edited = payload && { ...payload }
  if (edited) applyEdits(edited, mutation.edits)
  const body = sign(credentials, edited, mutation)
  if (mutation.nonce !== undefined) body.nonce = mutation.nonce
  applyEdits(body, mutation.parameters)
  let text = JSON.stringify(body)
  const change = mutation.text
  if (change) {
    const place = change.place % text.length
    text = text.slice(0, place) + change.with + text.slice(place + change.length)
  }
  const strict = mutation.strict ? { 'x-vouchsafe-signature': hmacBase64(credentials.apikey, strictText('POST', action, text)) } : {}
  return {
    agent,
    method: mutation.method,
    path: mutation.target ?? `/ehsm?Action=${action}`,
    headers: { 'content-type': 'application/json', ...strict, ...mutation.headers },
    ...(mutation.chunked ? { chunks: [text.slice(0, 100), text.slice(100)].filter((part) => part !== '') } : { body: text }),
  }
}

async function assertAnswered(request: RawRequest): Promise<number> {
  const late = new AbortController()
  const described = `${request.method} ${JSON.stringify(request.path)} ${JSON.stringify(request.headers)} ${request.body ?? request.chunks?.join('')}`
  const timeout = delay(ANSWER_WITHIN_MS, undefined, { signal: late.signal }).then(() => assert.fail(`no answer to ${described}`))
  const answer = await Promise.race([send(server.url, request), timeout])
    .catch((error: unknown) => assert.fail(`${String(error)}: ${described}`))
    .finally(() => late.abort())
  if (!/^\/ehsm\/?(\?|$)/i.test(request.path)) {
    assert.ok(answer.status < 500, `HTTP ${answer.status}`)
    return answer.status
  }
  if (request.method === 'HEAD') {
    assert.equal(answer.status, 200)
    return 404
  }
  const { code, message } = envelopeOf(answer)
  assert.ok([200, 400, 404].includes(code), `${code} ${message}: ${described}`)
  return code
}

async function assertAlive(): Promise<void> {
  for (const { action, credentials, payload } of templates) {
    const { code, message } = await call(server.url, credentials, action, payload)
    assert.ok(code === 200 || code === 400, `${action}: ${code} ${message}`)
  }
  assert.equal(server.server.context.crypto.queued, 0)
}

test(`${BATCH * BATCHES} mutated requests are answered without an internal error`, async () => {
  const codes = new Map<number, number>()
  const property = fc.asyncProperty(fc.array(mutation, { minLength: BATCH, maxLength: BATCH }), async (mutations) => {
    for (const code of await Promise.all(mutations.map(mutated).map(assertAnswered))) codes.set(code, (codes.get(code) ?? 0) + 1)
  })
  await fc.assert(property, { numRuns: BATCHES, seed: SEED, endOnFailure: true })
  // The mutations reach all depths.
  assert.ok(codes.get(200)! > 10 * BATCHES && codes.get(400)! > 25 * BATCHES && codes.get(404)! > 2.5 * BATCHES, JSON.stringify([...codes]))
  await assertAlive()
})

test('bytes that are no HTTP leave the server as it was', async () => {
  const { hostname, port } = new URL(server.url)
  const head = 'POST /ehsm?Action=ListKey HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{}   '
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 500 }).map((random) => Buffer.from(random)),
    fc
      .tuple(fc.nat(head.length), fc.uint8Array({ maxLength: 20 }))
      .map(([at, random]) => Buffer.concat([Buffer.from(head.slice(0, at)), random, Buffer.from(head.slice(at))])),
    fc.nat(head.length).map((at) => Buffer.from(head.slice(0, at))),
  )
  const property = fc.asyncProperty(bytes, (content) => {
    return new Promise<void>((resolve) => {
      const socket = connect({ host: hostname, port: Number(port) }, () => socket.end(content))
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.resume()
    })
  })
  await fc.assert(property, { numRuns: 500, seed: SEED })
  await assertAlive()
})
