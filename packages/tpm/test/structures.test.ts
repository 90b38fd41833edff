// The structures: what is written is read, what is read is written again byte for byte, and bytes from anywhere end in a TpmError at worst.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  TpmError,
  TpmReader,
  TpmWriter,
  encodeAttest,
  encodeCreationData,
  encodeDigestList,
  encodeNvPublic,
  encodePcrSelections,
  encodePublicArea,
  encodeSignature,
  encodeSized,
  parseAttest,
  parseCreationData,
  parseDigestList,
  parseNvPublic,
  parsePcrSelections,
  parsePublicArea,
  parseSignature,
  parseSized,
} from '../src/index.ts'
import * as arbitrary from './support/arbitraries.ts'

type Codec = { name: string; values: fc.Arbitrary<unknown>; encode: (value: never) => Uint8Array; parse: (bytes: Uint8Array) => unknown }

const codecs: Codec[] = [
  { name: 'TPMS_ATTEST', values: arbitrary.attest, encode: encodeAttest, parse: parseAttest },
  { name: 'TPMT_SIGNATURE', values: arbitrary.signature, encode: encodeSignature, parse: parseSignature },
  { name: 'TPMT_PUBLIC', values: arbitrary.publicArea, encode: encodePublicArea, parse: parsePublicArea },
  { name: 'TPML_PCR_SELECTION', values: arbitrary.pcrSelections, encode: encodePcrSelections, parse: parsePcrSelections },
  { name: 'TPML_DIGEST', values: arbitrary.digestList, encode: encodeDigestList, parse: parseDigestList },
  { name: 'TPMS_NV_PUBLIC', values: arbitrary.nvPublic, encode: encodeNvPublic, parse: parseNvPublic },
  { name: 'TPMS_CREATION_DATA', values: arbitrary.creationData, encode: encodeCreationData, parse: parseCreationData },
  { name: 'TPM2B', values: fc.uint8Array({ maxLength: 300 }), encode: encodeSized, parse: (bytes) => parseSized(bytes) },
]

for (const { name, values, encode, parse } of codecs) {
  test(`${name} is read as it was written`, () => {
    fc.assert(fc.property(values, (value) => assert.deepEqual(parse(encode(value as never)), value)))
  })

  test(`${name} with changed, missing or added bytes is refused with a TpmError or is another value that is written the same`, () => {
    const change = fc.record({ at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) })
    const damage = fc.oneof(
      fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => (bytes: Uint8Array) => {
        for (const { at, mask } of changes) if (bytes.length > 0) bytes[at % bytes.length]! ^= mask
        return bytes
      }),
      fc.nat().map((n) => (bytes: Uint8Array) => bytes.slice(0, n % Math.max(1, bytes.length))),
      fc.uint8Array({ minLength: 1, maxLength: 4 }).map((more) => (bytes: Uint8Array) => new Uint8Array([...bytes, ...more])),
    )
    fc.assert(
      fc.property(values, damage, (value, damaged) => parsesOrRefuses({ parse, encode }, damaged(encode(value as never)))),
      { numRuns: 500 },
    )
  })

  test(`${name} of any bytes is refused with a TpmError or is a value that is written the same`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => parsesOrRefuses({ parse, encode }, bytes)),
      { numRuns: 500 },
    )
  })
}

function parsesOrRefuses({ parse, encode }: Pick<Codec, 'parse' | 'encode'>, bytes: Uint8Array): void {
  let value: unknown
  try {
    value = parse(bytes)
  } catch (error) {
    assert.ok(error instanceof TpmError, String(error))
    return
  }
  assert.deepEqual(encode(value as never), bytes)
}

test('a count or a size that promises more than is there is refused before anything is allocated', () => {
  for (const parse of [parsePcrSelections, parseDigestList]) {
    assert.throws(
      () => parse(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)),
      /count: 4294967295 (digests )?do not fit the 4 bytes left/,
    )
  }
  assert.throws(() => parseSized(Uint8Array.of(0xff, 0xff, 1)), {
    name: 'TpmError',
    message: 'TPM2B: needs 65535 bytes, 1 are left',
    field: 'TPM2B',
    offset: 2,
  })
})

test('errors give the field, and the offset in the whole input inside of sized parts too', () => {
  const reader = new TpmReader(Uint8Array.of(9, 0, 3, 1, 2, 3))
  reader.u8('first')
  const inner = reader.sizedReader('part')
  inner.u16('pair')
  assert.throws(() => inner.u16('next'), { message: 'next: needs 2 bytes, 1 are left', field: 'next', offset: 5 })
  assert.throws(() => inner.expectEnd('part'), { message: 'part: 1 bytes after its end', offset: 5 })
})

test('byte strings that were read do not change with the input, even when that is a Buffer', () => {
  const input = Buffer.from([0, 2, 7, 8])
  const result = parseSized(input)
  input.fill(0)
  assert.deepEqual(result, Uint8Array.of(7, 8))
})

test('a number that does not fit its field is refused, never cut', () => {
  for (const write of [
    (writer: TpmWriter) => writer.u8(256, 'here'),
    (writer: TpmWriter) => writer.u16(-1, 'here'),
    (writer: TpmWriter) => writer.u32(1.5, 'here'),
    (writer: TpmWriter) => writer.u64(1n << 64n, 'here'),
    (writer: TpmWriter) => writer.sized(new Uint8Array(0x10000), 'here'),
  ]) {
    assert.throws(() => write(new TpmWriter()), { name: 'TpmError', field: 'here' })
  }
})

test('reserved attribute bits are refused by their places', () => {
  const area = encodePublicArea({
    type: 'symcipher',
    nameAlg: 'sha256',
    attributes: ['decrypt'],
    authPolicy: new Uint8Array(),
    symmetric: { algorithm: 'null' },
    digest: new Uint8Array(),
  })
  area[4]! |= 0x80
  assert.throws(() => parsePublicArea(area), { message: 'objectAttributes: reserved bits 0x80000000 are set' })
})

test('a selection keeps a bank that is not known, by its number', () => {
  const bytes = Buffer.from('00000002' + '000b03810000' + '002703010080', 'hex')
  assert.deepEqual(parsePcrSelections(bytes), [
    { algorithm: 'sha256', indices: [0, 7], size: 3 },
    { algorithm: 0x27, indices: [0, 23], size: 3 },
  ])
})
