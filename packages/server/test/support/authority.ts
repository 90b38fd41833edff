// Calls of the attestation authority for tests, and signing keys that cost no time.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { Nonce } from '../../src/attestation/nonces.ts'
import type { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import { SIGNING_KEY_NAMES } from '../../src/signing-keys/signing-key.ts'
import type { UserRole } from '../../src/storage/index.ts'
import type { TestServer } from './server.ts'
import { operatorCall } from './callers.ts'

export const PREFIX = '/global-trust-authority/v1/service'

export interface Answer {
  status: number
  headers: Headers
  body: AnswerBody
}

/** What tests look for in answers; a member that isn't there fails the test that looks for it. */
export interface AnswerBody {
  message: string
  nonce: Nonce
  token_body: Record<string, unknown>
  token_header: Record<string, unknown>
  [name: string]: unknown
}

export interface AskOptions {
  /** The User-Id. */
  user?: string
  apiKey?: string
  headers?: Record<string, string>
  /** JSON, or text to be sent as it is. */
  body?: unknown
}

/** One call; `path` is below the usual prefix, or absolute. */
export async function ask(url: string, method: string, path: string, { user, apiKey, headers, body }: AskOptions = {}): Promise<Answer> {
  const response = await fetch(path.startsWith('/') ? `${url}${path}` : `${url}${PREFIX}/${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(user === undefined ? {} : { 'user-id': user }),
      ...(apiKey === undefined ? {} : { 'api-key': apiKey }),
      ...headers,
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as AnswerBody }
}

/** The same over TLS, as a client whose certificates the options name. */
export function askTls(
  url: string,
  method: string,
  path: string,
  options: RequestOptions,
  body?: object,
): Promise<Omit<Answer, 'headers'>> {
  return new Promise((resolve, reject) => {
    const req = httpsRequest(`${url}${path}`, { method, agent: false, ...options }, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('end', () => resolve({ status: res.statusCode!, body: JSON.parse(text) as AnswerBody }))
    })
    req.on('error', reject)
    req.end(body && JSON.stringify(body))
  })
}

export const CHALLENGE = { agent_version: '1.0', attester_type: ['tpm_boot'] }

let pem: string | undefined

/** An RSA-3072 private key in PEM: one for all that a test process makes. */
export function anyPrivateKey(): string {
  pem ??= generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
  return pem
}

/** A private key as the original's scripts make them: RSA-3072, restricted to RSASSA-PSS with SHA-256. */
export function restrictedPrivateKey(): string {
  const options = ['rsa_keygen_bits:3072', 'rsa_pss_keygen_md:sha256', 'rsa_pss_keygen_mgf1_md:sha256', 'rsa_pss_keygen_saltlen:32']
  return execFileSync('openssl', ['genpkey', '-algorithm', 'RSA-PSS', ...options.flatMap((option) => ['-pkeyopt', option])], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString()
}

/** Gives a keyring its first version of each key without the time that it takes to make three. */
export async function giveSigningKeys(signingKeys: SigningKeys): Promise<void> {
  for (const name of SIGNING_KEY_NAMES) await signingKeys.import(operatorCall(), name, anyPrivateKey())
}

/** An API key that an operator makes. */
export async function makeApiKey({ server }: TestServer, user: string, role: UserRole, nodeId?: string): Promise<string> {
  return (await server.context.users.createApiKey(operatorCall(), { user, role, nodeId })).apiKey
}
