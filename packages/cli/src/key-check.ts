// What an importer can know of a symmetric key before the server has it: its length and its key check value.
import { createCipheriv, createHmac } from 'node:crypto'
import type { KeySpec } from '@vouchsafe/client'
import { CommandError } from './command.ts'

const BLOCK_CIPHERS: Partial<Record<KeySpec, { cipher: string; bytes: number }>> = {
  EH_AES_GCM_128: { cipher: 'aes-128-ecb', bytes: 16 },
  EH_AES_GCM_192: { cipher: 'aes-192-ecb', bytes: 24 },
  EH_AES_GCM_256: { cipher: 'aes-256-ecb', bytes: 32 },
  EH_SM4_CTR: { cipher: 'sm4-ecb', bytes: 16 },
  EH_SM4_CBC: { cipher: 'sm4-ecb', bytes: 16 },
}
const HMAC_BYTES = 32
const ZERO_BLOCK = Buffer.alloc(16)

/**
 * The key check value, six hexadecimal digits: the first three bytes of the block cipher over a zero block, or of HMAC-SHA256 over nothing.
 * Throws CommandError when the material doesn't fit the key spec.
 */
export function keyCheckValue(keyspec: KeySpec, material: Uint8Array): string {
  const block = BLOCK_CIPHERS[keyspec]
  if (block === undefined && keyspec !== 'EH_HMAC') throw new CommandError(`keys of ${keyspec} cannot be imported`)
  const bytes = block?.bytes ?? HMAC_BYTES
  if (material.length !== bytes) throw new CommandError(`a key of ${keyspec} has ${bytes} bytes, the input has ${material.length}`)
  const check = block ? createCipheriv(block.cipher, material, null).update(ZERO_BLOCK) : createHmac('sha256', material).digest()
  return check.toString('hex', 0, 3).toUpperCase()
}
