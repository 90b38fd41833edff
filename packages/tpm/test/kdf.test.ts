// HMAC and the TPM's key derivations, against node:crypto and OpenSSL's command line.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { hmac, kdfa, kdfe } from '../src/index.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const sm3 = (data: Uint8Array): Uint8Array => createHash('sm3').update(data).digest()
const bytes = (length: number, seed: number) => new Uint8Array(length).map((_, i) => (i * 11 + seed) & 0xff)

test('HMAC is that of OpenSSL for keys shorter and longer than a block, for SM3 too', () => {
  for (const algorithm of ['sha1', 'sha256', 'sha384', 'sha512', 'sm3'] as const) {
    for (const length of [0, 20, 64, 65, 128, 129, 200]) {
      const expected = createHmac(algorithm, bytes(length, 3)).update(bytes(99, 5)).digest('hex')
      assert.equal(hex(hmac(algorithm, bytes(length, 3), [bytes(99, 5).subarray(0, 40), bytes(99, 5).subarray(40)], { sm3 })), expected)
    }
  }
})

for (const [algorithm, digest] of Object.entries({ sha1: 'SHA1', sha256: 'SHA256', sha384: 'SHA384', sha512: 'SHA512' }) as [
  'sha256',
  string,
][]) {
  test(`KDFa with ${algorithm} is OpenSSL's KBKDF in counter mode`, () => {
    for (const bits of [128, 256, 512, 1024]) {
      const expected = opensslKdf('KBKDF', bits, [
        'mac:HMAC',
        `digest:${digest}`,
        `hexkey:${hex(bytes(32, 1))}`,
        'salt:STORAGE',
        `hexinfo:${hex(bytes(34, 2)) + hex(bytes(5, 9))}`,
      ])
      assert.equal(hex(kdfa(algorithm, bytes(32, 1), 'STORAGE', bytes(34, 2), bytes(5, 9), bits)), expected)
    }
  })

  test(`KDFe with ${algorithm} is OpenSSL's single-step KDF`, () => {
    for (const bits of [128, 256, 512, 1024]) {
      const info = hex(Buffer.from('IDENTITY\0')) + hex(bytes(32, 2)) + hex(bytes(32, 9))
      const expected = opensslKdf('SSKDF', bits, [`digest:${digest}`, `hexkey:${hex(bytes(32, 1))}`, `hexinfo:${info}`])
      assert.equal(hex(kdfe(algorithm, bytes(32, 1), 'IDENTITY', bytes(32, 2), bytes(32, 9), bits)), expected)
    }
  })
}

test('bits beyond a multiple of eight are clear in the first byte', () => {
  const none = new Uint8Array()
  for (const derived of [kdfa('sha512', bytes(16, 1), 'X', none, none, 521), kdfe('sha512', bytes(66, 1), 'X', none, none, 521)]) {
    assert.equal(derived.length, 66)
    assert.ok(derived[0]! <= 1)
  }
})

test('a number of bits that cannot be derived is a TpmError', () => {
  for (const bits of [0, -8, 1.5, 0x10000]) {
    assert.throws(() => kdfa('sha256', bytes(16, 1), 'X', new Uint8Array(), new Uint8Array(), bits), { name: 'TpmError', field: 'bits' })
  }
})

function opensslKdf(kdf: string, bits: number, options: string[]): string {
  const output = execFileSync('openssl', ['kdf', '-keylen', String(bits / 8), ...options.flatMap((option) => ['-kdfopt', option]), kdf])
  return output.toString().trim().replaceAll(':', '').toLowerCase()
}
