import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { KeyObject } from 'node:crypto'
import { TAG } from '@vouchsafe/der'
import { encodeDer, octetString, sequence } from '@vouchsafe/der/writer'
import { createKeyCrypto } from '../src/index.ts'
import { encodeSignature, encodeSm2Ciphertext, parseSignature, parseSm2Ciphertext } from '../src/ec-encoding.ts'
import { SM2 } from '../src/self-test-vectors.ts'
import { sm2Decrypt, sm2Verify, sm2VerifyHash } from '../src/sm2.ts'
import { flipped, refuses } from './expect.ts'
import { opensslPeer, privatePem, publicPem } from './openssl.ts'

const SPEC = 'EH_SM2'
const SIGNER = ['-rawin', '-digest', 'sm3', '-pkeyopt', 'distid:1234567812345678']
const ORDER = Buffer.from('fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123', 'hex')
/** Made with sm-crypto-v2 for the key of GM/T 0003.5: the hash is right, and the one byte, 41, is its own ciphertext. */
const ZERO_MASK = {
  c1:
    '2ed8d86229d127de4f613523b0d3225b5b785c6a9b11ee5d1d8479eaad3e361e' + '283ed525889e59c7925548608ed0aea74df57552a23755a2b2b6c403eed177e8',
  c3: '139da498a17066221cb77fa49755d492d9057c3812310a68ac84fc0054b43dfc',
  c2: '41',
}
const fromHex = (hex: string): Buffer => Buffer.from(hex, 'hex')

const crypto = createKeyCrypto()
let key: KeyObject
let other: KeyObject
before(async () => {
  key = await crypto.generate(SPEC)
  other = await crypto.generate(SPEC)
})
after(() => crypto[Symbol.asyncDispose]())

/** The published key of GM/T 0003.5. */
function standardKey(): KeyObject {
  const ecKey = sequence(fromHex('020101'), octetString(fromHex(SM2.scalar)))
  const algorithm = fromHex('301306072a8648ce3d020106082a811ccf5501822d')
  const info = sequence(fromHex('020100'), algorithm, octetString(ecKey))
  return crypto.decode(SPEC, info)
}

test('signatures meet openssl in both directions, with the standard signer id', async () => {
  using peer = opensslPeer()
  const privateKey = ['-inkey', peer.file('key.pem', privatePem(key))]
  const publicKey = ['-pubin', '-inkey', peer.file('key.pub', publicPem(key))]
  for (const length of [1, 32, 1000, 6144]) {
    const message = randomBytes(length)
    const input = ['-in', peer.file('message', message)]
    peer.run('pkeyutl', '-sign', ...privateKey, ...input, ...SIGNER, '-out', peer.path('theirs'))
    assert.equal(await crypto.verify(SPEC, key, message, peer.read('theirs')), true)
    const ours = peer.file('ours', await crypto.sign(SPEC, key, message))
    peer.run('pkeyutl', '-verify', ...publicKey, ...input, '-sigfile', ours, ...SIGNER)
  }
})

test("openssl's signatures of a bare hash, as TPMs make them, verify", () => {
  using peer = opensslPeer()
  const point = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-65)
  const hash = randomBytes(32)
  peer.run('pkeyutl', '-sign', '-inkey', peer.file('key.pem', privatePem(key)), '-in', peer.file('hash', hash), '-out', peer.path('theirs'))
  const signature = parseSignature(peer.read('theirs'), 32) ?? assert.fail()
  assert.equal(sm2VerifyHash(point, hash, signature), true)
  assert.equal(sm2VerifyHash(point, flipped(hash, 0), signature), false)
  assert.equal(sm2VerifyHash(point, hash, flipped(signature, 40)), false)
  assert.equal(sm2VerifyHash(point, hash, Buffer.alloc(64)), false)
  assert.equal(sm2Verify(point, hash, signature), false, 'it is no signature of a message')
  const longer = Buffer.concat([Buffer.alloc(1), hash])
  assert.equal(sm2VerifyHash(point, longer, signature), false, 'the same number, but not 32 bytes')
})

test('encryption meets openssl in both directions, and is exact DER', async () => {
  using peer = opensslPeer()
  const privateKey = ['-inkey', peer.file('key.pem', privatePem(key))]
  const publicKey = ['-pubin', '-inkey', peer.file('key.pub', publicPem(key))]
  for (const length of [16, 100, 255]) {
    const plaintext = randomBytes(length)
    const theirs = peer.run('pkeyutl', '-encrypt', ...publicKey, '-in', peer.file('plaintext', plaintext))
    assert.deepEqual(await crypto.asymmetricDecrypt(SPEC, key, theirs), plaintext)
    const ours = await crypto.asymmetricEncrypt(SPEC, key, plaintext)
    assert.deepEqual(peer.run('pkeyutl', '-decrypt', ...privateKey, '-in', peer.file('ciphertext', ours)), plaintext)
    assert.deepEqual(encodeSm2Ciphertext(parseSm2Ciphertext(ours) ?? assert.fail()), ours)
  }
})

