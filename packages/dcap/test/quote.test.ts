import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_QUOTE_LENGTH, measurementsOf, parseQuote, QuoteError } from '../src/index.ts'
import { pemOf } from '../src/providers/simulated/collateral.ts'
import { makeQuote, pki } from './support/simulation.ts'

const TEE_TCB_SVN2 = Buffer.alloc(16, 9)

test('a version 3 SGX quote is read field by field', () => {
  const quote = parseQuote(makeQuote())
  assert.deepEqual([quote.version, quote.tee, quote.body.kind, quote.padding], [3, 'SGX', 'sgx', 0])
  assert.deepEqual(measurementsOf(quote), {
    mrEnclave: '01'.repeat(32),
    mrSigner: '02'.repeat(32),
    isvProdId: 7,
    isvSvn: 9,
    attributes: '0500000000000000e700000000000000',
    reportData: 'd1'.repeat(64),
  })
  assert.equal(quote.signed.length, 48 + 384)
  assert.equal(quote.certification.type, 5)
  assert.equal(quote.qeAuthData.length, 32)
})

for (const [name, version, td, signed] of [
  ['a version 4 TDX quote', 4, {}, 48 + 584],
  ['a version 5 quote of TDX 1.0', 5, {}, 48 + 6 + 584],
  ['a version 5 quote of TDX 1.5', 5, { teeTcbSvn2: TEE_TCB_SVN2 }, 48 + 6 + 648],
] as const)
  test(`${name} is read`, () => {
    const quote = parseQuote(makeQuote({ version, tee: 'TDX', td }))
    assert.equal(quote.signed.length, signed)
    assert.ok(quote.body.kind === 'td')
    assert.equal(quote.body.mrTd.toString('hex'), '03'.repeat(48))
    assert.deepEqual(quote.body.teeTcbSvn2, 'teeTcbSvn2' in td ? TEE_TCB_SVN2 : undefined)
    assert.equal(quote.body.reportData.toString('hex'), 'd1'.repeat(64))
  })

for (const version of [4, 5] as const)
  test(`an SGX quote of version ${version} is read`, () => {
    const quote = parseQuote(makeQuote({ version }))
    assert.deepEqual([quote.tee, quote.body.kind, quote.body.reportData.length], ['SGX', 'sgx', 64])
  })

for (const [type, pem] of [
  [1, false],
  [2, false],
  [3, false],
  [4, true],
  [5, true],
  [7, false],
] as const)
  test(`certification data type ${type} is read`, () => {
    const { certification } = parseQuote(makeQuote({ fields: { certification: { type, data: Buffer.from('text') } } }))
    assert.deepEqual([certification.type, certification.pem], [type, pem ? 'text' : undefined])
  })

test('a chain that calls itself a leaf certificate is refused', () => {
  const chain = parseQuote(makeQuote()).certification.data
  assert.throws(() => parseQuote(makeQuote({ fields: { certification: { type: 4, data: chain } } })), QuoteError)
})

test('zeros after a quote are its padding, anything else is refused', () => {
  const quote = makeQuote()
  assert.equal(parseQuote(Buffer.concat([quote, Buffer.alloc(70)])).padding, 70)
  assert.throws(() => parseQuote(Buffer.concat([quote, Buffer.from([0, 1])])), QuoteError)
})

for (const [field, offset, bytes] of [
  ['version', 0, [2, 0]],
  ['version', 0, [6, 0]],
  ['attestation key type', 2, [3, 0]],
  ['TEE type', 4, [1, 0, 0, 0]],
  ['TEE type', 4, [0x81, 0, 0, 0]],
  ['signature data', 432, [0xff, 0xff, 0xff, 0xff]],
] as const)
  test(`a quote whose ${field} is ${Buffer.from(bytes).toString('hex')} is refused by name`, () => {
    const quote = makeQuote()
    quote.set(bytes, offset)
    assert.throws(() => parseQuote(quote), { name: 'QuoteError', field })
  })

test('certification data of an unknown type, and one that is not text, are refused', () => {
  const withData = (type: number, data: Buffer) => makeQuote({ fields: { certification: { type, data } } })
  assert.throws(() => parseQuote(withData(8, Buffer.from('x'))), { field: 'certification data type' })
  assert.throws(() => parseQuote(withData(6, Buffer.from('x'))), { field: 'certification data type' })
  assert.throws(() => parseQuote(withData(5, Buffer.from([0x41, 0, 0x41]))), { field: 'certification data' })
})

test('a chain of certificates that calls itself a leaf is refused: nothing signs the type', () => {
  const chain = Buffer.from(pemOf(pki.pck.certificate, pki.pckCa.certificate))
  const withType = (type: number) => makeQuote({ fields: { certification: { type, data: chain } } })
  assert.equal(parseQuote(withType(5)).certification.type, 5)
  assert.throws(() => parseQuote(withType(4)), { field: 'certification data' })
})

test('a version 5 body whose size is not its type’s is refused', () => {
  const quote = makeQuote({ version: 5 })
  quote.writeUInt32LE(383, 50)
  assert.throws(() => parseQuote(quote), { field: 'body size' })
})

test('a quote cut off anywhere is refused with a QuoteError', () => {
  for (const variant of [{}, { version: 4, tee: 'TDX' }, { version: 5, tee: 'TDX', td: { teeTcbSvn2: TEE_TCB_SVN2 } }] as const) {
    const quote = makeQuote(variant)
    for (let length = 0; length < quote.length; length++) assert.throws(() => parseQuote(quote.subarray(0, length)), QuoteError)
  }
})

test('oversize input is refused before it is read', () => {
  assert.throws(() => parseQuote(Buffer.alloc(MAX_QUOTE_LENGTH + 1)), { field: 'quote' })
})

test('any bytes are a quote or a QuoteError', () => {
  const templates = [makeQuote(), makeQuote({ version: 4, tee: 'TDX' }), makeQuote({ version: 5, td: {}, tee: 'TDX' })]
  const mutation = fc.record({
    template: fc.integer({ min: 0, max: templates.length - 1 }),
    edits: fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
    cut: fc.option(fc.nat(5000)),
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), mutation), (input) => {
      let bytes: Uint8Array
      if (input instanceof Uint8Array) bytes = input
      else {
        bytes = Uint8Array.from(templates[input.template]!.subarray(0, input.cut ?? undefined))
        for (const [offset, value] of input.edits) if (offset < bytes.length) bytes[offset] = value
      }
      try {
        parseQuote(bytes)
      } catch (error) {
        assert.ok(error instanceof QuoteError, String(error))
      }
    }),
    { numRuns: 20_000 },
  )
})

test('what is read does not change with the caller’s bytes', () => {
  const bytes = makeQuote()
  const quote = parseQuote(bytes)
  bytes.fill(0)
  assert.equal(quote.qeVendorId.toString('hex'), '939a7233f79c4ca9940a0db3957f0607')
  assert.ok(quote.certification.pem!.includes(pki.pck.certificate.der.toString('base64').slice(0, 40)))
})
