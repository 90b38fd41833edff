import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKeySpec, KEY_SPECS } from '../src/index.ts'
import { DIGEST_BYTES } from '../src/spec.ts'
import { createHash } from 'node:crypto'

test('the table holds the fifteen specs of the wire with their numbers', () => {
  const codes = Object.fromEntries([...KEY_SPECS].map(([name, { code }]) => [name, code]))
  assert.deepEqual(codes, {
    EH_AES_GCM_128: 1,
    EH_AES_GCM_192: 2,
    EH_AES_GCM_256: 3,
    EH_RSA_2048: 10,
    EH_RSA_3072: 11,
    EH_RSA_4096: 12,
    EH_EC_P224: 20,
    EH_EC_P256: 21,
    EH_EC_P256K: 22,
    EH_EC_P384: 23,
    EH_EC_P521: 24,
    EH_SM2: 30,
    EH_SM4_CTR: 31,
    EH_SM4_CBC: 32,
    EH_HMAC: 40,
  })
})

test('only symmetric and HMAC keys have importable material, and only SM4 lacks integrity', () => {
  for (const info of KEY_SPECS.values()) {
    assert.equal(info.materialBytes, info.symmetric ? info.bits / 8 : undefined, info.name)
    assert.equal(info.integrity, info.family !== 'sm4', info.name)
  }
  assert.equal(KEY_SPECS.get('EH_HMAC')?.materialBytes, 32)
})

test('usages are what the algorithm can do at all', () => {
  const usages = (family: string) => [...KEY_SPECS.values()].filter((info) => info.family === family).map((info) => info.usages.join())
  assert.deepEqual([...new Set([...usages('aes-gcm'), ...usages('sm4')])], ['encrypt'])
  assert.deepEqual([...new Set([...usages('hmac'), ...usages('ec')])], ['sign'])
  assert.deepEqual([...new Set([...usages('rsa'), ...usages('sm2')])], ['encrypt,sign'])
})

test('names outside the table are no key specs', () => {
  for (const name of ['EH_AES_GCM_512', 'eh_sm2', '', '__proto__', 'constructor', 3, null, undefined, {}])
    assert.equal(isKeySpec(name), false)
  assert.equal(isKeySpec('EH_SM2'), true)
})

test('rows cannot be altered', () => {
  const row = KEY_SPECS.get('EH_SM4_CBC')
  assert.throws(() => Object.assign(row ?? {}, { integrity: true }), TypeError)
})

test('digest lengths are those of the digests', () => {
  for (const [digest, length] of Object.entries(DIGEST_BYTES)) assert.equal(createHash(digest).digest().length, length)
})
