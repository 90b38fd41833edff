/** Foreign bytes: whatever is decrypted, verified or decoded is answered, refused by CryptoInputError or false, and never anything else. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createKeyCrypto, CryptoInputError, KEY_SPECS } from '../src/index.ts'
import type { KeySpec, KeySpecInfo, Padding } from '../src/index.ts'

const crypto = createKeyCrypto()
const keys = new Map<KeySpec, KeyObject>()
const SPECS = [...KEY_SPECS.values()].filter(({ name }) => name !== 'rsa-3072' && name !== 'rsa-4096')
const keyOf = (spec: KeySpec): KeyObject => keys.get(spec) ?? assert.fail('no key')

before(async () => {
  for (const { name } of SPECS) keys.set(name, await crypto.generate(name))
})
after(() => crypto[Symbol.asyncDispose]())

/** Bytes made from `good` by overwriting, inserting, removing and cutting; or bytes that have nothing to do with it. */
function mutations(good: Uint8Array): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    kind: fc.constantFrom('set', 'insert', 'remove', 'cut'),
    at: fc.nat(good.length),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }),
  })
  const edited = fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) =>
    edits.reduce((current, { kind, at, bytes }) => {
      const start = Math.min(at, current.length)
      const rest = kind === 'set' ? start + bytes.length : kind === 'remove' ? start + 1 : kind === 'cut' ? current.length : start
      const middle = kind === 'set' || kind === 'insert' ? bytes : Buffer.alloc(0)
      return Buffer.concat([current.subarray(0, start), middle, current.subarray(rest)])
    }, Buffer.from(good)),
  )
  return fc.oneof(
    { arbitrary: edited, weight: 9 },
    { arbitrary: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
  )
}

async function answeredOrRefused(operation: () => unknown): Promise<void> {
  try {
    await operation()
  } catch (error) {
    if (!(error instanceof CryptoInputError)) throw error
  }
}

test('symmetric decryption of mutated ciphertexts', async () => {
  for (const { name } of SPECS.filter(({ symmetric, usages }) => symmetric && usages.includes('encrypt'))) {
    const good = crypto.encrypt(name, keyOf(name), Buffer.from('a plaintext of more than one block'))
    const property = fc.asyncProperty(mutations(good), (bytes) => answeredOrRefused(() => crypto.decrypt(name, keyOf(name), bytes)))
    await fc.assert(property, { numRuns: 200 })
  }
})

test('AES-GCM never decrypts a mutated ciphertext', async () => {
  const good = crypto.encrypt('aes-256-gcm', keyOf('aes-256-gcm'), Buffer.from('a plaintext'))
  fc.assert(
    fc.property(
      mutations(good).filter((bytes) => !bytes.equals(good)),
      (bytes) => {
        assert.throws(() => crypto.decrypt('aes-256-gcm', keyOf('aes-256-gcm'), bytes), { code: 'decryption_failed' })
      },
    ),
    { numRuns: 500 },
  )
})

async function fuzzAsymmetricDecryption({ name }: KeySpecInfo, padding: Padding): Promise<void> {
  const good = await crypto.asymmetricEncrypt(name, keyOf(name), Buffer.from('a plaintext'), padding)
  const decrypt = (bytes: Buffer) => crypto.asymmetricDecrypt(name, keyOf(name), bytes, padding)
  await fc.assert(
    fc.asyncProperty(mutations(good), (bytes) => answeredOrRefused(() => decrypt(bytes))),
    { numRuns: 60 },
  )
}

test('asymmetric decryption of mutated ciphertexts', async () => {
  for (const info of SPECS.filter(({ symmetric, usages }) => !symmetric && usages.includes('encrypt'))) {
    await fuzzAsymmetricDecryption(info, 'oaep')
    if (info.family === 'rsa') await fuzzAsymmetricDecryption(info, 'pkcs1')
  }
})

test('verification of mutated signatures is false, over messages and over digests, and never throws', async () => {
  const message = randomBytes(32)
  for (const { name, family } of SPECS.filter(({ usages }) => usages.includes('sign'))) {
    const variants = family === 'hmac' || family === 'sm2' ? [{}] : [{}, { prehashed: true }]
    for (const options of [
      ...variants,
      ...(family === 'rsa' ? variants.map((variant) => ({ ...variant, padding: 'pss' as const })) : []),
    ]) {
      const good = await crypto.sign(name, keyOf(name), message, options)
      const mutated = mutations(good).filter((bytes) => !bytes.equals(good))
      const property = fc.asyncProperty(mutated, async (bytes) => {
        assert.equal(await crypto.verify(name, keyOf(name), message, bytes, options), false)
      })
      await fc.assert(property, { numRuns: 60 })
    }
  }
})

test('decoding of mutated keys', async () => {
  for (const { name } of SPECS) {
    const good = crypto.encode(name, keyOf(name))
    const property = fc.asyncProperty(mutations(good), (bytes) => answeredOrRefused(() => crypto.decode(name, bytes)))
    await fc.assert(property, { numRuns: 150 })
  }
})
