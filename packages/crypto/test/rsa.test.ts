import assert from 'node:assert/strict'
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { after, before, test } from 'node:test'
import { createKeyCrypto } from '../src/index.ts'
import type { Digest, KeySpec, Padding } from '../src/index.ts'
import { opensslPeer, privatePem, publicPem } from './openssl.ts'
import { flipped, refuses } from './expect.ts'
import { emsaPkcs1, emsaPss, emsaPssMatches } from '../src/rsa-encoding.ts'
import { RSA } from '../src/self-test-vectors.ts'

const SPECS: [KeySpec, number][] = [
  ['rsa-2048', 256],
  ['rsa-3072', 384],
  ['rsa-4096', 512],
]
const SHA2: Digest[] = ['sha224', 'sha256', 'sha384', 'sha512']
const crypto = createKeyCrypto()
const peer = opensslPeer()
const keys = new Map<KeySpec, KeyObject>()
const keyOf = (spec: KeySpec): KeyObject => keys.get(spec) ?? assert.fail('no key')

before(async () => {
  for (const [spec] of SPECS) {
    const key = await crypto.generate(spec)
    keys.set(spec, key)
    peer.file(`${spec}.pem`, privatePem(key))
    peer.file(`${spec}.pub`, publicPem(key))
  }
})
after(async () => {
  peer[Symbol.dispose]()
  await crypto[Symbol.asyncDispose]()
})

const encryptionOptions = (padding: Padding): string[] =>
  padding === 'oaep'
    ? ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'].flatMap((option) => ['-pkeyopt', option])
    : ['-pkeyopt', 'rsa_padding_mode:pkcs1']
