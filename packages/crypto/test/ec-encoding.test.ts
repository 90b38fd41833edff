import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeSignature, encodeSm2Ciphertext, parseSignature, parseSm2Ciphertext } from '../src/ec-encoding.ts'

const number = (width: number) => fc.uint8Array({ minLength: width, maxLength: width }).filter((bytes) => bytes.some((byte) => byte !== 0))
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('signatures survive encoding and parsing', () => {
  for (const width of [28, 32, 48, 66]) {
    fc.assert(
      fc.property(number(width), number(width), (r, s) => {
        const compact = Buffer.concat([r, s])
        assert.deepEqual(Buffer.from(parseSignature(encodeSignature(compact), width) ?? []), compact)
      }),
    )
  }
})

test('SM2 ciphertexts survive encoding and parsing, also of lengths beyond one byte', () => {
  fc.assert(
    fc.property(number(32), number(32), number(32), fc.uint8Array({ minLength: 1, maxLength: 6000 }), (x, y, c3, c2) => {
      const parts = parseSm2Ciphertext(encodeSm2Ciphertext({ c1: Buffer.concat([x, y]), c3, c2 })) ?? assert.fail()
      assert.deepEqual([...parts.c1, ...parts.c3, ...parts.c2], [...x, ...y, ...c3, ...c2])
    }),
    { numRuns: 50 },
  )
})

test('a signature is parsed from its minimal DER alone', () => {
  const good = hex('3006 020101 020102')
  assert.deepEqual(Buffer.from(parseSignature(good, 2) ?? []), hex('0001 0002'))
  for (const [why, bad] of Object.entries({
    'trailing byte': '3006 020101 020102 00',
    'trailing byte inside': '3007 020101 020102 00',
    'third integer': '3009 020101 020102 020103',
    'one integer': '3003 020101',
    'empty integer': '3005 0200 020102',
    zero: '3006 020100 020102',
    negative: '3006 020181 020102',
    'needless zero': '3007 02020001 020102',
    'integer too wide': '3008 0203010000 020102',
    'long form of a short length': '308106 020101 020102',
    'two-byte form of a one-byte length': `30820080 0240${'01'.repeat(64)} 023c${'01'.repeat(60)}`,
    'indefinite length': '3080 020101 020102 0000',
    'length beyond the end': '3007 020101 020102',
    'huge length': '3084ffffffff 020101 020102',
    'wrong outer tag': '3106 020101 020102',
    'wrong inner tag': '3006 040101 020102',
    nothing: '',
    'a tag alone': '30',
    'a length cut short': '3081',
  })) {
    assert.equal(parseSignature(hex(bad), 2), undefined, why)
  }
})

test('parsers answer any bytes without throwing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      parseSignature(bytes, 32)
      parseSm2Ciphertext(bytes)
      parseSignature(Buffer.concat([hex('30'), Buffer.of(bytes.length & 0x7f), bytes]), 32)
    }),
    { numRuns: 1000 },
  )
})
