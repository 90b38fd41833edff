import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOfBase64 } from '../../src/attestation/base64.ts'

test('bytes have one text, and a text that is none of that kind has no bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(bytesOfBase64(Buffer.from(bytes).toString('base64')), Buffer.from(bytes))),
  )
  const characters = fc.string({ unit: fc.constantFrom('A', 'b', '9', '+', '/', '=', '-', '_', ' ', '\n', '\0', 'é', '😀'), maxLength: 12 })
  fc.assert(
    fc.property(characters, (text) => {
      const isText = Buffer.from(text, 'base64').toString('base64') === text
      assert.equal(bytesOfBase64(text) !== undefined, isText)
    }),
    { numRuns: 2_000 },
  )
  for (const text of ['QQ', 'QR==', 'QQ=', 'QQ== ', ' QQ==', 'QQ==\n', 'QUI-', 'QQ==QQ==', '=', '===='])
    assert.equal(bytesOfBase64(text), undefined, text)
})
