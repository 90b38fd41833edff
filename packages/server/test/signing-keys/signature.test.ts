import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { signBytes, verifyBytes } from '../../src/signing-keys/signature.ts'

test('an RSA signature without its leading zero byte, or with one more, is false, though the number is the same', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  for (const algorithm of ['RS256', 'PS256', 'PS384'] as const) {
    let message = Buffer.alloc(0)
    let signature: Buffer = Buffer.of(1)
    // One signature in 256 begins with a zero byte.
    for (let i = 0; signature[0] !== 0; i++) {
      message = Buffer.from(`message ${i}`)
      signature = await signBytes(privateKey, algorithm, message)
    }
    assert.equal(verifyBytes(publicKey, algorithm, message, signature), true)
    assert.equal(verifyBytes(publicKey, algorithm, message, signature.subarray(1)), false)
    assert.equal(verifyBytes(publicKey, algorithm, message, Buffer.concat([Buffer.of(0), signature])), false)
  }
})
