// Every state × every action of the API, over HTTP: what the state table says is what a caller gets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { OPERATIONS } from '../../src/ehsm/operations.ts'
import { sentenceOf } from '../../src/ehsm/sentences.ts'
import { ServiceError, type ErrorCode } from '../../src/foundation/errors.ts'
import { KEY_STATES, STATE_TABLE, type KeyState, type OperationKind } from '../../src/keys/states.ts'
import { pinnedRuntime } from '../support/runtime.ts'

const BYTES = Buffer.from('sixteen bytes!!!').toString('base64')
const DAY_MS = 24 * 60 * 60 * 1000

/** A key fit for the action, and its other fields. `key` is the one whose state is varied. */
interface Setting {
  kind: OperationKind
  spec: string
  payload: (key: string, helper: Helper) => object
  /** The answer of a key that is allowed, where that isn't success. */
  allowed?: ErrorCode
}
interface Helper {
  aes: string
  dataKey: string
  sm2: string
}

const encryption = { kind: 'cryptography', spec: 'EH_AES_GCM_128' } as const
const asymmetric = { kind: 'cryptography', spec: 'EH_SM2' } as const
const signature = { kind: 'cryptography', spec: 'EH_EC_P256' } as const
const keyid = (key: string) => ({ keyid: key })

const SETTINGS: Readonly<Record<string, Setting[]>> = {
  Encrypt: [{ ...encryption, payload: (key) => ({ keyid: key, plaintext: BYTES }) }],
  // What another key has encrypted: an allowed call gets as far as the decryption.
  Decrypt: [{ ...encryption, payload: (key, { dataKey }) => ({ keyid: key, ciphertext: dataKey }), allowed: 'decryption_failed' }],
  AsymmetricEncrypt: [{ ...asymmetric, payload: (key) => ({ keyid: key, plaintext: BYTES }) }],
  AsymmetricDecrypt: [{ ...asymmetric, payload: (key) => ({ keyid: key, ciphertext: BYTES }), allowed: 'decryption_failed' }],
  Sign: [{ ...signature, payload: (key) => ({ keyid: key, message: BYTES }) }],
  Verify: [{ ...signature, payload: (key) => ({ keyid: key, message: BYTES, signature: BYTES }) }],
  GetPublicKey: [{ ...signature, payload: keyid }],
  GenerateDataKey: [{ ...encryption, payload: (key) => ({ keyid: key, keylen: 16 }) }],
  GenerateDataKeyWithoutPlaintext: [{ ...encryption, payload: (key) => ({ keyid: key, keylen: 16 }) }],
  ExportDataKey: [
    {
      ...encryption,
      payload: (key, { dataKey, sm2 }) => ({ keyid: key, ukeyid: sm2, olddatakey: dataKey }),
      allowed: 'decryption_failed',
    },
    { ...asymmetric, payload: (key, { aes, dataKey }) => ({ keyid: aes, ukeyid: key, olddatakey: dataKey }) },
  ],
  GetParametersForImport: [{ kind: 'import', spec: 'EH_AES_GCM_128', payload: (key) => ({ keyid: key, keyspec: 'EH_RSA_2048' }) }],
  ImportKeyMaterial: [
    {
      kind: 'import',
      spec: 'EH_AES_GCM_128',
      payload: (key) => ({ keyid: key, padding_mode: 'EH_RSA_PKCS1_OAEP', key_material: BYTES, importToken: 'none' }),
      allowed: 'import_token',
    },
  ],
  EnableKey: [{ kind: 'enable', spec: 'EH_AES_GCM_128', payload: keyid }],
  DisableKey: [{ kind: 'disable', spec: 'EH_AES_GCM_128', payload: keyid }],
  DeleteKey: [{ kind: 'delete', spec: 'EH_AES_GCM_128', payload: keyid }],
  DescribeKey: [{ kind: 'describe', spec: 'EH_AES_GCM_128', payload: keyid }],
  UpdateKey: [{ kind: 'update', spec: 'EH_AES_GCM_128', payload: (key) => ({ keyid: key, alias: 'renamed' }) }],
}

test('every action that names a key is in this table', () => {
  const actions = OPERATIONS.filter(({ fields }) => Object.hasOwn(fields, 'keyid')).map(({ name }) => name)
  assert.deepEqual(Object.keys(SETTINGS).sort(), actions.sort())
})

eachDatabase('every action answers every state of a key as the state table says', async (store, t) => {
  const runtime = pinnedRuntime()
  await using server = await startTestServer({ ...store.location, runtime, flags: ['--key-life-days', '3650'] })
  const { url } = server
  const app = await enroll(url)
  const at = () => ({ timestamp: String(runtime.now()) })
  const create = async (payload: object) => (await succeed(url, app, 'CreateKey', payload, at())).keyid as unknown as string
  const aes = await create({ keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
  const helper: Helper = {
    aes,
    dataKey: (await succeed(url, app, 'GenerateDataKey', { keyid: aes, keylen: 16 }, at())).ciphertext as unknown as string,
    sm2: await create({ keyspec: 'EH_SM2', origin: 'EH_INTERNAL_KEY' }),
  }

  async function keyIn(state: KeyState, spec: string): Promise<string> {
    const expireTime = state === 'expired' ? runtime.now() + DAY_MS : runtime.now() + 300 * DAY_MS
    // Only symmetric keys wait for import; that they wait is said before that they are of the wrong kind.
    const isPending = state === 'pending import'
    const key = await create({
      keyspec: isPending ? 'EH_AES_GCM_128' : spec,
      origin: isPending ? 'EH_EXTERNAL_KEY' : 'EH_INTERNAL_KEY',
      expireTime,
    })
    if (state === 'disabled') await succeed(url, app, 'DisableKey', { keyid: key }, at())
    if (state === 'pending deletion') await succeed(url, app, 'DeleteKey', { keyid: key }, at())
    if (state === 'expired') runtime.advance(DAY_MS + 1)
    return key
  }

  for (const state of KEY_STATES) {
    for (const [action, settings] of Object.entries(SETTINGS)) {
      for (const { kind, spec, payload, allowed } of settings) {
        await t.test(`${state}: ${action} of a key of ${spec}`, async () => {
          const key = await keyIn(state, spec)
          const { code, message } = await call(url, app, action, payload(key, helper), at())
          const outcome = STATE_TABLE[state][kind]
          const expected = outcome === 'allow' ? allowed : outcome
          if (expected === undefined) assert.deepEqual({ code, message }, { code: 200, message: 'success!' })
          else if (expected === 'key_imported') assert.match(`${code} ${message}`, /^400 The key was not created with EH_EXTERNAL_KEY/)
          else assert.deepEqual({ code, message }, { code: 400, message: sentenceOf(new ServiceError(expected), action) })
        })
      }
    }
  }
  await t.test('actions that name no key work whatever states there are', () => worksWithoutKey(url, app, at()))
})

async function worksWithoutKey(url: string, app: Credentials, options: { timestamp: string }): Promise<void> {
  const { list } = (await succeed(url, app, 'ListKey', undefined, options)) as unknown as { list: unknown[] }
  assert.ok(list.length > 10)
  await succeed(url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }, options)
  await succeed(url, app, 'DeleteALLKey', undefined, options)
  assert.deepEqual((await succeed(url, app, 'ListKey', undefined, options)).list, [])
}
