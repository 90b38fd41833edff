import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import type { Runtime } from '../foundation/index.ts'

const BLOB_FORMAT = 1
const IV_BYTES = 12
const TAG_BYTES = 16
/** Format byte, IV and tag around the ciphertext. */
const OVERHEAD = 1 + IV_BYTES + TAG_BYTES

/** AES-256-GCM with a random IV (NIST SP 800-38D): format byte, IV, ciphertext, tag. */
export function wrap(key: KeyObject, aad: Buffer, plaintext: Uint8Array, runtime: Runtime): Buffer {
  const iv = runtime.randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad)
  return Buffer.concat([Buffer.of(BLOB_FORMAT), iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** The plaintext given to {@link wrap}; undefined if the key, the additional data or the blob differs. */
export function unwrap(key: KeyObject, aad: Buffer, blob: Uint8Array): Buffer | undefined {
  if (blob.length < OVERHEAD || blob[0] !== BLOB_FORMAT) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(1, 1 + IV_BYTES), { authTagLength: TAG_BYTES }).setAAD(aad)
  decipher.setAuthTag(blob.subarray(-TAG_BYTES))
  try {
    const plaintext = decipher.update(blob.subarray(1 + IV_BYTES, -TAG_BYTES))
    decipher.final()
    return plaintext
  } catch {
    return undefined
  }
}
