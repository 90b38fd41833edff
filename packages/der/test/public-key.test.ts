// Keys of others, with one part that is not as it must be.
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { DerError, readSubjectPublicKey } from '../src/index.ts'
import { bitString, integer, nullValue, oid, sequence } from '../src/writer.ts'

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const modulus = BigInt(`0x${Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url').toString('hex')}`)

function rsa(n: bigint, e: bigint): Buffer {
  return sequence(sequence(oid('1.2.840.113549.1.1.1'), nullValue()), bitString(sequence(integer(n), integer(e))))
}

function ec(point: Uint8Array): Buffer {
  return sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bitString(point))
}

test('an RSA key is read with its modulus and exponent', () => {
  const key = readSubjectPublicKey(publicKey.export({ type: 'spki', format: 'der' }), 'key')
  assert.deepEqual(key.rsa, { modulus, exponent: 65537n, bits: 2048 })
  for (const exponent of [3n, 17n, (1n << 32n) - 1n])
    assert.equal(readSubjectPublicKey(rsa(modulus, exponent), 'key').rsa!.exponent, exponent)
})

for (const [name, n, e] of [
  ['an exponent as long as the modulus', modulus, modulus - 2n],
  ['an exponent above 2^32', modulus, (1n << 32n) + 1n],
  ['an even exponent', modulus, 65538n],
  ['the exponent 2^32', modulus, 1n << 32n],
  ['the exponent 1', modulus, 1n],
  ['the exponent 0', modulus, 0n],
  ['a negative exponent', modulus, -3n],
  ['an even modulus', modulus + 1n, 65537n],
  ['the modulus 0', 0n, 65537n],
  ['a negative modulus', -modulus, 65537n],
  ['a modulus of 8193 bits', (1n << 8192n) + 1n, 65537n],
  ['a modulus of 20,000 bits', (1n << 20_000n) + 1n, 65537n],
] as const)
  test(`an RSA key with ${name} is refused`, () => {
    assert.throws(() => readSubjectPublicKey(rsa(n, e), 'key'), DerError)
  })

test('a point is compressed or uncompressed: hybrid, at infinity and absent are refused; node:crypto refuses one off the curve', () => {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  const [x, y] = [jwk.x!, jwk.y!].map((part) => Buffer.from(part, 'base64url'))
  const odd = y![31]! & 1
  assert.ok(readSubjectPublicKey(ec(Buffer.concat([Buffer.of(4), x!, y!])), 'key'))
  assert.ok(readSubjectPublicKey(ec(Buffer.concat([Buffer.of(2 + odd), x!])), 'key'))
  for (const point of [Buffer.concat([Buffer.of(6 + odd), x!, y!]), Buffer.of(0), Buffer.of(4), Buffer.alloc(0), Buffer.alloc(65)])
    assert.throws(() => readSubjectPublicKey(ec(point), 'key'), /neither a compressed nor an uncompressed point/)
  y![31]! ^= 1
  const off = ec(Buffer.concat([Buffer.of(4), x!, y!]))
  assert.throws(() => createPublicKey({ key: off, format: 'der', type: 'spki' }))
})
