// After every action has been called, what is secret is searched for wherever the server writes: its log at the finest level, the trail (the
// records of calls and the entries in the store), the database itself, answers that are errors, the metrics; and of a server in a process of its
// own also its arguments and environment, temporary files, the data directory and a backup.
import assert from 'node:assert/strict'
import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { commandProcesses } from '@vouchsafe/testkit/command-process'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'
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
  /** The answers that are errors. */
  errors = ''
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
    if (code === 400) this.errors += `${message} ${JSON.stringify(result)}\n`
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

eachDatabase('nothing that is secret is found in log, trail, database, errors or metrics after a call of every action', async (store) => {
  const { log, text } = collectedLog('trace')
  const server = await startTestServer({ ...store.location, log, flags: ['--quote-provider', 'simulated'] })
  let isDisposed = false
  await using _server = {
    async [Symbol.asyncDispose]() {
      if (!isDisposed) await server[Symbol.asyncDispose]()
    },
  }
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
  found.set('errors', caller.errors)
  await server.server.context.trail!.flush()
  const tables = ['changes', 'keys', 'api_keys', 'apps', 'import_sessions', 'domain_keys', 'replay_records']
  const trail = ['trail_entries', 'trail_rows', 'trail_writers', 'trail_heads']
  for (const table of [...tables, ...trail, 'secrets', 'secret_versions', 'rotation_webhooks']) {
    const rows = await queryDatabase(store.location, `select * from ${table}`)
    found.set(table, rows.map((row) => Object.values(row).map(textOf).join(' ')).join('\n'))
  }
  isDisposed = true
  await server.server.context.storage[Symbol.asyncDispose]()
  await call(server.url, app, 'DescribeKey', { keyid: '01234567-89ab-4def-8123-456789abcdef' }, { timestamp: String(Date.now() + 60_000) })
  await assert.rejects(async () => server[Symbol.asyncDispose]())
  assert.match(text(), /a request failed/)
  found.set('log', text())
  const directory = join(server.dataDir, 'audit')
  for (const name of readdirSync(directory)) found.set(name, readFileSync(join(directory, name), 'utf8'))

  for (const [place, content] of found) {
    assert.ok(content.length > 0 || ['import_sessions', 'replay_records'].includes(place), place)
    assertHoldsNone(place, content, caller.secrets)
  }
})

test('nor in arguments, environment, output, temporary files, data directory and backup of a server in a process of its own', async () => {
  await using terminal = await openTerminal()
  const [seal, backup] = ['seal', 'backup'].map((name) => `${name} ${randomBytes(18).toString('base64')}`) as [string, string]
  const [temporary, dataDir] = [terminal.path('temporary'), terminal.path('data')]
  for (const folder of [temporary, dataDir]) mkdirSync(folder)
  writeFileSync(terminal.path('passphrase'), `${seal}\n`, { mode: 0o600 })
  using processes = commandProcesses({ TMPDIR: temporary, VOUCHSAFE_SEAL_PASSPHRASE_FILE: terminal.path('passphrase') })
  const flags = ['--listen', '127.0.0.1:0', '--data-dir', dataDir, '--seal', 'passphrase', '--log-level', 'trace']
  const running = processes.start(['server', ...flags, '--webhook-networks', 'loopback', '--quote-provider', 'simulated'])
  let output = ''
  const listening = new Promise<string>((resolve) => {
    running.child.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const url = /listening on (http[^\s"]+)/.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
  const ended = running.finished.then(({ stderr }) => Promise.reject(new Error(`the server ended: ${stderr}`)))
  const caller = await Promise.race([listening, ended]).then(async (url) => new Caller(url, await enroll(url)))
  ended.catch(() => {})
  await callEveryAction(
    (action, payload) => caller.call(action, payload),
    async () => {},
  )
  await callKeys(caller)
  for (const passphrase of [seal, backup]) caller.secrets.add(passphrase)
  Object.assign(terminal.env, { VOUCHSAFE_DATA_DIR: dataDir, VOUCHSAFE_BACKUP_PASSPHRASE: backup })
  const { code, stderr } = await terminal.vouchsafe(['backup', terminal.path('copy')])
  assert.equal(code, 0, stderr)

  const found = new Map<string, string>()
  for (const pid of family(running.child.pid!))
    for (const name of ['cmdline', 'environ']) found.set(`${name} of ${pid}`, readFileSync(`/proc/${pid}/${name}`, 'latin1'))
  const keep = (folder: string) => {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile()) found.set(path, readFileSync(path, 'latin1'))
    }
  }
  keep(temporary)
  keep(dataDir)
  running.child.kill('SIGTERM')
  const finished = await running.finished
  found.set('output', finished.stdout + finished.stderr)
  keep(dataDir)
  found.set('backup', readFileSync(terminal.path('copy'), 'latin1'))
  assert.ok(found.get('output')!.length > 1_000 && [...found.keys()].some((name) => name.endsWith('.jsonl')))
  for (const [place, content] of found) assertHoldsNone(place, content, caller.secrets)
})

/** A process and what it has started. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => family(Number(child))))]
}

/** That a place holds none of the secrets, as they are or decoded. */
function assertHoldsNone(place: string, content: string, secrets: ReadonlySet<string>): void {
  for (const secret of secrets) {
    const raw = Buffer.from(secret, 'base64').toString('latin1')
    assert.ok(!content.includes(secret), `${place} holds ${secret}`)
    assert.ok(raw.length < 16 || !content.includes(raw), `${place} holds ${secret}, decoded`)
  }
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
}
