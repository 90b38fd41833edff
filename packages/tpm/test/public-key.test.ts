// Objects' public keys and Names.
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { EccPublic, PublicArea, RsaPublic } from '../src/index.ts'
import {
  encodeNvPublic,
  encodePublicArea,
  nvName,
  objectName,
  parsePublicArea,
  publicAreaKey,
  publicAreaOf,
  publicAreaSpki,
  qualifiedName,
} from '../src/index.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const template = { nameAlg: 'sha256' as const, attributes: ['sign' as const], authPolicy: new Uint8Array() }
const sm3 = (data: Uint8Array): Uint8Array => createHash('sm3').update(data).digest()

for (const { name, key } of [
  ...[2048, 3072].map((modulusLength) => ({ name: `RSA ${modulusLength}`, key: generateKeyPairSync('rsa', { modulusLength }).publicKey })),
  { name: 'RSA with exponent 3', key: generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey },
  ...['prime192v1', 'secp224r1', 'P-256', 'P-384', 'P-521', 'SM2', 'brainpoolP256r1', 'brainpoolP384r1', 'brainpoolP512r1'].map(
    (namedCurve) => ({ name: namedCurve, key: generateKeyPairSync('ec', { namedCurve }).publicKey }),
  ),
]) {
  test(`a key of ${name} becomes an object's public area, and that the same SubjectPublicKeyInfo again`, () => {
    const spki = key.export({ type: 'spki', format: 'der' })
    const area = publicAreaOf(key, template)
    assert.deepEqual(parsePublicArea(encodePublicArea(area)), area)
    assert.equal(hex(publicAreaSpki(area)), hex(spki))
    assert.equal(hex(publicAreaKey(area).export({ type: 'spki', format: 'der' })), hex(spki))
    assert.deepEqual(publicAreaOf({ spki: new Uint8Array(spki) }, template), area)
  })
}

test('the exponent 65537 is 0 in a public area, another is written', () => {
  const area = publicAreaOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, template) as RsaPublic
  assert.equal(area.exponent, 0)
  assert.equal(area.keyBits, 2048)
  const explicit = { ...template, ...area, exponent: 65537 }
  assert.equal(hex(publicAreaSpki(explicit)), hex(publicAreaSpki({ ...template, ...area })))
})

test('coordinates that lack their leading zeros are the same key', () => {
  for (;;) {
    const area = publicAreaOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, template) as EccPublic & typeof template
    if (area.x[0] !== 0) continue
    assert.equal(hex(publicAreaSpki({ ...area, x: area.x.subarray(1) })), hex(publicAreaSpki(area)))
    return
  }
})

test('the key of an area with an even or small exponent, or an even modulus, is refused', () => {
  const area = publicAreaOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, template) as RsaPublic & typeof template
  for (const exponent of [1, 2, 65538]) assert.throws(() => publicAreaKey({ ...area, exponent }), /RSA exponent/)
  const even = Uint8Array.from(area.modulus)
  even[255]! ^= 1
  assert.throws(() => publicAreaKey({ ...area, modulus: even }), /modulus not odd/)
})

test('what is no public key of a TPM is refused by name', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const area = publicAreaOf(publicKey, template) as EccPublic & typeof template
  const cases: [() => unknown, string][] = [
    [() => publicAreaSpki({ ...template, type: 'keyedhash', scheme: { scheme: 'null' }, digest: new Uint8Array() }), 'type'],
    [() => publicAreaSpki({ ...area, curve: 'bn-p256' }), 'curve'],
    [() => publicAreaSpki({ ...area, x: new Uint8Array(33) }), 'x'],
    [() => publicAreaKey({ ...area, x: new Uint8Array(32).fill(1) }), 'public key'],
    [() => publicAreaOf(generateKeyPairSync('ed25519').publicKey, template), 'public key'],
    [() => publicAreaOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey, template), 'public key'],
    [() => publicAreaOf({ spki: new Uint8Array(8) }, template), 'public key'],
  ]
  for (const [attempt, field] of cases) assert.throws(attempt, { name: 'TpmError', field })
})

const sealed: PublicArea = { ...template, type: 'keyedhash', scheme: { scheme: 'null' }, digest: new Uint8Array(32).fill(7) }

test('a Name is the identifier of nameAlg and the digest of the public area', () => {
  assert.equal(hex(objectName(sealed)), '000b' + createHash('sha256').update(encodePublicArea(sealed)).digest('hex'))
  const withSm3 = { ...sealed, nameAlg: 'sm3' as const }
  assert.equal(hex(objectName(withSm3, { sm3 })), '0012' + hex(sm3(encodePublicArea(withSm3))))
  assert.throws(() => objectName(withSm3), { name: 'TpmError' })
  assert.equal(objectName({ ...sealed, nameAlg: 'null' }).length, 0)
})

test("an NV index's Name changes when it has been written", () => {
  const index = {
    index: 0x01500010,
    nameAlg: 'sha256',
    nvType: 'ordinary',
    attributes: ['ownerWrite'],
    authPolicy: new Uint8Array(),
    dataSize: 8,
  } as const
  const written = { ...index, attributes: ['ownerWrite' as const, 'written' as const] }
  assert.equal(hex(nvName({ ...index, attributes: ['ownerWrite'] })).slice(0, 4), '000b')
  assert.equal(hex(nvName(written)), '000b' + createHash('sha256').update(encodeNvPublic(written)).digest('hex'))
  assert.notDeepEqual(nvName(written), nvName({ ...index, attributes: ['ownerWrite'] }))
})

test('a Qualified Name hashes that of the parent and the Name', () => {
  const owner = Uint8Array.of(0x40, 0, 0, 1)
  const name = objectName(sealed)
  assert.equal(hex(qualifiedName(owner, name, 'sha256')), '000b' + createHash('sha256').update(owner).update(name).digest('hex'))
})