const signatureOptions = (digest: Digest, padding: Padding): string[] =>
  [`digest:${digest}`, ...(padding === 'pss' ? ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest', `rsa_mgf1_md:${digest}`] : [])].flatMap(
    (option) => ['-pkeyopt', option],
  )

test('encryption and decryption meet openssl, with OAEP (SHA-256 throughout) and PKCS #1 v1.5', async () => {
  for (const [spec] of SPECS) {
    const key = keyOf(spec)
    for (const padding of ['oaep', 'pkcs1'] as const) {
      const plaintext = randomBytes(40)
      const ours = peer.file('ciphertext', await crypto.asymmetricEncrypt(spec, key, plaintext, padding))
      const privateKey = ['-inkey', peer.path(`${spec}.pem`)]
      assert.deepEqual(peer.run('pkeyutl', '-decrypt', ...privateKey, '-in', ours, ...encryptionOptions(padding)), plaintext)

      const input = ['-pubin', '-inkey', peer.path(`${spec}.pub`), '-in', peer.file('plaintext', plaintext)]
      const theirs = peer.run('pkeyutl', '-encrypt', ...input, ...encryptionOptions(padding))
      assert.deepEqual(await crypto.asymmetricDecrypt(spec, key, theirs, padding), plaintext)
    }
  }
})

test('OAEP is the default padding of encryption', async () => {
  const ciphertext = await crypto.asymmetricEncrypt('rsa-2048', keyOf('rsa-2048'), Buffer.from('x'))
  assert.equal((await crypto.asymmetricDecrypt('rsa-2048', keyOf('rsa-2048'), ciphertext, 'oaep')).toString(), 'x')
  assert.equal((await crypto.asymmetricDecrypt('rsa-2048', keyOf('rsa-2048'), ciphertext)).toString(), 'x')
})

test('a public key object encrypts and verifies', async () => {
  const key = keyOf('rsa-2048')
  const publicKey = createPublicKey(key)
  const ciphertext = await crypto.asymmetricEncrypt('rsa-2048', publicKey, Buffer.from('x'))
  assert.equal((await crypto.asymmetricDecrypt('rsa-2048', key, ciphertext)).toString(), 'x')
  const signature = await crypto.sign('rsa-2048', key, Buffer.from('m'))
  assert.equal(await crypto.verify('rsa-2048', publicKey, Buffer.from('m'), signature), true)
  await refuses('wrong_key_kind', () => crypto.asymmetricDecrypt('rsa-2048', publicKey, ciphertext))
  await refuses('wrong_key_kind', () => crypto.sign('rsa-2048', publicKey, Buffer.from('m')))
})

test('the plaintext limits are exact', async () => {
  for (const [spec, modulus] of SPECS) {
    for (const [padding, limit] of [
      ['oaep', modulus - 66],
      ['pkcs1', modulus - 11],
    ] as const) {
      assert.equal(crypto.maxPlaintext(spec, padding), limit)
      const longest = randomBytes(limit)
      const ciphertext = await crypto.asymmetricEncrypt(spec, keyOf(spec), longest, padding)
      assert.deepEqual(await crypto.asymmetricDecrypt(spec, keyOf(spec), ciphertext, padding), longest)
      await refuses('input_length', () => crypto.asymmetricEncrypt(spec, keyOf(spec), randomBytes(limit + 1), padding))
    }
    assert.equal(crypto.maxPlaintext(spec), modulus - 66)
  }
  const tooLong = () => crypto.asymmetricEncrypt('rsa-2048', keyOf('rsa-2048'), Buffer.alloc(191))
  await assert.rejects(tooLong, /at most 190 bytes/)
})

test('OAEP refuses altered, foreign and misfit ciphertexts with one and the same error', async () => {
  const key = keyOf('rsa-2048')
  const ciphertext = await crypto.asymmetricEncrypt('rsa-2048', key, Buffer.from('secret'))
  const foreign = await crypto.asymmetricEncrypt('rsa-2048', await crypto.generate('rsa-2048'), Buffer.from('secret'))
  const bad = [flipped(ciphertext, 0), flipped(ciphertext, 128), flipped(ciphertext, 255), foreign, ciphertext.subarray(1), Buffer.alloc(0)]
  for (const each of [...bad, Buffer.alloc(256, 0xff), Buffer.concat([ciphertext, Buffer.of(0)])]) {
    await refuses('decryption_failed', () => crypto.asymmetricDecrypt('rsa-2048', key, each))
  }
})

test('PKCS #1 v1.5 decryption rejects implicitly: bad padding gives stable bytes that depend on the key, not an error', async () => {
  const key = keyOf('rsa-2048')
  const decrypt = (ciphertext: Uint8Array) => crypto.asymmetricDecrypt('rsa-2048', key, ciphertext, 'pkcs1')
  const plaintext = Buffer.from('the plaintext')
  const ciphertext = await crypto.asymmetricEncrypt('rsa-2048', key, plaintext, 'pkcs1')
  for (const index of [100, 200, 255]) {
    const altered = flipped(ciphertext, index)
    const first = await decrypt(altered)
    assert.notDeepEqual(first, plaintext)
    assert.deepEqual(await decrypt(altered), first)
  }
  for (const misfit of [Buffer.alloc(0), ciphertext.subarray(1), Buffer.alloc(257), Buffer.alloc(256, 0xff)]) {
    await refuses('decryption_failed', () => decrypt(misfit))
  }
})

test('signatures meet openssl in both directions, over messages and over digests, PKCS #1 v1.5 and PSS', async () => {
  const message = randomBytes(300)
  for (const [spec] of SPECS) {
    for (const digest of SHA2) {
      const hash = createHash(digest).update(message).digest()
      const hashFile = peer.file('hash', hash)
      for (const padding of ['pkcs1', 'pss'] as const) {
        const options = { digest, padding }
        const key = keyOf(spec)
        const privateKey = ['-inkey', peer.path(`${spec}.pem`)]
        const publicKey = ['-pubin', '-inkey', peer.path(`${spec}.pub`)]
        const theirs = peer.run('pkeyutl', '-sign', ...privateKey, '-in', hashFile, ...signatureOptions(digest, padding))
        assert.equal(await crypto.verify(spec, key, message, theirs, options), true)
        assert.equal(await crypto.verify(spec, key, hash, theirs, { ...options, prehashed: true }), true)
        for (const ours of [
          await crypto.sign(spec, key, message, options),
          await crypto.sign(spec, key, hash, { ...options, prehashed: true }),
        ]) {
          const file = peer.file('signature', ours)
          peer.run('pkeyutl', '-verify', ...publicKey, '-in', hashFile, '-sigfile', file, ...signatureOptions(digest, padding))
          if (padding === 'pkcs1') assert.deepEqual(ours, theirs)
        }
      }
    }
  }
})

test('SM3 signatures over digests are those over messages, which OpenSSL makes', async () => {
  const key = keyOf('rsa-2048')
  const message = randomBytes(100)
  const hash = createHash('sm3').update(message).digest()
  for (const padding of ['pkcs1', 'pss'] as const) {
    const signature = await crypto.sign('rsa-2048', key, message, { digest: 'sm3', padding })
    assert.equal(await crypto.verify('rsa-2048', key, hash, signature, { digest: 'sm3', padding, prehashed: true }), true)
    const prehashed = await crypto.sign('rsa-2048', key, hash, { digest: 'sm3', padding, prehashed: true })
    if (padding === 'pkcs1') assert.deepEqual(prehashed, signature)
    assert.equal(await crypto.verify('rsa-2048', key, message, prehashed, { digest: 'sm3', padding }), true)
  }
})

test('the default is PKCS #1 v1.5 with SHA-256: the signature of RFC 7515 appendix A.2', async () => {
  const key = createPrivateKey({ key: RSA.key, format: 'jwk' })
  const signature = await crypto.sign('rsa-2048', key, Buffer.from(RSA.message))
  assert.equal(signature.toString('hex'), RSA.pkcs1Signature)
})

test('a signature that is altered, foreign, misfit or of another padding or digest is false', async () => {
  const key = keyOf('rsa-2048')
  const message = Buffer.from('message')
  const hash = createHash('sha256').update(message).digest()
  const other = await crypto.generate('rsa-2048')
  for (const padding of ['pkcs1', 'pss'] as const) {
    for (const [input, prehashed] of [
      [message, false],
      [hash, true],
    ] as const) {
      const options = { padding, prehashed }
      const signature = await crypto.sign('rsa-2048', key, input, options)
      const verify = (each: Uint8Array, changed = {}) => crypto.verify('rsa-2048', key, input, each, { ...options, ...changed })
      assert.equal(await verify(signature), true)
      for (const index of [0, 1, 128, 254, 255]) assert.equal(await verify(flipped(signature, index)), false)
      for (const misfit of [Buffer.alloc(0), Buffer.alloc(256), Buffer.alloc(256, 0xff), signature.subarray(1), Buffer.alloc(512, 1)]) {
        assert.equal(await verify(misfit), false)
      }
      assert.equal(await verify(Buffer.concat([Buffer.of(0), signature])), false)
      assert.equal(await verify(signature, { padding: padding === 'pss' ? 'pkcs1' : 'pss' }), false)
      if (!prehashed) assert.equal(await verify(signature, { digest: 'sha512' }), false)
      assert.equal(await crypto.verify('rsa-2048', other, input, signature, options), false)
      assert.equal(await crypto.verify('rsa-2048', key, flipped(input, 0), signature, options), false)
    }
  }
})

test('a signature without its leading zero byte, or with one more, is false, though the number is the same', async () => {
  const key = createPrivateKey({ key: RSA.key, format: 'jwk' })
  for (const padding of ['pkcs1', 'pss'] as const) {
    let message = Buffer.alloc(0)
    let signature = Buffer.of(1)
    // One signature in 256 begins with a zero byte.
    for (let i = 0; signature[0] !== 0; i++) {
      message = Buffer.from(`message ${i}`)
      signature = sign('sha256', message, padding === 'pss' ? { key, padding: 6, saltLength: 32 } : key)
    }
    const hash = createHash('sha256').update(message).digest()
    for (const [input, prehashed] of [
      [message, false],
      [hash, true],
    ] as const) {
      const verify = (each: Uint8Array) => crypto.verify('rsa-2048', key, input, each, { padding, prehashed })
      assert.equal(await verify(signature), true)
      assert.equal(await verify(signature.subarray(1)), false)
      assert.equal(await verify(Buffer.concat([Buffer.of(0), signature])), false)
    }
  }
})

test('a PSS salt of another length than the digest is false, over messages and over digests', async () => {
  const key = keyOf('rsa-2048')
  const message = Buffer.from('message')
  const hash = createHash('sha256').update(message).digest()
  for (const saltLength of [0, 20, 31, 33, 222]) {
    const signature = sign('sha256', message, { key, padding: 6, saltLength })
    assert.equal(await crypto.verify('rsa-2048', key, message, signature, { padding: 'pss' }), false)
    assert.equal(await crypto.verify('rsa-2048', key, hash, signature, { padding: 'pss', prehashed: true }), false)
  }
})

test('a precomputed digest of the wrong length, a wrong padding and an unknown digest are refused', async () => {
  const key = keyOf('rsa-2048')
  for (const length of [0, 31, 33, 64]) {
    const input = Buffer.alloc(length)
    await refuses('input_length', () => crypto.sign('rsa-2048', key, input, { prehashed: true }))
    await refuses('input_length', () => crypto.verify('rsa-2048', key, input, Buffer.alloc(256), { prehashed: true }))
  }
  for (const prehashed of [false, true]) {
    await refuses('padding', () => crypto.sign('rsa-2048', key, Buffer.alloc(32), { padding: 'oaep', prehashed }))
    await refuses('padding', () => crypto.verify('rsa-2048', key, Buffer.alloc(32), Buffer.alloc(256), { padding: 'oaep', prehashed }))
  }
  await refuses('padding', () => crypto.asymmetricEncrypt('rsa-2048', key, Buffer.alloc(1), 'pss'))
  await refuses('padding', () => crypto.asymmetricDecrypt('rsa-2048', key, Buffer.alloc(256), 'pss'))
  await refuses('padding', () => crypto.maxPlaintext('rsa-2048', 'pss'))
  await refuses('digest', () => crypto.sign('rsa-2048', key, Buffer.alloc(1), { digest: 'md5' as Digest }))
  await refuses('digest', () => crypto.sign('ec-p256', key, Buffer.alloc(1), { digest: 'toString' as Digest }))
})

test('the encoded digest is the one that RFC 8017 prints', () => {
  const encoded = emsaPkcs1('sha256', Buffer.alloc(32, 0xab), 256).toString('hex')
  assert.equal(encoded, `0001${'ff'.repeat(202)}003031300d060960864801650304020105000420${'ab'.repeat(32)}`)
})

test('a PSS encoding with any bit altered is false: trailer, separator, zeros, salt and hash', () => {
  for (const digest of [...SHA2, 'sm3'] as const) {
    const hash = createHash(digest).update('message').digest()
    const encoded = emsaPss(digest, hash, 256)
    assert.equal(emsaPssMatches(digest, hash, encoded), true)
    for (let i = 0; i < encoded.length; i++) assert.equal(emsaPssMatches(digest, hash, flipped(encoded, i)), false, `${digest} byte ${i}`)
    const topBit = Buffer.from(encoded)
    topBit.writeUInt8(encoded.readUInt8(0) ^ 0x80, 0)
    assert.equal(emsaPssMatches(digest, hash, topBit), false)
  }
})

test('the bytes to be signed are taken when sign is called', async () => {
  const message = Buffer.from('as it was')
  const pending = crypto.sign('rsa-4096', keyOf('rsa-4096'), message)
  message.fill(0)
  assert.equal(await crypto.verify('rsa-4096', keyOf('rsa-4096'), Buffer.from('as it was'), await pending), true)
})
