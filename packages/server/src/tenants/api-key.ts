import type { Runtime } from '../foundation/index.ts'

/** Digits and letters without I, O, l and o, which are easily mistaken (contract §5.2). */
const APP_ALPHABET = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz'
/** All digits and letters (contract of the attestation authority §14). */
const USER_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const LENGTH = 32

/** A new API key of an app: 32 symbols, each equally likely (187 bits). */
export function generateApiKey(runtime: Runtime): string {
  return randomText(runtime, APP_ALPHABET)
}

/** A new API key of a user of the attestation authority: 32 symbols, each equally likely (190 bits). */
export function generateUserKey(runtime: Runtime): string {
  return randomText(runtime, USER_ALPHABET)
}

function randomText(runtime: Runtime, alphabet: string): string {
  // Bytes from here on would favour the first symbols, so they are drawn again.
  const unbiased = 256 - (256 % alphabet.length)
  let text = ''
  while (text.length < LENGTH) {
    for (const byte of runtime.randomBytes(LENGTH)) {
      if (byte < unbiased && text.length < LENGTH) text += alphabet[byte % alphabet.length]
    }
  }
  return text
}
