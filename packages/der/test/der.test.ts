import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import * as write from '../src/writer.ts'
import {
  DerReader,
  readBitString,
  readBoolean,
  readDer,
  readElements,
  readInteger,
  readOctetAlignedBits,
  readOid,
  readSmallInteger,
  readTime,
  readUnsigned,
  TAG,
} from '../src/reader.ts'
import { DerError } from '../src/error.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

const MALFORMED: readonly [name: string, bytes: string, message: RegExp][] = [
  ['nothing', '', /ends too early/],
  ['a tag alone', '30', /ends too early/],
  ['an indefinite length', '3080 0000', /indefinite/],
  ['a long form for a short length', '30 81 01 00', /not minimal/],
  ['a length with a leading zero', `30 82 00 80 ${'00'.repeat(128)}`, /not minimal/],
  ['a length of five bytes', '30 85 0100000000', /too large/],
  ['4 GiB declared, nothing there', '30 84 ffffffff', /exceeds what is there/],
  ['a length cut off', '30 82 01', /ends too early/],
  ['a high tag number', '3f 01 00', /expected tag 30, found 3f/],
  ['another tag', '31 00', /expected tag 30, found 31/],
  ['bytes after the element', '30 00 00', /bytes after the end/],
]

for (const [name, bytes, message] of MALFORMED)
  test(`an element is refused: ${name}`, () => {
    assert.throws(() => readDer(hex(bytes), TAG.sequence, 'thing'), refused(message))
  })

test('a high tag number is refused where any tag may stand', () => {
  assert.throws(() => new DerReader(hex('1f8101 00'), 'thing').read(), refused(/high tag/))
})

test('lengths at the borders of their forms are read and written alike', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65535, 65536]) {
    const element = write.octetString(Buffer.alloc(length, 7))
    assert.equal(readDer(element, TAG.octetString, 'thing').value.length, length)
  }
})

test('an integer that is written is read again, and minimal', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }), (number) => {
      const { value } = readDer(write.integer(number), TAG.integer, 'number')
      assert.equal(readInteger(value, 'number'), number)
    }),
  )
})

test('integers are refused: empty, padded, too long', () => {
  for (const bytes of ['', '0000', '007f', 'ff80', 'ffff']) assert.throws(() => readInteger(hex(bytes), 'number'), DerError, bytes)
  assert.throws(() => readInteger(Buffer.alloc(65, 1), 'number'), refused(/longer than 64/))
  assert.throws(() => readSmallInteger(hex('ff'), 'number'), refused(/out of range/))
  assert.throws(() => readSmallInteger(hex('0080000000'), 'number'), refused(/out of range/))
  assert.equal(readSmallInteger(hex('7fffffff'), 'number'), 0x7fffffff)
})

test('unsigned numbers are read and written without needless zeros', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 70 }), (bytes) => {
      const element = write.unsigned(bytes)
      const number = BigInt(`0x${bytes.toHex()}`)
      assert.deepEqual(element, write.integer(number))
      assert.equal(BigInt(`0x${readUnsigned(readDer(element, TAG.integer, 'n').value, 'n').toHex()}`), number)
    }),
  )
  for (const bytes of ['', '80', '0000', '007f']) assert.throws(() => readUnsigned(hex(bytes), 'number'), DerError, bytes)
})

test('elements are read one after the other, as many as are allowed', () => {
  const contents = hex('0500 0500 0500')
  assert.equal(readElements(contents, 'list').length, 3)
  assert.deepEqual(readElements(Buffer.alloc(0), 'list'), [])
  assert.throws(() => readElements(contents, 'list', 2), refused(/more than 2 elements/))
  for (const bytes of ['0500 05', '0500 3080', '0500 058100']) assert.throws(() => readElements(hex(bytes), 'list'), DerError, bytes)
})

test('an object identifier that is written is read again', () => {
  const arc = fc.bigInt({ min: 0n, max: 2n ** 120n })
  const arcs = fc.oneof(
    fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 39n }), fc.array(arc, { maxLength: 6 })),
    fc.tuple(fc.constant(2n), arc, fc.array(arc, { maxLength: 6 })),
  )
  fc.assert(
    fc.property(arcs, ([top, second, rest]) => {
      const dotted = [top, second, ...rest].join('.')
      assert.equal(readOid(readDer(write.oid(dotted), TAG.objectIdentifier, 'oid').value, 'oid'), dotted)
    }),
  )
})