test('the worked examples of GM/T 0003.5 verify and decrypt', async () => {
  const standard = standardKey()
  const signature = encodeSignature(fromHex(SM2.signature))
  assert.equal(await crypto.verify(SPEC, standard, Buffer.from(SM2.message), signature), true)
  const ciphertext = encodeSm2Ciphertext({ c1: fromHex(SM2.c1), c3: fromHex(SM2.c3), c2: fromHex(SM2.c2) })
  assert.equal((await crypto.asymmetricDecrypt(SPEC, standard, ciphertext)).toString(), SM2.plaintext)
})

test('padding and digest are ignored, and a digest is treated as the message', async () => {
  const digest = randomBytes(32)
  const signature = await crypto.sign(SPEC, key, digest, { digest: 'sha512', padding: 'oaep', prehashed: true })
  assert.equal(await crypto.verify(SPEC, key, digest, signature), true)
  assert.equal(await crypto.verify(SPEC, key, digest, signature, { digest: 'sha256', padding: 'pss', prehashed: true }), true)
  const ciphertext = await crypto.asymmetricEncrypt(SPEC, key, Buffer.from('text'), 'pkcs1')
  assert.equal((await crypto.asymmetricDecrypt(SPEC, key, ciphertext, 'pss')).toString(), 'text')
})

test('a public key object encrypts and verifies', async () => {
  const publicKey = createPublicKey(key)
  const ciphertext = await crypto.asymmetricEncrypt(SPEC, publicKey, Buffer.from('text'))
  assert.equal((await crypto.asymmetricDecrypt(SPEC, key, ciphertext)).toString(), 'text')
  assert.equal(await crypto.verify(SPEC, publicKey, Buffer.from('m'), await crypto.sign(SPEC, key, Buffer.from('m'))), true)
  await refuses('wrong_key_kind', () => crypto.asymmetricDecrypt(SPEC, publicKey, ciphertext))
  await refuses('wrong_key_kind', () => crypto.sign(SPEC, publicKey, Buffer.from('m')))
})

test('1 to 255 bytes are encrypted', async () => {
  assert.equal(crypto.maxPlaintext(SPEC), 255)
  for (const length of [1, 255]) {
    const plaintext = randomBytes(length)
    assert.deepEqual(await crypto.asymmetricDecrypt(SPEC, key, await crypto.asymmetricEncrypt(SPEC, key, plaintext)), plaintext)
  }
  for (const length of [0, 256]) await refuses('input_length', () => crypto.asymmetricEncrypt(SPEC, key, randomBytes(length)))
})

test('decryption refuses a wrong key', async () => {
  const ciphertext = await crypto.asymmetricEncrypt(SPEC, other, Buffer.from('secret'))
  await refuses('decryption_failed', () => crypto.asymmetricDecrypt(SPEC, key, ciphertext))
})

test('decryption refuses a flipped byte in the hash, the ciphertext and the point', async () => {
  const parts = parseSm2Ciphertext(await crypto.asymmetricEncrypt(SPEC, key, Buffer.from('secret'))) ?? assert.fail()
  for (const part of ['c1', 'c2', 'c3'] as const) {
    for (const index of [0, parts[part].length - 1]) {
      const altered = encodeSm2Ciphertext({ ...parts, [part]: flipped(parts[part], index) })
      await refuses('decryption_failed', () => crypto.asymmetricDecrypt(SPEC, key, altered))
    }
  }
})

test('decryption refuses points that are not on the curve or not in the field', async () => {
  const parts = parseSm2Ciphertext(await crypto.asymmetricEncrypt(SPEC, key, Buffer.from('secret'))) ?? assert.fail()
  for (const c1 of [
    Buffer.alloc(64, 1),
    Buffer.alloc(64, 0xff),
    Buffer.concat([Buffer.alloc(31), Buffer.of(1), Buffer.alloc(31), Buffer.of(1)]),
  ]) {
    await refuses('decryption_failed', () => crypto.asymmetricDecrypt(SPEC, key, encodeSm2Ciphertext({ ...parts, c1 })))
  }
})

