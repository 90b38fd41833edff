import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { digestSizes, hash, initialPcr, pcrExtend } from '../src/index.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const sm3 = (data: Uint8Array): Uint8Array => createHash('sm3').update(data).digest()

test('hashes are those of OpenSSL, of one piece and of several', () => {
  for (const algorithm of ['sha1', 'sha256', 'sha384', 'sha512', 'sm3'] as const) {
    const expected = createHash(algorithm).update('abc').digest('hex')
    assert.equal(hex(hash(algorithm, Buffer.from('abc'), { sm3 })), expected)
    assert.equal(hex(hash(algorithm, [Buffer.from('a'), Buffer.from('bc')], { sm3 })), expected)
    assert.equal(expected.length, 2 * digestSizes[algorithm])
  }
})

test('SM3 without a function, or with one that gives another size, is a TpmError; so is an unknown hash', () => {
  assert.throws(() => hash('sm3', Buffer.from('abc')), {
    name: 'TpmError',
    message: 'unsupported hash sm3: the caller gave no function for it',
  })
  assert.throws(() => hash('sm3', Buffer.from('abc'), { sm3: () => new Uint8Array(20) }), {
    message: 'the given sm3 function returned 20 bytes',
  })
  assert.throws(() => hash('md5' as 'sha1', Buffer.from('abc')), { name: 'TpmError', message: 'unsupported hash md5' })
})

test('PCRs start as zeros, 17 to 22 as ones, PCR 0 with the locality of the startup', () => {
  for (let index = 0; index < 24; index++) {
    assert.equal(hex(initialPcr('sha1', index)), (index >= 17 && index <= 22 ? 'ff' : '00').repeat(20))
  }
  assert.equal(hex(initialPcr('sha256', 0, 3)), '00'.repeat(31) + '03')
  assert.equal(hex(initialPcr('sha256', 1, 3)), '00'.repeat(32))
})

test('an index, locality, value or digest that cannot be is a TpmError', () => {
  for (const index of [-1, 24, 0.5]) assert.throws(() => initialPcr('sha256', index), { field: 'PCR index' })
  assert.throws(() => initialPcr('sha256', 0, 256), { field: 'locality' })
  assert.throws(() => pcrExtend('sha256', new Uint8Array(20), new Uint8Array(32)), { field: 'PCR value' })
  assert.throws(() => pcrExtend('sha256', new Uint8Array(32), new Uint8Array(20)), { field: 'digest' })
})

test('extending hashes the value and then the digest', () => {
  const digest = new Uint8Array(32).fill(1)
  const expected = createHash('sha256').update(new Uint8Array(32)).update(digest).digest('hex')
  assert.equal(hex(pcrExtend('sha256', initialPcr('sha256', 10), digest)), expected)
})
