import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Platform } from '../platform.ts'

/** Digits and letters without I, O, l and o, which are easily mistaken (contract §5.2). */
const ALPHABET = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz'
const LENGTH = 32
/** Bytes from here on would favour the first symbols, so they are drawn again. */
const UNBIASED = 256 - (256 % ALPHABET.length)

/** A new API key: 32 symbols, each equally likely (187 bits). */
export function generateApiKey(platform: Platform): string {
  let key = ''
  while (key.length < LENGTH) {
    for (const byte of platform.randomBytes(LENGTH)) {
      if (byte < UNBIASED && key.length < LENGTH) key += ALPHABET[byte % ALPHABET.length]
    }
  }
  return key
}

/** The MAC key of an API key: its text as UTF-8. */
export function macKey(apiKey: Uint8Array): KeyObject {
  return createSecretKey(apiKey)
}
