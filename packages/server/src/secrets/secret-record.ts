/**
 * How secrets are stored: each has a data key of its own, wrapped by the chosen key (CMK) or the app's default one, and each value is
 * sealed under that data key. Both are sealed once more under the domain key, since SM4 has no integrity.
 *
 * Invariant: every layer names the row in its additional data (app, secret, name, version, generation of the data key), so that nothing
 * opens in any other row, nor under a data key that was rotated away.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { CryptoInputError, type KeyCrypto } from '@vouchsafe/crypto'
import type { UsableKey } from '../keys/index.ts'
import type { Envelope, SealedBlob, SealedColumn } from '../envelope/index.ts'
import { SealError } from '../root-key/index.ts'
import type { SecretRow, SecretVersionRow } from '../storage/index.ts'

export const DATA_KEY_BYTES = 32
const VALUE_SPEC = 'aes-256-gcm'
/** First byte of a value's plaintext: what follows is UTF-8, or UTF-16 for text that has no UTF-8 (lone surrogates). */
const UTF8 = 0
const UTF16 = 1

export interface Sealer {
  envelope: Envelope
  crypto: KeyCrypto
}

/** The fields of a secret that its blobs are bound to. */
export type SecretIdentity = Pick<SecretRow, 'id' | 'appId' | 'name' | 'keyId' | 'keyGeneration'>

/** A value's plaintext; the caller zeroes it. */
export function encodeValue(value: string): Buffer {
  const [format, encoding] = value.isWellFormed() ? ([UTF8, 'utf8'] as const) : ([UTF16, 'utf16le'] as const)
  const bytes = Buffer.allocUnsafeSlow(1 + Buffer.byteLength(value, encoding))
  bytes[0] = format
  bytes.write(value, 1, encoding)
  return bytes
}

/** Inverse of {@link encodeValue}. */
export function decodeValue(bytes: Buffer): string {
  return bytes.toString(bytes[0] === UTF8 ? 'utf8' : 'utf16le', 1)
}

/** Wraps a data key for the secret's row; the bytes stay the caller's to zero. */
export function wrapDataKey({ envelope, crypto }: Sealer, cmk: UsableKey, secret: SecretIdentity, dataKey: Uint8Array): SealedBlob {
  const identity = dataKeyIdentity(secret)
  return envelope.seal('secret-key', identity, crypto.encrypt(cmk.spec.name, cmk.key, dataKey, additionalData(identity)))
}

/**
 * Unwraps the secret's data key.
 * @throws {SealError} when it isn't this row's or was altered
 */
export function unwrapDataKey(
  { envelope, crypto }: Sealer,
  cmk: UsableKey,
  secret: SecretIdentity & Pick<SecretRow, 'dataKey' | 'domainVersion'>,
): KeyObject {
  const identity = dataKeyIdentity(secret)
  const wrapped = envelope.open('secret-key', identity, { blob: secret.dataKey, domainVersion: secret.domainVersion })
  const bytes = opening('data key', () => crypto.decrypt(cmk.spec.name, cmk.key, wrapped, additionalData(identity)))
  if (bytes.length !== DATA_KEY_BYTES) throw new SealError("a secret's data key has a wrong length")
  return takeDataKey(bytes)
}

/** The bytes as a key; the bytes are zeroed. */
export function takeDataKey(bytes: Buffer): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** Seals a value's plaintext as one version of the secret. */
export function sealVersion(
  { envelope, crypto }: Sealer,
  dataKey: KeyObject,
  secret: SecretIdentity,
  { version, createdAt }: Pick<SecretVersionRow, 'version' | 'createdAt'>,
  plaintext: Uint8Array,
): SecretVersionRow {
  const identity = valueIdentity(secret, version)
  const inner = crypto.encrypt(VALUE_SPEC, dataKey, plaintext, additionalData(identity))
  const { blob, domainVersion } = envelope.seal('secret-value', identity, inner)
  return { version, createdAt, sealed: blob, domainVersion }
}

/**
 * Opens a version's plaintext; the caller zeroes it.
 * @throws {SealError} when it isn't this row's or was altered
 */
export function openVersion({ envelope, crypto }: Sealer, dataKey: KeyObject, secret: SecretIdentity, row: SecretVersionRow): Buffer {
  const identity = valueIdentity(secret, row.version)
  const inner = envelope.open('secret-value', identity, { blob: row.sealed, domainVersion: row.domainVersion })
  return opening('value', () => crypto.decrypt(VALUE_SPEC, dataKey, inner, additionalData(identity)))
}

/** Where secrets' data keys, and their values, are stored, sealed. */
export const DATA_KEY_COLUMN: SealedColumn<'secrets'> = { kind: 'secret-key', identity: dataKeyIdentity }
export const VALUE_COLUMN: SealedColumn<'secret_versions'> = {
  kind: 'secret-value',
  identity: ({ secret, version }) => valueIdentity(secret, version),
}

function dataKeyIdentity({ id, appId, name, keyId, keyGeneration }: SecretIdentity): string[] {
  return [appId, id, name, keyId, String(keyGeneration)]
}

function valueIdentity({ id, appId, name, keyGeneration }: Omit<SecretIdentity, 'keyId'>, version: number): string[] {
  return [appId, id, name, String(version), String(keyGeneration)]
}

function additionalData(identity: string[]): Buffer {
  return Buffer.from(JSON.stringify(identity))
}

/** Stored blobs must open: a failure is not the caller's mistake. */
function opening<T>(what: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (error instanceof CryptoInputError) throw new SealError(`a secret's ${what} does not open under its key`)
    throw error
  }
}
