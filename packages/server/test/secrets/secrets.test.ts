// After every action has been called, what is secret is searched for wherever the server writes: its log at the finest level, the audit
// files, the audit trail in the store, the database itself and the metrics.
import assert from 'node:assert/strict'
import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer } from '@vouchsafe/testkit/server'
import { OPERATIONS } from '../../src/ehsm/operations.ts'
import type { Secrets } from '../../src/secrets/secrets.ts'
import { callEveryAction } from '../support/every-action.ts'
import { collectedLog } from '../support/collected-log.ts'
import { startWebhook, type Answer } from '../support/webhook.ts'
import { hmacBase64, canonicalPayload, requestData } from '@vouchsafe/client'
import { randomUUID } from 'node:crypto'

/** Calls actions and collects everything in requests and answers that may not be found elsewhere. */
class Caller {
  readonly called = new Set<string>()
  readonly secrets = new Set<string>()
  readonly #url: string
  readonly #app: Credentials

  constructor(url: string, app: Credentials) {
    this.#url = url
    this.#app = app
    this.secrets.add(app.apikey)
  }

  async call(action: string, payload: Record<string, unknown> = {}): Promise<Record<string, string>> {
    this.called.add(action)
    const timestamp = String(Date.now())
    const nonce = randomUUID()
    const { code, message, result } = await call(this.#url, this.#app, action, payload, { timestamp, nonce })
    assert.ok(code === 200 || code === 400, message)
    const sign = hmacBase64(
      this.#app.apikey,
      requestData({ appid: this.#app.appid, timestamp, nonce }, canonicalPayload(payload, 'drop-empty').text),
    )
    const keys = ['plaintext', 'ciphertext', 'message', 'signature', 'key_material', 'importToken', 'olddatakey', 'newdatakey', 'aad']
    const contents = [...keys, 'secretData', 'signingKey']
    for (const fields of [payload, result as Record<string, unknown>]) {
      for (const name of contents) if (typeof fields[name] === 'string') this.secrets.add(fields[name])
    }
    this.secrets.add(sign)
    return result as Record<string, string>
  }
}

/** Also rotates a secret, once with a failing webhook and once with a new value from it. */
async function callSecrets(caller: Caller, { rotation }: Secrets): Promise<void> {
  const text = () => randomBytes(24).toString('base64')
  const [first, second] = [{ secretName: 'first' }, { secretName: 'second' }]
  for (const secret of [first, second]) await caller.call('CreateSecret', { ...secret, secretData: text(), description: 'd' })
  await caller.call('PutSecretValue', { ...first, secretData: text() })
  const value = text()
  caller.secrets.add(value)
  await using webhook = await startWebhook((_, res) => void res.writeHead(500).end(value))
  await caller.call('SetRotationWebhook', { url: webhook.url })
  for (const answer of [webhook.answer, ((_, res) => void res.end(JSON.stringify({ secretData: value }))) as Answer]) {
    webhook.answer = answer
    await caller.call('RotateSecret', first)
    await rotation.run()
  }
  assert.equal((await caller.call('GetSecretValue', first)).secretData, value)
  for (const { headers } of webhook.asked) caller.secrets.add(String(headers['x-vouchsafe-webhook-signature']))
  await caller.call('DeleteRotationWebhook')
  await caller.call('SetRotationWebhook', { url: webhook.url })
  await caller.call('DescribeSecret', first)
  await caller.call('DeleteSecret', { ...first, forceDelete: 'yes' })
  await caller.call('DeleteSecret', { ...second, forceDelete: 'true' })
}

/** What the calls of every action don't have: refused ones, an EC key, and an import whose material is known here. */
async function callKeys(caller: Caller): Promise<void> {
  const text = () => randomBytes(24).toString('base64')
  const create = async (keyspec: string, origin = 'EH_INTERNAL_KEY') => (await caller.call('CreateKey', { keyspec, origin })).keyid!
  const [aes, ec] = [await create('EH_AES_GCM_256'), await create('EH_EC_P256')]
  await caller.call('Decrypt', { keyid: aes, ciphertext: text() })
  const message = text()
  const { signature } = await caller.call('Sign', { keyid: ec, message })
  await caller.call('Verify', { keyid: ec, message, signature })
  const external = await create('EH_AES_GCM_256', 'EH_EXTERNAL_KEY')
  const { pubkey, importToken } = await caller.call('GetParametersForImport', { keyid: external, keyspec: 'EH_RSA_2048' })
  const material = randomBytes(32)
  caller.secrets.add(material.toString('base64')).add(material.toString('hex'))
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const key_material = publicEncrypt({ key: createPublicKey(pubkey!), padding, oaepHash: 'sha256' }, material).toString('base64')
  await caller.call('ImportKeyMaterial', { keyid: external, padding_mode: 'EH_RSA_PKCS1_OAEP', key_material, importToken: 'wrong' })
  await caller.call('ImportKeyMaterial', { keyid: external, padding_mode: 'EH_RSA_PKCS1_OAEP', key_material, importToken })
}

eachDatabase('nothing that is secret is found in logs, audit, database or metrics after a call of every action', async (store) => {
  const { log, text } = collectedLog('trace')
  const server = await startTestServer({ ...store.location, log, flags: ['--quote-provider', 'simulated'] })
  const app = await enroll(server.url)
  const caller = new Caller(server.url, app)
  const { secrets } = server.server.context
  await callEveryAction(
    (action, payload) => caller.call(action, payload),
    () => secrets.rotation.run(),
  )
  await callSecrets(caller, secrets)
  await callKeys(caller)
  assert.deepEqual(
    OPERATIONS.filter(({ method, name }) => method === 'POST' && !caller.called.has(name)).map(({ name }) => name),
    [],
  )
  assert.ok(caller.secrets.size > 40)
  // A fault of the store is logged in full.
  const found = new Map([['metrics', await (await fetch(`${server.url}/metrics`)).text()]])
  const tables = ['audit', 'changes', 'keys', 'api_keys', 'apps', 'import_sessions', 'domain_keys', 'replay_records']
  for (const table of [...tables, 'secrets', 'secret_versions', 'rotation_webhooks']) {
    const rows = await queryDatabase(store.location, `select * from ${table}`)
    found.set(table, rows.map((row) => Object.values(row).map(textOf).join(' ')).join('\n'))
  }
  await server.server.context.storage[Symbol.asyncDispose]()
  await call(server.url, app, 'DescribeKey', { keyid: '01234567-89ab-4def-8123-456789abcdef' }, { timestamp: String(Date.now() + 60_000) })
  await assert.rejects(async () => server[Symbol.asyncDispose]())
  assert.match(text(), /a request failed/)
  found.set('log', text())
  const directory = join(server.dataDir, 'audit')
  for (const name of readdirSync(directory)) found.set(name, readFileSync(join(directory, name), 'utf8'))

  for (const [place, content] of found) {
    assert.ok(content.length > 0 || ['import_sessions', 'replay_records'].includes(place), place)
    for (const secret of caller.secrets) {
      const raw = Buffer.from(secret, 'base64').toString('latin1')
      assert.ok(!content.includes(secret), `${place} holds ${secret}`)
      assert.ok(raw.length < 16 || !content.includes(raw), `${place} holds ${secret}, decoded`)
    }
  }
})

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
}
