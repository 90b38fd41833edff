import type { KeyObject } from 'node:crypto'
import { DerError, readSubjectPublicKey } from '@vouchsafe/der'

/** Whether each part of a foreign public key is as it must be: an RSA key's exponent decides how long a verification takes. */
export function isSound(key: KeyObject): boolean {
  try {
    readSubjectPublicKey(key.export({ type: 'spki', format: 'der' }), 'public key')
    return true
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}