test('object identifiers are refused: empty, padded, cut off, too long', () => {
  for (const bytes of ['', '2a80', '2a8001', '80', `2a${'81'.repeat(128)}01`])
    assert.throws(() => readOid(hex(bytes), 'oid'), DerError, bytes)
  for (const dotted of ['', '1', '3.1', '1.40', '1.2.', '1.02', '1.-2', `1.${'9'.repeat(40)}`])
    assert.throws(() => write.oid(dotted), DerError, dotted)
})

test('booleans are 00 or FF', () => {
  assert.equal(readBoolean(hex('ff'), 'flag'), true)
  assert.equal(readBoolean(hex('00'), 'flag'), false)
  for (const bytes of ['', '01', 'ffff']) assert.throws(() => readBoolean(hex(bytes), 'flag'), DerError)
})

test('bit strings are refused: no count, too many unused bits, unused bits set, not of whole bytes', () => {
  for (const bytes of ['', '01', '0800', '0101']) assert.throws(() => readBitString(hex(bytes), 'bits'), DerError, bytes)
  assert.throws(() => readOctetAlignedBits(hex('0102'), 'bits'), refused(/whole bytes/))
  assert.deepEqual(readBitString(hex('00'), 'bits'), { bits: Buffer.alloc(0), unused: 0 })
})

test('named bits are written without trailing zeros', () => {
  assert.deepEqual(write.namedBits([0]), hex('03 02 07 80'))
  assert.deepEqual(write.namedBits([5, 6]), hex('03 02 01 06'))
  assert.deepEqual(write.namedBits([8]), hex('03 03 07 00 80'))
  assert.deepEqual(write.namedBits([]), hex('03 01 00'))
})

test('a time that is written is read again: two digits of the year from 1950 to 2049, else four', () => {
  const date = fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
  fc.assert(
    fc.property(date, (value) => {
      value.setUTCMilliseconds(0)
      const reader = new DerReader(write.time(value), 'time')
      const element = reader.read()
      const short = value.getUTCFullYear() >= 1950 && value.getUTCFullYear() < 2050
      assert.equal(element.tag, short ? TAG.utcTime : TAG.generalizedTime)
      assert.equal(readTime(element, 'time').getTime(), value.getTime())
    }),
  )
})

test('the pivot of two-digit years is 50', () => {
  const read = (text: string): string =>
    readTime(readDer(write.encodeDer(TAG.utcTime, Buffer.from(text)), TAG.utcTime, 't'), 't').toISOString()
  assert.equal(read('491231235959Z'), '2049-12-31T23:59:59.000Z')
  assert.equal(read('500101000000Z'), '1950-01-01T00:00:00.000Z')
  assert.equal(read('991231235959Z'), '1999-12-31T23:59:59.000Z')
})

test('times are refused: without seconds, without Z, with fractions, on days that are not', () => {
  const cases: [number, string][] = [
    [TAG.utcTime, '2601010000Z'],
    [TAG.utcTime, '260101000000'],
    [TAG.utcTime, '260101000000+0100'],
    [TAG.utcTime, '260229000000Z'],
    [TAG.utcTime, '261301000000Z'],
    [TAG.utcTime, '260101240000Z'],
    [TAG.utcTime, '260101000060Z'],
    [TAG.generalizedTime, '20260101000000.5Z'],
    [TAG.generalizedTime, '260101000000Z'],
    [TAG.integer, '260101000000Z'],
  ]
  for (const [tag, text] of cases)
    assert.throws(() => readTime(readDer(write.encodeDer(tag, Buffer.from(text)), tag, 'time'), 'time'), DerError, text)
})

test('no bytes make the reader throw anything but its own error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        const reader = new DerReader(bytes, 'thing')
        while (reader.nextTag !== undefined) reader.read()
      } catch (error) {
        assert.ok(error instanceof DerError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('OpenSSL reads what the writer writes', () => {
  const der = write.sequence(
    write.oid('1.2.840.113549.1.1.11'),
    write.integer(-129),
    write.boolean(true),
    write.utf8String('Grüße'),
    write.nullValue(),
    write.time(new Date('2051-02-03T04:05:06Z')),
    write.explicit(3, write.setOf(write.integer(2), write.integer(1))),
  )
  const shown = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: der, encoding: 'utf8' })
  for (const expected of [
    /sha256WithRSAEncryption/,
    /INTEGER +:-81/,
    /BOOLEAN +:255/,
    /UTF8STRING +:Grüße/,
    /NULL/,
    /20510203040506Z/,
    /cont \[ 3 \]/,
  ])
    assert.match(shown, expected)
  assert.match(shown, /INTEGER +:01[^]*INTEGER +:02/)
})

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof DerError && message.test(error.message)
}
