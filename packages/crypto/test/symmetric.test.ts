import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { createKeyCrypto } from '../src/index.ts'
import type { KeySpec } from '../src/index.ts'
import { opensslPeer } from './openssl.ts'
import { flipped, refuses } from './expect.ts'

const GCM: KeySpec[] = ['aes-128-gcm', 'aes-192-gcm', 'aes-256-gcm']
const SM4: KeySpec[] = ['sm4-ctr', 'sm4-cbc']
const crypto = createKeyCrypto()
const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength })

test('what was encrypted decrypts, with the same additional data', async () => {
  for (const spec of [...GCM, ...SM4]) {
    const key = await crypto.generate(spec)
    fc.assert(
      fc.property(bytes(6144, 1), bytes(64), (plaintext, aad) => {
        assert.deepEqual(crypto.decrypt(spec, key, crypto.encrypt(spec, key, plaintext, aad), aad), Buffer.from(plaintext))
      }),
      { numRuns: 50 },
    )
  }
})

test('AES-GCM ciphertexts are 28 bytes longer: ciphertext, IV, tag; an empty plaintext is sealed too', async () => {
  for (const spec of GCM) {
    const key = await crypto.generate(spec)
    for (const length of [0, 1, 16, 33]) assert.equal(crypto.encrypt(spec, key, Buffer.alloc(length)).length, length + 28)
    assert.equal(crypto.decrypt(spec, key, crypto.encrypt(spec, key, Buffer.alloc(0))).length, 0)
  }
})

test('no IV is drawn twice, also across refills of the pool', async () => {
  const key = await crypto.generate('aes-256-gcm')
  const sm4 = await crypto.generate('sm4-ctr')
  const seen = new Set<string>()
  for (let i = 0; i < 1000; i++) {
    seen.add(crypto.encrypt('aes-256-gcm', key, Buffer.of(1)).subarray(1, 13).toString('hex'))
    seen.add(crypto.encrypt('sm4-ctr', sm4, Buffer.of(1)).subarray(1, 13).toString('hex'))
  }
  assert.equal(seen.size, 2000)
})

test('AES-GCM refuses every altered byte, other additional data, another key and anything too short', async () => {
  for (const spec of GCM) {
    const key = await crypto.generate(spec)
    const ciphertext = crypto.encrypt(spec, key, Buffer.from('attack at dawn'), Buffer.from('aad'))
    for (let i = 0; i < ciphertext.length; i++) {
      await refuses('decryption_failed', () => crypto.decrypt(spec, key, flipped(ciphertext, i), Buffer.from('aad')))
    }
    for (let length = 0; length < ciphertext.length; length++) {
      await refuses('decryption_failed', () => crypto.decrypt(spec, key, ciphertext.subarray(0, length), Buffer.from('aad')))
    }
    for (const aad of [undefined, Buffer.alloc(0), Buffer.from('aae'), Buffer.from('aadd')]) {
      await refuses('decryption_failed', () => crypto.decrypt(spec, key, ciphertext, aad))
    }
    const other = await crypto.generate(spec)
    await refuses('decryption_failed', () => crypto.decrypt(spec, other, ciphertext, Buffer.from('aad')))
  }
})

test('SM4 ciphertexts are what openssl makes of the same key and IV', async () => {
  using peer = opensslPeer()
  for (const [spec, cipher] of [
    ['sm4-ctr', '-sm4-ctr'],
    ['sm4-cbc', '-sm4-cbc'],
  ] as const) {
    const key = await crypto.generate(spec)
    const keyHex = crypto.encode(spec, key).toString('hex')
    for (const length of [1, 15, 16, 17, 32, 1000]) {
      const plaintext = randomBytes(length)
      const ciphertext = crypto.encrypt(spec, key, plaintext)
      const iv = ciphertext.subarray(-16).toString('hex')
      const expected = peer.run('enc', cipher, '-K', keyHex, '-iv', iv, '-in', peer.file('plaintext', plaintext))
      assert.deepEqual(ciphertext.subarray(0, -16), expected)
      assert.equal(ciphertext.length, 16 + (spec === 'sm4-ctr' ? length : length + 16 - (length % 16)))
    }
  }
})

