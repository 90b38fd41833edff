import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { createKeyCrypto, KEY_SPECS } from '../src/index.ts'
import type { KeySpec } from '../src/index.ts'
import { opensslPeer, privatePem } from './openssl.ts'
import { refuses } from './expect.ts'

const crypto = createKeyCrypto()
after(() => crypto[Symbol.asyncDispose]())
const ASYMMETRIC = [...KEY_SPECS.values()].filter(({ symmetric }) => !symmetric)
const SYMMETRIC = [...KEY_SPECS.values()].filter(({ symmetric }) => symmetric)

test('keys survive encode and decode, and no two generated keys are equal', async () => {
  for (const { name } of KEY_SPECS.values()) {
    const key = await crypto.generate(name)
    const encoded = crypto.encode(name, key)
    assert.deepEqual(crypto.encode(name, crypto.decode(name, encoded)), encoded, name)
    if (name !== 'rsa-4096') assert.notDeepEqual(crypto.encode(name, await crypto.generate(name)), encoded, name)
  }
})

test('a decoded key does not depend on the bytes it came from', async () => {
  for (const name of ['aes-256-gcm', 'hmac-256', 'ec-p256', 'sm2', 'rsa-2048'] as const) {
    const encoded = crypto.encode(name, await crypto.generate(name))
    const copy = Buffer.from(encoded)
    const key = crypto.decode(name, copy)
    copy.fill(0)
    assert.deepEqual(crypto.encode(name, key), encoded)
  }
})

test('encoded symmetric keys do not share memory with anything else, so that they can be zeroed', async () => {
  for (const { name } of SYMMETRIC)
    assert.equal(crypto.encode(name, await crypto.generate(name)).buffer.byteLength, KEY_SPECS.get(name)?.materialBytes)
})

test('symmetric material has exactly the length of its spec', async () => {
  for (const { name, materialBytes = 0 } of SYMMETRIC) {
    assert.equal(crypto.decode(name, randomBytes(materialBytes)).type, 'secret')
    for (const length of [0, materialBytes - 1, materialBytes + 1, 64])
      await refuses('key_material', () => crypto.decode(name, randomBytes(length)))
  }
})

test('decode refuses every key of another spec', async () => {
  const encodings = new Map<KeySpec, Buffer>()
  for (const { name } of ASYMMETRIC) encodings.set(name, crypto.encode(name, await crypto.generate(name)))
  for (const { name: made } of ASYMMETRIC) {
    for (const { name: asked } of ASYMMETRIC) {
      const decode = () => crypto.decode(asked, encodings.get(made) ?? assert.fail())
      if (made === asked) assert.equal(decode().type, 'private')
      else await refuses('key_material', decode)
    }
  }
})

test('decode refuses foreign kinds, sizes and encodings', async () => {
  const der = { type: 'pkcs8', format: 'der' } as const
  const foreign = [
    generateKeyPairSync('ed25519').privateKey.export(der),
    generateKeyPairSync('x25519').privateKey.export(der),
    generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey.export(der),
    generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' }).privateKey.export(der),
    generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(der),
    generateKeyPairSync('rsa', { modulusLength: 2056 }).privateKey.export(der),
    generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey.export(der),
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'der' }),
    generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export({ type: 'spki', format: 'der' }),
    Buffer.alloc(0),
    randomBytes(100),
    Buffer.alloc(100_000, 0x30),
  ]
  for (const { name } of ASYMMETRIC) for (const bytes of foreign) await refuses('key_material', () => crypto.decode(name, bytes))
})

test('no error quotes key material', async () => {
  const secret = Buffer.from('a very secret key of forty-five bytes in all!')
  for (const { name } of KEY_SPECS.values()) {
    await assert.rejects(
      async () => crypto.decode(name, secret),
      (error: Error) => !`${error.message}${error.stack}${String(error.cause)}`.includes('secret'),
    )
  }
})

test('RSA keys have the public exponent 65537', async () => {
  const { asymmetricKeyDetails } = await crypto.generate('rsa-2048')
  assert.equal(asymmetricKeyDetails?.publicExponent, 65537n)
})

