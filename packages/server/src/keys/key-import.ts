/**
 * Bring your own key: the caller receives the public half of a wrapping key made for this one import, and a token; it sends back its raw
 * key, RSA-encrypted, with the token.
 *
 * Invariants: a token is authenticated, works once, and is bound to its key and its expiry; the wrapping key is destroyed with it. Only a
 * key that waits for import can be imported to, so a working key is never replaced.
 */
import type { Call, Principal } from '../access/index.ts'
import { changeRecord } from '../trail/index.ts'
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { CryptoBusyError, CryptoInputError, KEY_SPECS, type KeySpec } from '@vouchsafe/crypto'
import { ServiceError } from '../foundation/index.ts'
import type { SealedColumn } from '../envelope/index.ts'
import type { ImportSessionRow } from '../storage/index.ts'
import type { KeyHandle, KeyCache, KeyServices } from './key-cache.ts'
import { sealMaterial } from './key-row.ts'
import { STATE_TABLE, stateOf } from './states.ts'

const TOKEN_LIFE_MS = 24 * 60 * 60 * 1000
const SECRET_BYTES = 32
const MAX_TOKEN_CHARS = 1024

/** The specs of the wrapping keys. */
export type WrappingSpec = Extract<KeySpec, `rsa-${string}`>

interface Token {
  keyid: string
  /** When it expires, milliseconds since 1970. */
  timestamp: number
  id: string
  hmac: string
}

export class KeyImport {
  readonly #services: KeyServices
  readonly #keyCache: KeyCache

  constructor(services: KeyServices, keyCache: KeyCache) {
    this.#services = services
    this.#keyCache = keyCache
  }

  /**
   * Starts an import: a wrapping key (PEM, PKCS#1) and a token, which replace earlier ones.
   * @throws {ServiceError} `key_not_found`, `key_disabled`, `key_expired`, `key_imported` or `key_not_importable`
   */
  async parameters(call: Call, keyId: string, wrappingSpec: WrappingSpec): Promise<{ pubkey: string; importToken: string }> {
    const { tenant: appId } = call.principal
    const { envelope, crypto, storage, runtime, generations } = this.#services
    await this.#importable(call.principal, keyId)
    const wrappingKey = await generations.run(appId, () => crypto.generate(wrappingSpec))
    const now = runtime.now()
    const id = runtime.uuid()
    const secret = runtime.randomBytes(SECRET_BYTES)
    const encoded = crypto.encode(wrappingSpec, wrappingKey)
    const content = Buffer.concat([secret, encoded])
    const sealed = envelope.seal('import-wrapping-key', sessionIdentity(keyId, appId, id, wrappingSpec), content)
    encoded.fill(0)
    content.fill(0)
    const expiresAt = now + TOKEN_LIFE_MS
    const importToken = encodeToken({ keyid: keyId, timestamp: expiresAt, id }, secret)
    secret.fill(0)
    const session: ImportSessionRow = {
      keyId,
      appId,
      tokenId: `${wrappingSpec}:${id}`,
      wrapping: sealed.blob,
      domainVersion: sealed.domainVersion,
      expiresAt,
    }
    const outcome = await storage.putImportSession({ session, audit: changeRecord(call, keyId, now) })
    if (outcome === 'missing') throw new ServiceError('key_not_found')
    if (outcome === 'imported') throw new ServiceError('key_imported')
    return { pubkey: crypto.publicKeyPem(wrappingSpec, wrappingKey), importToken }
  }