test('decryption refuses garbage, truncation and malformed DER', async () => {
  const ciphertext = await crypto.asymmetricEncrypt(SPEC, key, Buffer.from('secret'))
  for (const garbage of [Buffer.alloc(0), Buffer.of(0x30), Buffer.alloc(200), randomBytes(200), Buffer.alloc(200, 0x30)]) {
    await refuses('decryption_failed', () => crypto.asymmetricDecrypt(SPEC, key, garbage))
  }
  for (let length = 0; length < ciphertext.length; length++) {
    await refuses('decryption_failed', () => crypto.asymmetricDecrypt(SPEC, key, ciphertext.subarray(0, length)))
  }
})

test('decryption tolerates trailing bytes, which older servers append', async () => {
  const ciphertext = await crypto.asymmetricEncrypt(SPEC, key, Buffer.from('secret'))
  for (const tail of [Buffer.alloc(1), randomBytes(2), randomBytes(40)]) {
    assert.equal((await crypto.asymmetricDecrypt(SPEC, key, Buffer.concat([ciphertext, tail]))).toString(), 'secret')
  }
})

test('decryption refuses a mask of zeros, which leaves the plaintext as it is', () => {
  const parts = { c1: fromHex(ZERO_MASK.c1), c3: fromHex(ZERO_MASK.c3), c2: fromHex(ZERO_MASK.c2) }
  assert.equal(sm2Decrypt(fromHex(SM2.scalar), parts), undefined)
})

test('verification refuses a wrong key, another message, and a flipped byte anywhere', async () => {
  const message = Buffer.from('message')
  const signature = await crypto.sign(SPEC, key, message)
  assert.equal(await crypto.verify(SPEC, other, message, signature), false)
  assert.equal(await crypto.verify(SPEC, key, Buffer.from('Message'), signature), false)
  for (let i = 0; i < signature.length; i += 3)
    assert.equal(await crypto.verify(SPEC, key, message, flipped(signature, i)), false, `byte ${i}`)
})

test('verification refuses trailing bytes, truncation, garbage and lax DER', async () => {
  const message = Buffer.from('message')
  const signature = await crypto.sign(SPEC, key, message)
  const verify = (each: Uint8Array) => crypto.verify(SPEC, key, message, each)
  assert.equal(await verify(Buffer.concat([signature, Buffer.of(0)])), false)
  for (let length = 0; length < signature.length; length++) assert.equal(await verify(signature.subarray(0, length)), false)
  for (const garbage of [Buffer.alloc(0), Buffer.alloc(70), randomBytes(70), Buffer.alloc(70, 0x30)])
    assert.equal(await verify(garbage), false)

  const compact = parseSignature(signature, 32) ?? assert.fail()
  assert.equal(await verify(compact), false)
  const padded = (part: Uint8Array) => encodeDer(TAG.integer, Buffer.of(0, 0), part)
  const lax = sequence(padded(compact.subarray(0, 32)), padded(compact.subarray(32)))
  assert.equal(await verify(lax), false)
  const longLength = Buffer.concat([Buffer.of(0x30, 0x81), signature.subarray(1)])
  assert.equal(await verify(longLength), false)
})

test('verification refuses r and s of zero, of the order, and above', async () => {
  const message = Buffer.from('message')
  const signature = parseSignature(await crypto.sign(SPEC, key, message), 32) ?? assert.fail()
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
  const point = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-65)
  assert.equal(sm2Verify(point, message, signature), true)
  for (const bad of [Buffer.alloc(32), ORDER, Buffer.alloc(32, 0xff)]) {
    assert.equal(sm2Verify(point, message, Buffer.concat([bad, s])), false)
    assert.equal(sm2Verify(point, message, Buffer.concat([r, bad])), false)
    assert.equal(await crypto.verify(SPEC, key, message, encodeSignature(Buffer.concat([bad, s]))), false)
    assert.equal(await crypto.verify(SPEC, key, message, encodeSignature(Buffer.concat([r, bad]))), false)
  }
  // r + s = n makes t zero, which the standard refuses.
  const sum = (BigInt(`0x${ORDER.toString('hex')}`) - BigInt(`0x${Buffer.from(r).toString('hex')}`)).toString(16).padStart(64, '0')
  assert.equal(sm2Verify(point, message, Buffer.concat([r, fromHex(sum)])), false)
})

test('decode takes SM2 keys of others alone', () => {
  const foreign = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({ type: 'pkcs8', format: 'der' })
  assert.throws(() => crypto.decode(SPEC, foreign), { code: 'key_material' })
  const generated = generateKeyPairSync('ec', { namedCurve: 'SM2' }).privateKey.export({ type: 'pkcs8', format: 'der' })
  assert.equal(crypto.decode(SPEC, generated).type, 'private')
  assert.throws(() => crypto.decode('EH_EC_P256', generated), { code: 'key_material' })
  assert.ok(createPrivateKey({ key: generated, format: 'der', type: 'pkcs8' }))
})
