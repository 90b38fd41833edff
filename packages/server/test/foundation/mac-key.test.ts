import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { MacKey } from '../../src/foundation/index.ts'

/** RFC 4231 §4, HMAC-SHA-256; of the fifth, the first 128 bits. */
const VECTORS: [name: string, key: string, data: string, mac: string][] = [
  ['4.2', '0b'.repeat(20), Buffer.from('Hi There').toString('hex'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [
    '4.3, a short key',
    Buffer.from('Jefe').toString('hex'),
    Buffer.from('what do ya want for nothing?').toString('hex'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  ['4.4', 'aa'.repeat(20), 'dd'.repeat(50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
  [
    '4.5',
    '0102030405060708090a0b0c0d0e0f10111213141516171819',
    'cd'.repeat(50),
    '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  ],
  ['4.6, truncated', '0c'.repeat(20), Buffer.from('Test With Truncation').toString('hex'), 'a3b6167473100ee06e0c796c2955552b'],
  [
    '4.7, a key longer than a block',
    'aa'.repeat(131),
    Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First').toString('hex'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    '4.8, key and data longer than a block',
    'aa'.repeat(131),
    Buffer.from(
      'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
    ).toString('hex'),
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
]

test('MACs are those of RFC 4231', () => {
  for (const [name, key, data, mac] of VECTORS) {
    const made = Buffer.from(new MacKey(Buffer.from(key, 'hex')).base64(Buffer.from(data, 'hex')), 'base64')
    assert.equal(made.toString('hex').slice(0, mac.length), mac, name)
  }
})

test('whatever the key and the data are, the MAC is the one of node:crypto', () => {
  const data = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array())
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), data, (key, data) => {
      const expected = createHmac('sha256', key).update(data).digest()
      assert.equal(new MacKey(key).base64(data), expected.toString('base64'))
      assert.deepEqual(new MacKey(key).bytes(data), expected)
    }),
  )
  // Half of a surrogate pair, which has no UTF-8.
  assert.equal(new MacKey(Buffer.from('k')).base64('a\ud800b'), createHmac('sha256', 'k').update('a\ud800b').digest('base64'))
})

test('a MAC of long data, and one of short data after it', () => {
  const key = Buffer.alloc(32, 7)
  const mac = new MacKey(key)
  for (const data of ['é'.repeat(100_000), 'x', Buffer.alloc(1_000_000, 1)])
    assert.equal(mac.base64(data), createHmac('sha256', key).update(data).digest('base64'))
})