  /**
   * Completes an import: unwraps the caller's key as the key's material. Returns its key check value, so that a wrong key is noticed.
   * @throws {ServiceError} `import_token`, `import_token_expired`, `import_material`, or as {@link parameters}
   */
  async complete(call: Call, keyId: string, request: { wrapped: Uint8Array; padding: 'pkcs1' | 'oaep'; token: unknown }): Promise<string> {
    const { tenant: appId } = call.principal
    const { envelope, crypto, storage, runtime } = this.#services
    const { row, spec } = await this.#importable(call.principal, keyId)
    const token = parseToken(request.token)
    const session = await storage.findImportSession({ keyId })
    if (!token || !session || session.appId !== appId) throw new ServiceError('import_token')
    const [id, wrappingSpec] = tokenIdParts(session.tokenId)
    const content = envelope.open('import-wrapping-key', sessionIdentity(keyId, appId, id, wrappingSpec), {
      blob: session.wrapping,
      domainVersion: session.domainVersion,
    })
    const secret = content.subarray(0, SECRET_BYTES)
    const expected = tokenMac({ keyid: keyId, timestamp: session.expiresAt, id }, secret)
    const given = Buffer.from(token.hmac, 'base64')
    const genuine = given.length === expected.length && timingSafeEqual(given, expected)
    const wrappingKey = genuine ? crypto.decode(wrappingSpec, content.subarray(SECRET_BYTES)) : undefined
    content.fill(0)
    if (!wrappingKey || token.keyid !== keyId || token.timestamp !== session.expiresAt || token.id !== id)
      throw new ServiceError('import_token')
    const now = runtime.now()
    if (session.expiresAt <= now) throw new ServiceError('import_token_expired')

    const bytes = await crypto.asymmetricDecrypt(wrappingSpec, wrappingKey, request.wrapped, request.padding).catch((error: unknown) => {
      if (error instanceof CryptoBusyError) throw new ServiceError('busy', { cause: error })
      if (error instanceof CryptoInputError) return Buffer.alloc(0)
      throw error
    })
    if (bytes.length !== KEY_SPECS.get(spec.name)!.materialBytes) {
      bytes.fill(0)
      throw new ServiceError('import_material', {
        message: `The key material does not unwrap: check the padding, and that the material of an ${spec.name} key is ${spec.materialBytes} bytes long.`,
        facts: { spec: spec.name, wanted: spec.materialBytes },
      })
    }
    const key = createSecretKey(bytes)
    bytes.fill(0)
    const sealed = sealMaterial(this.#services, row, key)
    const outcome = await storage.completeImport({
      appId,
      keyId,
      tokenId: session.tokenId,
      material: sealed.blob,
      domainVersion: sealed.domainVersion,
      at: now,
      audit: changeRecord(call, keyId, now),
    })
    this.#keyCache.forget(keyId)
    if (outcome === 'missing') throw new ServiceError('key_not_found')
    if (outcome === 'token') throw new ServiceError('import_token')
    return crypto.checkValue(spec.name, key)
  }

  async #importable(principal: Principal, keyId: string): Promise<KeyHandle> {
    const handle = await this.#keyCache.find(principal, keyId)
    const outcome = STATE_TABLE[stateOf(handle.row, handle.key !== undefined, this.#services.runtime.now())].import
    if (outcome === 'allow') return handle
    // A key generated here has its material, too.
    throw new ServiceError(outcome === 'key_imported' && handle.row.origin === 'internal' ? 'key_not_importable' : outcome)
  }
}

/** Where the wrapping keys of imports are stored, sealed. */
export const IMPORT_COLUMN: SealedColumn<'import_sessions'> = {
  kind: 'import-wrapping-key',
  identity: ({ keyId, appId, tokenId }) => sessionIdentity(keyId, appId, ...tokenIdParts(tokenId)),
}

/** The stored id of a token names the spec of its wrapping key as well. */
function tokenIdParts(tokenId: string): [id: string, wrappingSpec: KeySpec] {
  const [wrappingSpec, id] = tokenId.split(':') as [KeySpec, string]
  return [id, wrappingSpec]
}

function sessionIdentity(keyId: string, appId: string, id: string, wrappingSpec: KeySpec): string[] {
  return [keyId, appId, id, wrappingSpec]
}

function tokenMac({ keyid, timestamp, id }: Omit<Token, 'hmac'>, secret: Uint8Array): Buffer {
  return createHmac('sha256', secret)
    .update(JSON.stringify(['import-token', keyid, timestamp, id]))
    .digest()
}

function encodeToken(token: Omit<Token, 'hmac'>, secret: Uint8Array): string {
  return Buffer.from(JSON.stringify({ ...token, hmac: tokenMac(token, secret).toString('base64') })).toString('base64')
}

function parseToken(text: unknown): Token | undefined {
  if (typeof text !== 'string' || text.length > MAX_TOKEN_CHARS) return undefined
  try {
    const { keyid, timestamp, id, hmac } = JSON.parse(Buffer.from(text, 'base64').toString()) ?? {}
    if (typeof keyid !== 'string' || typeof timestamp !== 'number' || typeof id !== 'string' || typeof hmac !== 'string') return undefined
    return { keyid, timestamp, id, hmac }
  } catch {
    return undefined
  }
}
