// What an importer can know of a symmetric key before the server has it: its length and its key check value.
import { createCipheriv, createHmac } from 'node:crypto'
import { shortSpec, type KeySpec } from '@vouchsafe/client'
import { CommandError } from '@vouchsafe/command'

const BLOCK_CIPHERS: Readonly<Record<string, { cipher: string; bytes: number }>> = {
  'aes-gcm-128': { cipher: 'aes-128-ecb', bytes: 16 },
  'aes-gcm-192': { cipher: 'aes-192-ecb', bytes: 24 },
  'aes-gcm-256': { cipher: 'aes-256-ecb', bytes: 32 },
  'sm4-ctr': { cipher: 'sm4-ecb', bytes: 16 },
  'sm4-cbc': { cipher: 'sm4-ecb', bytes: 16 },
}
const HMAC_BYTES = 32
const ZERO_BLOCK = Buffer.alloc(16)

/**
 * The key check value, six hexadecimal digits: the first three bytes of the block cipher over a zero block, or of HMAC-SHA256 over nothing.
 * Throws CommandError when the material doesn't fit the key spec.
 */
export function keyCheckValue(keyspec: KeySpec, material: Uint8Array): string {
  const block = BLOCK_CIPHERS[shortSpec(keyspec)]
  if (block === undefined && shortSpec(keyspec) !== 'hmac') throw new CommandError(`keys of ${keyspec} cannot be imported`)
  const bytes = block?.bytes ?? HMAC_BYTES
  if (material.length !== bytes) throw new CommandError(`a key of ${keyspec} has ${bytes} bytes, the input has ${material.length}`)
  const check = block ? createCipheriv(block.cipher, material, null).update(ZERO_BLOCK) : createHmac('sha256', material).digest()
  return check.toString('hex', 0, 3).toUpperCase()
}
