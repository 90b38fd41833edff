import assert from 'node:assert/strict'
import { createHash, createPublicKey, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { createKeyCrypto } from '../src/index.ts'
import type { Digest, KeySpec } from '../src/index.ts'
import { encodeSignature, parseSignature } from '../src/ec-encoding.ts'
import { ecSignDigest } from '../src/ec-digest.ts'
import { ECDSA, ECDSA_MESSAGE } from '../src/self-test-vectors.ts'
import type { EcSpec } from '../src/spec.ts'
import { flipped, refuses } from './expect.ts'
import { opensslPeer, privatePem, publicPem } from './openssl.ts'

const WIDTHS: Record<EcSpec, number> = { EH_EC_P224: 28, EH_EC_P256: 32, EH_EC_P256K: 32, EH_EC_P384: 48, EH_EC_P521: 66 }
const SPECS = Object.keys(WIDTHS) as EcSpec[]
const DIGESTS: Digest[] = ['sha224', 'sha256', 'sha384', 'sha512', 'sm3']
const crypto = createKeyCrypto()
after(() => crypto[Symbol.asyncDispose]())

const ORDERS: Record<EcSpec, string> = {
  EH_EC_P224: 'ffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3d',
  EH_EC_P256: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  EH_EC_P256K: 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141',
  EH_EC_P384: 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  EH_EC_P521: `01${'f'.repeat(64)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`,
}

test('signatures meet openssl in both directions, over messages and over digests, for every curve and digest', async () => {
  using peer = opensslPeer()
  const message = randomBytes(200)
  for (const spec of SPECS) {
    const key = await crypto.generate(spec)
    const privateKey = ['-inkey', peer.file('key.pem', privatePem(key))]
    const publicKey = ['-pubin', '-inkey', peer.file('key.pub', publicPem(key))]
    for (const digest of DIGESTS) {
      const hash = createHash(digest).update(message).digest()
      const hashFile = ['-in', peer.file('hash', hash)]
      const theirs = peer.run('pkeyutl', '-sign', ...privateKey, ...hashFile)
      assert.equal(await crypto.verify(spec, key, message, theirs, { digest }), true)
      assert.equal(await crypto.verify(spec, key, hash, theirs, { digest, prehashed: true }), true)
      for (const ours of [
        await crypto.sign(spec, key, message, { digest }),
        await crypto.sign(spec, key, hash, { digest, prehashed: true }),
      ]) {
        peer.run('pkeyutl', '-verify', ...publicKey, ...hashFile, '-sigfile', peer.file('signature', ours))
      }
    }
  }
})

test('over digests the nonces are those of RFC 6979 when they are not hedged', async () => {
  for (const spec of SPECS) {
    const { digest, scalar, signature } = ECDSA[spec]
    const hash = createHash(digest).update(ECDSA_MESSAGE).digest()
    assert.equal(Buffer.from(await ecSignDigest(spec, Buffer.from(scalar, 'hex'), hash, false)).toString('hex'), signature, spec)
    const hedged = await ecSignDigest(spec, Buffer.from(scalar, 'hex'), hash)
    assert.notEqual(Buffer.from(hedged).toString('hex'), signature, spec)
  }
})

test('the default digest is SHA-256, and padding does not matter', async () => {
  const key = await crypto.generate('EH_EC_P256')
  const message = Buffer.from('message')
  const signature = await crypto.sign('EH_EC_P256', key, message, { padding: 'oaep' })
  assert.equal(await crypto.verify('EH_EC_P256', key, message, signature, { digest: 'sha256', padding: 'pss' }), true)
  assert.equal(await crypto.verify('EH_EC_P256', createPublicKey(key), message, signature), true)
})

test('the quick curves answer at once, the slow ones and digests by promise', async () => {
  const message = Buffer.alloc(32)
  for (const spec of SPECS) {
    const key = await crypto.generate(spec)
    const quick = !['EH_EC_P384', 'EH_EC_P521'].includes(spec)
    const signature = crypto.sign(spec, key, message)
    assert.equal(signature instanceof Promise, !quick, spec)
    const valid = crypto.verify(spec, key, message, await signature)
    assert.equal(valid instanceof Promise, !quick, spec)
    assert.equal(await valid, true)
  }
})

test('a signature that is altered anywhere, foreign, or of another message or digest is false', async () => {
  for (const spec of SPECS) {
    const [key, other] = [await crypto.generate(spec), await crypto.generate(spec)]
    const hash = createHash('sha256').update('message').digest()
    for (const [input, prehashed] of [
      [Buffer.from('message'), false],
      [hash, true],
    ] as const) {
      const signature = await crypto.sign(spec, key, input, { prehashed })
      const verify = (each: Uint8Array) => crypto.verify(spec, key, input, each, { prehashed })
      const step = prehashed ? 23 : 1
      for (let i = 0; i < signature.length; i += step) assert.equal(await verify(flipped(signature, i)), false, `${spec} byte ${i}`)
      assert.equal(await verify(Buffer.concat([signature, Buffer.of(0)])), false)
      assert.equal(await verify(signature.subarray(0, -1)), false)
      assert.equal(await verify(Buffer.alloc(0)), false)
      assert.equal(await crypto.verify(spec, other, input, signature, { prehashed }), false)
      assert.equal(await crypto.verify(spec, key, flipped(input, 0), signature, { prehashed }), false)
    }
    const signature = await crypto.sign(spec, key, Buffer.from('message'))
    assert.equal(await crypto.verify(spec, key, Buffer.from('message'), signature, { digest: 'sha512' }), false)
  }
})

test('r and s out of range are false over digests, where OpenSSL does not look', async () => {
  for (const spec of SPECS) {
    const key = await crypto.generate(spec)
    const hash = randomBytes(32)
    const signature = parseSignature(await crypto.sign(spec, key, hash, { prehashed: true }), WIDTHS[spec]) ?? assert.fail()
    const order = Buffer.from(ORDERS[spec], 'hex')
    const [r, s] = [signature.subarray(0, WIDTHS[spec]), signature.subarray(WIDTHS[spec])]
    const most = Buffer.alloc(WIDTHS[spec], 0xff)
    for (const [badR, badS] of [
      [order, s],
      [r, order],
      [most, s],
      [r, most],
    ] as const) {
      const der = encodeSignature(Buffer.concat([badR, badS]))
      assert.equal(await crypto.verify(spec, key, hash, der, { prehashed: true }), false)
    }
  }
})

test('the high and the low s are both valid, as in OpenSSL', async () => {
  for (const spec of SPECS) {
    const key = await crypto.generate(spec)
    const hash = createHash('sha256').update('message').digest()
    const width = WIDTHS[spec]
    const compact = parseSignature(await crypto.sign(spec, key, hash, { prehashed: true }), width) ?? assert.fail()
    const s = BigInt(`0x${Buffer.from(compact.subarray(width)).toString('hex')}`)
    const mirrored = (BigInt(`0x${ORDERS[spec]}`) - s).toString(16).padStart(width * 2, '0')
    const other = encodeSignature(Buffer.concat([compact.subarray(0, width), Buffer.from(mirrored, 'hex')]))
    assert.equal(await crypto.verify(spec, key, hash, other, { prehashed: true }), true)
    assert.equal(await crypto.verify(spec, key, Buffer.from('message'), other), true)
  }
})

test('a precomputed digest must be as long as its digest', async () => {
  const key = await crypto.generate('EH_EC_P256')
  for (const digest of DIGESTS) {
    const length = createHash(digest).digest().length
    for (const wrong of [0, length - 1, length + 1]) {
      await refuses('input_length', () => crypto.sign('EH_EC_P256', key, Buffer.alloc(wrong), { digest, prehashed: true }))
      await refuses('input_length', () =>
        crypto.verify('EH_EC_P256', key, Buffer.alloc(wrong), Buffer.alloc(70), { digest, prehashed: true }),
      )
    }
  }
})

test('any message is signed and verified', async () => {
  const key = await crypto.generate('EH_EC_P256')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 6144 }), async (message) => {
      const signature = await crypto.sign('EH_EC_P256' satisfies KeySpec, key, message)
      assert.equal(await crypto.verify('EH_EC_P256', key, message, signature), true)
    }),
    { numRuns: 50 },
  )
})
