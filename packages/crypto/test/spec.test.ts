import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKeySpec, KEY_SPECS } from '../src/index.ts'
import { DIGEST_BYTES } from '../src/spec.ts'
import { createHash } from 'node:crypto'

test('the table holds the fifteen specs, in the order of their families', () => {
  assert.deepEqual(
    [...KEY_SPECS.keys()].join(' '),
    'aes-128-gcm aes-192-gcm aes-256-gcm rsa-2048 rsa-3072 rsa-4096 ' +
      'ec-p224 ec-p256 ec-secp256k1 ec-p384 ec-p521 sm2 sm4-ctr sm4-cbc hmac-256',
  )
  for (const [name, info] of KEY_SPECS) assert.equal(info.name, name)
})

test('only symmetric and HMAC keys have importable material, and only SM4 lacks integrity', () => {
  for (const info of KEY_SPECS.values()) {
    assert.equal(info.materialBytes, info.symmetric ? info.bits / 8 : undefined, info.name)
    assert.equal(info.integrity, info.family !== 'sm4', info.name)
  }
  assert.equal(KEY_SPECS.get('hmac-256')?.materialBytes, 32)
})

test('usages are what the algorithm can do at all', () => {
  const usages = (family: string) => [...KEY_SPECS.values()].filter((info) => info.family === family).map((info) => info.usages.join())
  assert.deepEqual([...new Set([...usages('aes-gcm'), ...usages('sm4')])], ['encrypt'])
  assert.deepEqual([...new Set([...usages('hmac'), ...usages('ec')])], ['sign'])
  assert.deepEqual([...new Set([...usages('rsa'), ...usages('sm2')])], ['encrypt,sign'])
})

test('names outside the table are no key specs', () => {
  for (const name of ['aes-512-gcm', 'SM2', '', '__proto__', 'constructor', 3, null, undefined, {}]) assert.equal(isKeySpec(name), false)
  assert.equal(isKeySpec('sm2'), true)
})

test('rows cannot be altered', () => {
  const row = KEY_SPECS.get('sm4-cbc')
  assert.throws(() => Object.assign(row ?? {}, { integrity: true }), TypeError)
})

test('digest lengths are those of the digests', () => {
  for (const [digest, length] of Object.entries(DIGEST_BYTES)) assert.equal(createHash(digest).digest().length, length)
})
