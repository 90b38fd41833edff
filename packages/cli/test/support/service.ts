// A server in miniature for the command's tests: it checks signatures as the real one does and keeps keys in memory. Its cryptography is
// just enough to see that the right bytes and options arrive.
import assert from 'node:assert/strict'
import { constants, createCipheriv, createHash, createHmac, generateKeyPairSync, privateDecrypt, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { STRICT_HEADER, canonicalPayload, hmacBase64, requestData, strictText } from '@vouchsafe/client'
import type { KeyDescription, KeySpec } from '@vouchsafe/client'
import { NOW } from '@vouchsafe/testkit/terminal'
import { Refusal } from './refusal.ts'
import { secretActions } from './secret-actions.ts'
import type { StoredSecret } from './secret-actions.ts'

export const APIKEY = '44RPFy3SEqLbAahaP9PXSGQ6ABB6gctr'
const YEAR_MS = 365 * 86_400_000

type Payload = Record<string, string>

export interface Service extends AsyncDisposable {
  readonly url: string
  readonly keys: Map<string, KeyDescription>
  readonly secrets: Map<string, StoredSecret>
  /** Actions with their payloads, in order. */
  readonly seen: { action: string; payload: Payload; authorization: string | undefined }[]
}

export async function startService({ pages = true }: { pages?: boolean } = {}): Promise<Service> {
  const keys = new Map<string, KeyDescription>()
  const secrets = new Map<string, StoredSecret>()
  const seen: Service['seen'] = []
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  let appid = ''

  const key = (payload: Payload): KeyDescription => {
    const found = keys.get(payload['keyid']!)
    if (!found) throw new Refusal('keyid error')
    return found
  }
  const usable = (payload: Payload): KeyDescription => {
    const found = key(payload)
    if (found.keyState === 0) throw new Refusal('keyid is disabled')
    return found
  }
  const mac = (payload: Payload) => {
    const { signature: _, ...signed } = payload
    return createHash('sha256')
      .update(JSON.stringify(Object.entries(signed).sort()))
      .digest('base64')
  }
  const encrypt = (payload: Payload) => ({
    ciphertext: Buffer.from(JSON.stringify([payload['plaintext'], payload['aad'], payload['padding_mode']])).toString('base64'),
  })
  const decrypt = (payload: Payload) => {
    const [plaintext, aad, padding] = JSON.parse(Buffer.from(payload['ciphertext']!, 'base64').toString()) as string[]
    if ((aad ?? undefined) !== payload['aad'] || (padding ?? undefined) !== payload['padding_mode']) throw new Refusal('Decryption failed')
    return { plaintext }
  }

  const actions: Record<string, (payload: Payload) => object> = {
    ...secretActions(secrets, NOW, pages),
    Enroll: () => ({ appid: (appid = randomUUID()), apikey: APIKEY }),
    GetVersion: () => ({ version: '9.9.9', git_sha: 'c14b8b8' }),
    ListKey: () => ({ list: [...keys.values()] }),
    DescribeKey: key,
    UpdateKey: (payload) => Object.assign(key(payload), payload),
    EnableKey: (payload) => (Object.assign(key(payload), { keyState: 1, status: 'enabled' }), {}),
    DisableKey: (payload) => (Object.assign(key(payload), { keyState: 0, status: 'disabled' }), {}),
    DeleteKey: (payload) => (keys.delete(payload['keyid']!), {}),
    DeleteAllKey: () => (keys.clear(), {}),
    GetPublicKey: (payload) => ({ pubkey: `PEM of ${usable(payload).keyid}\n` }),
    CreateKey: (payload) => {
      const keyid = randomUUID()
      keys.set(keyid, describe(keyid, payload))
      return { keyid }
    },
    Encrypt: (payload) => (usable(payload), encrypt(payload)),
    Decrypt: (payload) => (usable(payload), decrypt(payload)),
    AsymmetricEncrypt: (payload) => (usable(payload), encrypt(payload)),
    AsymmetricDecrypt: (payload) => (usable(payload), decrypt(payload)),
    Sign: (payload) => (usable(payload), { signature: mac(payload) }),
    Verify: (payload) => (usable(payload), { result: mac(payload) === payload['signature'] }),
    GetParametersForImport: (payload) => (
      key(payload),
      { pubkey: publicKey.export({ type: 'pkcs1', format: 'pem' }), importToken: 'token' }
    ),
    ImportKeyMaterial: (payload) => {
      assert.equal(payload['importToken'], 'token')
      const padding = payload['padding_mode'] === 'EH_RSA_PKCS1' ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_OAEP_PADDING
      const material = privateDecrypt({ key: privateKey, padding, oaepHash: 'sha256' }, Buffer.from(payload['key_material']!, 'base64'))
      const isHmac = key(payload).keyspec === 'EH_HMAC'
      const check = isHmac
        ? createHmac('sha256', material).digest()
        : createCipheriv(`aes-${material.length * 8}-ecb`, material, null).update(Buffer.alloc(16))
      return { result: true, keyCheckValue: check.toString('hex', 0, 3).toUpperCase() }
    },
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    let envelope: object
    try {
      const { action, payload } = authenticate(request, Buffer.concat(chunks), appid)
      seen.push({ action, payload, authorization: request.headers.authorization })
      const { message = 'success!', ...result } = actions[action]!(payload) as { message?: string }
      envelope = { code: 200, message, result }
    } catch (error) {
      envelope = { code: 400, message: error instanceof Refusal ? error.message : String(error), result: {} }
    }
    response.end(JSON.stringify(envelope))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    secrets,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function authenticate(request: IncomingMessage, body: Buffer, appid: string): { action: string; payload: Payload } {
  const action = new URL(request.url!, 'http://host').searchParams.get('Action')!
  if (request.method === 'GET') return { action, payload: {} }
  const { sign, payload, ...common } = JSON.parse(body.toString()) as {
    appid: string
    nonce: string
    timestamp: string
    sign: string
    payload?: Payload
  }
  const text = payload && canonicalPayload(payload, 'keep-json').text
  if (common.appid !== appid || sign !== hmacBase64(APIKEY, requestData(common, text))) throw new Refusal('sign error')
  assert.equal(request.headers[STRICT_HEADER], hmacBase64(APIKEY, strictText('POST', action, body)))
  return { action, payload: payload ?? {} }
}

function describe(keyid: string, payload: Payload): KeyDescription {
  const description = {
    keyid,
    alias: '',
    keyusage: null,
    padding_mode: null,
    digest_mode: null,
    keyState: 1 as const,
    status: 'enabled' as const,
    creationDate: NOW,
    expireTime: NOW + YEAR_MS,
    encryptions: 3,
    keyCheckValue: '00C0FF',
    notes: ['keep it safe'],
  }
  return { ...description, ...(payload as unknown as { keyspec: KeySpec; origin: 'EH_INTERNAL_KEY' }) }
}