test('public keys are PKCS#1 PEM for RSA and SPKI PEM for curves, as openssl prints them', async () => {
  using peer = opensslPeer()
  for (const { name, family } of ASYMMETRIC) {
    const key = await crypto.generate(name)
    const pem = crypto.publicKeyPem(name, key)
    const privateKey = peer.file('key.pem', privatePem(key))
    const expected =
      family === 'rsa' ? peer.run('rsa', '-in', privateKey, '-RSAPublicKey_out') : peer.run('pkey', '-in', privateKey, '-pubout')
    assert.equal(pem, expected.toString())
    assert.equal(pem.split('\n')[0], family === 'rsa' ? '-----BEGIN RSA PUBLIC KEY-----' : '-----BEGIN PUBLIC KEY-----')
    assert.equal(crypto.publicKeyPem(name, createPublicKey(key)), pem)
  }
})

test('symmetric keys show no public key', async () => {
  for (const { name } of SYMMETRIC) {
    const key = await crypto.generate(name)
    await refuses('wrong_key_kind', () => crypto.publicKeyPem(name, key))
  }
})

test('key check values of symmetric keys are openssl’s block cipher over zeros', async () => {
  using peer = opensslPeer()
  const zeros = peer.file('zeros', Buffer.alloc(16))
  for (const { name, family, bits } of SYMMETRIC.filter((info) => info.family !== 'hmac')) {
    const key = await crypto.generate(name)
    const cipher = family === 'sm4' ? '-sm4-ecb' : `-aes-${bits}-ecb`
    const block = peer.run('enc', cipher, '-nopad', '-K', crypto.encode(name, key).toString('hex'), '-in', zeros)
    assert.equal(crypto.checkValue(name, key), block.subarray(0, 3).toString('hex').toUpperCase())
  }
})

test('the key check value of an HMAC key is openssl’s MAC over nothing', async () => {
  using peer = opensslPeer()
  const key = await crypto.generate('hmac-256')
  const hexKey = `hexkey:${crypto.encode('hmac-256', key).toString('hex')}`
  const mac = peer.run('dgst', '-sha256', '-mac', 'HMAC', '-macopt', hexKey, '-binary', peer.file('nothing', ''))
  assert.equal(crypto.checkValue('hmac-256', key), mac.subarray(0, 3).toString('hex').toUpperCase())
})

test('key check values of key pairs are of their public key, and equal for the private and the public object', async () => {
  using peer = opensslPeer()
  for (const { name } of ASYMMETRIC) {
    const key = await crypto.generate(name)
    const spki = peer.run('pkey', '-in', peer.file('key.pem', privatePem(key)), '-pubout', '-outform', 'DER')
    const expected = createHash('sha256').update(spki).digest('hex').slice(0, 6).toUpperCase()
    assert.equal(crypto.checkValue(name, key), expected)
    assert.equal(crypto.checkValue(name, createPublicKey(key)), expected)
  }
})

test('a known AES key has its known key check value', () => {
  // FIPS 197: AES-128 over a zero block under a zero key is 66E94BD4EF8A2C3B884CFA59CA342B2E.
  assert.equal(crypto.checkValue('aes-128-gcm', crypto.decode('aes-128-gcm', Buffer.alloc(16))), '66E94B')
})

test('operations that a kind of key cannot do are refused and name the spec', async () => {
  const input = Buffer.alloc(32)
  for (const { name, symmetric, usages, family } of KEY_SPECS.values()) {
    const key = await crypto.generate(name)
    const encrypts = usages.includes('encrypt')
    if (!(symmetric && encrypts)) {
      await refuses('wrong_key_kind', () => crypto.encrypt(name, key, input))
      await refuses('wrong_key_kind', () => crypto.decrypt(name, key, input))
    }
    if (symmetric || !encrypts) {
      await refuses('wrong_key_kind', () => crypto.asymmetricEncrypt(name, key, input))
      await refuses('wrong_key_kind', () => crypto.asymmetricDecrypt(name, key, input))
    }
    if (!usages.includes('sign')) {
      await refuses('wrong_key_kind', () => crypto.sign(name, key, input))
      await refuses('wrong_key_kind', () => crypto.verify(name, key, input, input))
    }
    if (!encrypts) await refuses('wrong_key_kind', () => crypto.maxPlaintext(name))
    if (family === 'ec') await assert.rejects(crypto.asymmetricEncrypt(name, key, input), new RegExp(name))
  }
})

test('maxPlaintext of symmetric keys is the wire’s 6144 bytes, and longer records are encrypted all the same', async () => {
  assert.equal(crypto.maxPlaintext('aes-256-gcm'), 6144)
  assert.equal(crypto.maxPlaintext('sm4-cbc'), 6144)
  const key = await crypto.generate('aes-256-gcm')
  assert.equal(crypto.decrypt('aes-256-gcm', key, crypto.encrypt('aes-256-gcm', key, Buffer.alloc(20_000))).length, 20_000)
})
