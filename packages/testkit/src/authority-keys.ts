// Keys of the attestation authority: signing keys that cost no time, API keys.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { SIGNING_KEY_NAMES, type SigningKeys, type UserRole } from '@vouchsafe/server/testing'
import { operatorCall } from './callers.ts'
import type { TestServer } from './server.ts'

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

/**
 * Gives a keyring its first version of each key without the time that it takes to make three. A server makes its own a few seconds after it
 * started; a key that it has made before, or is making just now, is as good.
 */
export async function giveSigningKeys(signingKeys: SigningKeys): Promise<void> {
  for (const name of SIGNING_KEY_NAMES) {
    if ((await signingKeys.all(name)).length > 0) continue
    await signingKeys.import(operatorCall(), name, anyPrivateKey()).catch((error: { code?: string }) => {
      if (error.code !== 'modified') throw error
    })
  }
}

/** An API key that an operator makes. */
export async function makeApiKey({ server }: TestServer, user: string, role: UserRole, nodeId?: string): Promise<string> {
  return (await server.context.users.createApiKey(operatorCall(), { user, role, nodeId })).apiKey
}
