// MakeCredential, opened as a TPM does it, with the endorsement key's private half; credential-peer.test.ts has a real TPM do so.
import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { constants, createDecipheriv, createHmac, diffieHellman, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { test } from 'node:test'
import type { Credential, ObjectAttribute, PublicArea } from '../src/index.ts'
import { TpmReader, digestSizes, kdfa, kdfe, makeCredential, objectName, publicAreaKey, publicAreaOf } from '../src/index.ts'

const NONE = new Uint8Array()
const attributes: ObjectAttribute[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'adminWithPolicy', 'restricted', 'decrypt']

type Ek = { privateKey: KeyObject; area: PublicArea; nameAlg: 'sha256' | 'sha384' | 'sha512'; keyBits: number }

function makeEk(pair: { publicKey: KeyObject; privateKey: KeyObject }, nameAlg: Ek['nameAlg'], keyBits: number): Ek {
  const symmetric = { algorithm: 'aes' as const, keyBits, mode: 'cfb' as const }
  const area = publicAreaOf(pair.publicKey, { nameAlg, attributes, authPolicy: new Uint8Array(digestSizes[nameAlg]), symmetric })
  return { privateKey: pair.privateKey, area, nameAlg, keyBits }
}

const eks: Record<string, Ek> = {
  'RSA 2048': makeEk(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256', 128),
  'RSA 3072': makeEk(generateKeyPairSync('rsa', { modulusLength: 3072 }), 'sha384', 256),
  'P-256': makeEk(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256', 128),
  'P-384': makeEk(generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384', 256),
  'P-521': makeEk(generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'sha512', 256),
}
const ek = eks['P-256']!.area
const ak = publicAreaOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, {
  nameAlg: 'sha256',
  attributes: ['restricted', 'sign', 'fixedTPM'],
  authPolicy: NONE,
})
const akName = objectName(ak)

for (const [name, key] of Object.entries(eks)) {
  test(`the holder of a ${name} endorsement key recovers the secret, for the named key only`, () => {
    for (const size of [1, 16, digestSizes[key.nameAlg]]) {
      const secret = new Uint8Array(size).fill(0x5a)
      const credential = makeCredential(key.area, akName, secret)
      assert.deepEqual(openCredential(key, akName, credential), secret)
      assert.throws(() => openCredential(key, akName.with(5, akName[5]! ^ 1), credential), /integrity/)
    }
  })
}

test('two credentials of the same secret have nothing in common', () => {
  const secret = new Uint8Array(32)
  const [a, b] = [makeCredential(ek, akName, secret), makeCredential(ek, akName, secret)]
  assert.notDeepEqual(a.credentialBlob, b.credentialBlob)
  assert.notDeepEqual(a.encryptedSecret, b.encryptedSecret)
})

test('a key that is no endorsement key, or a secret or Name that cannot be, is a TpmError that names it', () => {
  const secret = new Uint8Array(16)
  assert.ok(ek.type === 'ecc')
  const cases: [PublicArea, Uint8Array, Uint8Array, string][] = [
    [{ ...ek, attributes: ['restricted'] }, akName, secret, 'objectAttributes'],
    [{ ...ek, attributes: ['decrypt'] }, akName, secret, 'objectAttributes'],
    [{ ...ek, attributes: [...attributes, 'sign'] }, akName, secret, 'objectAttributes'],
    [{ ...ek, symmetric: { algorithm: 'null' } }, akName, secret, 'symmetric'],
    [{ ...ek, symmetric: { algorithm: 'aes', keyBits: 64, mode: 'cfb' } }, akName, secret, 'symmetric'],
    [{ ...ek, symmetric: { algorithm: 'sm4', keyBits: 128, mode: 'cfb' } }, akName, secret, 'symmetric'],
    [{ ...ek, nameAlg: 'null' }, akName, secret, 'nameAlg'],
    [{ ...ek, curve: 'sm2-p256' }, akName, secret, 'curve'],
    [{ ...ek, x: new Uint8Array(32).fill(1) }, akName, secret, 'x'],
    [{ ...ek, type: 'keyedhash', scheme: { scheme: 'null' }, digest: NONE }, akName, secret, 'type'],
    [ek, akName, new Uint8Array(33), 'secret'],
    [ek, akName, NONE, 'secret'],
    [ek, NONE, secret, 'name'],
    [ek, new Uint8Array(67), secret, 'name'],
    [{ ...eks['RSA 2048']!.area, modulus: new Uint8Array(256) } as PublicArea, akName, secret, 'modulus'],
  ]
  for (const [key, name, value, field] of cases) assert.throws(() => makeCredential(key, name, value), { name: 'TpmError', field })
})

/** TPM2_ActivateCredential (TPM 2.0 Library, Part 1, §24) without a TPM. */
function openCredential(key: Ek, name: Uint8Array, { credentialBlob, encryptedSecret }: Credential): Uint8Array {
  const { nameAlg, keyBits } = key
  const seed = recoverSeed(key, encryptedSecret)
  const blob = new TpmReader(credentialBlob)
  const integrity = blob.sized('integrity')
  const encrypted = blob.rest()
  const hmacKey = kdfa(nameAlg, seed, 'INTEGRITY', NONE, NONE, 8 * digestSizes[nameAlg])
  if (!createHmac(nameAlg, hmacKey).update(encrypted).update(name).digest().equals(integrity))
    throw new Error('the integrity value is wrong')
  const decipher = createDecipheriv(`aes-${keyBits}-cfb`, kdfa(nameAlg, seed, 'STORAGE', name, NONE, keyBits), Buffer.alloc(16))
  return new TpmReader(decipher.update(encrypted)).sized('secret')
}

function recoverSeed({ privateKey, area, nameAlg }: Ek, encryptedSecret: Uint8Array): Uint8Array {
  if (area.type === 'rsa') {
    const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: nameAlg, oaepLabel: Buffer.from('IDENTITY\0') }
    return privateDecrypt({ key: privateKey, ...padding }, encryptedSecret)
  }
  assert.ok(area.type === 'ecc')
  const point = new TpmReader(encryptedSecret)
  const [x, y] = [point.sized('x'), point.sized('y')]
  const z = diffieHellman({ privateKey, publicKey: publicAreaKey({ ...area, x, y }) })
  return kdfe(nameAlg, z, 'IDENTITY', x, area.x, 8 * digestSizes[nameAlg])
}