test('SM4 ignores additional data and refuses what has nothing before its IV', async () => {
  for (const spec of SM4) {
    const key = await crypto.generate(spec)
    const ciphertext = crypto.encrypt(spec, key, Buffer.from('text'), Buffer.from('one'))
    assert.equal(crypto.decrypt(spec, key, ciphertext, Buffer.from('two')).toString(), 'text')
    for (const length of [0, 1, 15, 16]) await refuses('decryption_failed', () => crypto.decrypt(spec, key, Buffer.alloc(length)))
    await refuses('input_length', () => crypto.encrypt(spec, key, Buffer.alloc(0)))
  }
})

test('SM4-CBC refuses lengths that are no blocks and padding that is not PKCS#7', async () => {
  const key = await crypto.generate('sm4-cbc')
  const ciphertext = crypto.encrypt('sm4-cbc', key, Buffer.alloc(16))
  await refuses('decryption_failed', () => crypto.decrypt('sm4-cbc', key, ciphertext.subarray(1)))
  // Flipping a byte of the block before the last flips the padding's own byte: 16 becomes 17.
  await refuses('decryption_failed', () => crypto.decrypt('sm4-cbc', key, flipped(ciphertext, 15)))
})

test('decrypted plaintexts do not share memory with anything else', async () => {
  for (const spec of [...GCM, ...SM4]) {
    const key = await crypto.generate(spec)
    const plaintext = crypto.decrypt(spec, key, crypto.encrypt(spec, key, Buffer.from('secret')))
    assert.ok(plaintext.buffer.byteLength <= 32, spec)
  }
})

test('HMAC is what openssl computes, for every digest', async () => {
  using peer = opensslPeer()
  const key = await crypto.generate('hmac-256')
  const hexKey = crypto.encode('hmac-256', key).toString('hex')
  const message = randomBytes(500)
  for (const digest of ['sha224', 'sha256', 'sha384', 'sha512', 'sm3'] as const) {
    const args = ['dgst', `-${digest}`, '-mac', 'HMAC', '-macopt', `hexkey:${hexKey}`, '-binary', peer.file('message', message)]
    assert.deepEqual(crypto.sign('hmac-256', key, message, { digest }), peer.run(...args))
  }
  assert.deepEqual(crypto.sign('hmac-256', key, message), crypto.sign('hmac-256', key, message, { digest: 'sha256' }))
})

test('HMAC verification accepts the full MAC alone', async () => {
  const key = await crypto.generate('hmac-256')
  const message = Buffer.from('message')
  const mac = await crypto.sign('hmac-256', key, message)
  const verify = (signature: Uint8Array) => crypto.verify('hmac-256', key, message, signature)
  assert.equal(verify(mac), true)
  for (let i = 0; i < mac.length; i++) assert.equal(verify(flipped(mac, i)), false)
  for (const other of [mac.subarray(0, 31), mac.subarray(0, 16), Buffer.alloc(0), Buffer.concat([mac, Buffer.of(0)])])
    assert.equal(verify(other), false)
  assert.equal(crypto.verify('hmac-256', key, Buffer.from('Message'), mac), false)
  assert.equal(crypto.verify('hmac-256', await crypto.generate('hmac-256'), message, mac), false)
})

test('HMAC takes no precomputed digest', async () => {
  const key = await crypto.generate('hmac-256')
  const prehashed = { prehashed: true }
  await assert.rejects(
    async () => crypto.sign('hmac-256', key, Buffer.alloc(32), prehashed),
    /^CryptoInputError: HMAC takes the message itself, not its digest\.$/,
  )
  await refuses('digest', () => crypto.sign('hmac-256', key, Buffer.alloc(32), prehashed))
  await refuses('digest', () => crypto.verify('hmac-256', key, Buffer.alloc(32), Buffer.alloc(32), prehashed))
})
