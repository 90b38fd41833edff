/**
 * What requests cost at least with node:http and node:crypto: servers to compare ours with, in a process of their own, started with `reference.ts NAME`.
 * `echo` parses JSON and sends it back. The others also check the request's MAC, do the one thing that the operation is about in the plainest way, and
 * reply in the same form; they keep no rights, replay windows, records or metrics. What they store goes to an SQLite database in the temporary folder, in
 * one synchronous transaction for all requests that wait.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  randomFillSync,
  randomUUID,
  sign,
  timingSafeEqual,
} from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'

type Payload = Record<string, string>
type Handler = (payload: Payload) => object | Promise<object>

const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-reference-'))
const apiKey = createSecretKey(Buffer.from(process.env['BENCH_API_KEY']!))
const key = createSecretKey(randomBytes(32))
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const signOnPool = promisify(sign)

const pool = Buffer.alloc(4096)
let used = pool.length

function pooledRandom(size: number): Buffer {
  if (used + size > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool.subarray(used, (used += size))
}

function seal(plaintext: Uint8Array): Buffer {
  const iv = pooledRandom(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), iv, cipher.getAuthTag()])
}

function open(sealed: Uint8Array): Buffer {
  const length = sealed.length - 28
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(length, length + 12))
  decipher.setAuthTag(sealed.subarray(length + 12))
  return Buffer.concat([decipher.update(sealed.subarray(0, length)), decipher.final()])
}

/** A table of sealed values by name. */
function sealedTable() {
  const database = new DatabaseSync(join(folder, 'reference.db'))
  database.exec('pragma journal_mode = wal; pragma synchronous = full; create table sealed (name text primary key, value blob not null)')
  const insert = database.prepare('insert or replace into sealed (name, value) values (?, ?)')
  const select = database.prepare('select value from sealed where name = ?')
  let waiting: { name: string; value: Uint8Array; done: () => void }[] = []
  function write(): void {
    const group = waiting
    waiting = []
    database.exec('begin immediate')
    for (const { name, value } of group) insert.run(name, value)
    database.exec('commit')
    for (const { done } of group) done()
  }
  return {
    get: (name: string) => select.get(name)!['value'] as Uint8Array,
    put: (name: string, value: Uint8Array) =>
      new Promise<void>((done) => {
        if (waiting.push({ name, value, done }) === 1) setImmediate(write)
      }),
  }
}

const HANDLERS: Record<string, () => Handler> = {
  encrypt: () => (payload) => ({ ciphertext: seal(Buffer.from(payload['plaintext']!, 'base64')).toString('base64') }),
  decrypt: () => {
    // The requests' ciphertexts are under another key.
    const sealed = seal(randomBytes(32)).toString('base64')
    return () => ({ plaintext: open(Buffer.from(sealed, 'base64')).toString('base64') })
  },
  'data-key': () => () => {
    const plaintext = randomBytes(32)
    return { plaintext: plaintext.toString('base64'), ciphertext: seal(plaintext).toString('base64') }
  },
  'sign-p256': () => (payload) => ({ signature: sign('sha256', Buffer.from(payload['message']!, 'base64'), ec).toString('base64') }),
  'sign-rsa': () => async (payload) => {
    const signature = await signOnPool('sha256', Buffer.from(payload['message']!, 'base64'), rsa)
    return { signature: signature.toString('base64') }
  },
  'sign-hmac': () => (payload) => ({
    signature: createHmac('sha256', key).update(Buffer.from(payload['message']!, 'base64')).digest('base64'),
  }),
  'get-secret': () => {
    const table = sealedTable()
    const names = Array.from({ length: 256 }, (_, i) => `secret ${i}`)
    for (const name of names) void table.put(name, seal(randomBytes(44)))
    return ({ secretName }) => ({ secretName, secretData: open(table.get(secretName!)).toString('latin1'), versionId: 1 })
  },
  'put-secret': () => {
    const table = sealedTable()
    return async ({ secretName, secretData }) => {
      await table.put(secretName!, seal(Buffer.from(secretData!)))
      return {}
    }
  },
  'create-key': () => {
    const table = sealedTable()
    return async () => {
      const keyid = randomUUID()
      await table.put(keyid, seal(randomBytes(32)))
      return { keyid }
    }
  },
}

/** The payload of a request whose MAC is right. */
function authenticated(body: string): Payload {
  const { appid, nonce, timestamp, sign: given, payload } = JSON.parse(body)
  const fields = Object.keys(payload)
    .sort()
    .map((name) => `${name}=${payload[name]}`)
  const text = `appid=${appid}&nonce=${nonce}&payload=${fields.join('&')}&timestamp=${timestamp}`
  const expected = createHmac('sha256', apiKey).update(text).digest()
  if (!timingSafeEqual(Buffer.from(given, 'base64'), expected)) throw new Error('the MAC is wrong')
  return payload
}

function reply(res: ServerResponse, content: object): void {
  const body = JSON.stringify(content)
  res.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

const name = process.argv[2]!
const handler = name === 'echo' ? undefined : HANDLERS[name]!()

async function answer(body: string, res: ServerResponse): Promise<void> {
  if (handler === undefined) return reply(res, { code: 200, echo: JSON.parse(body) })
  const outcome = handler(authenticated(body))
  reply(res, { code: 200, message: 'success!', result: outcome instanceof Promise ? await outcome : outcome })
}

const server = createServer((req, res) => {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => void answer(Buffer.concat(chunks).toString(), res))
})
server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.on('SIGTERM', () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit()
})
