// Whatever is signed cannot be changed: every byte of a quote and of a set of collateral, one at a time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toPem } from '@vouchsafe/x509'
import { createPlatformCache, parseQuote, QuoteError, readCollateralJson } from '../src/index.ts'
import { pemOf } from '../src/providers/simulated/collateral.ts'
import { makeCollateral, makeCollateralJson, makeQuote, pki, verify } from './support/simulation.ts'

const MUTATED = process.env['VOUCHSAFE_TEST_FULL'] ? 50_000 : 5_000
/** Offsets in the simulated version 3 quote. */
const SIGNED = 48 + 384
const AUTHENTICATION = SIGNED + 4
const QE_PART_END = AUTHENTICATION + 64 + 64 + 384 + 64 + 2 + 32

function accepted(quote: Uint8Array, collateral: Parameters<typeof verify>[1], cache = createPlatformCache()): boolean {
  try {
    return verify(quote, collateral, { cache }).accepted
  } catch (error) {
    if (!(error instanceof QuoteError)) throw error
    return false
  }
}

test('a quote with any byte of its signed parts changed is refused', async () => {
  const collateral = await makeCollateral()
  const quote = makeQuote()
  const cache = createPlatformCache()
  assert.ok(accepted(quote, collateral, cache))
  for (let i = 0; i < QE_PART_END; i++) {
    const changed = Buffer.from(quote)
    changed[i]! ^= 1 << (i % 8)
    assert.ok(!accepted(changed, collateral, cache), `byte ${i}`)
  }
})

test('a quote with any byte of its certificates changed is refused', async () => {
  const collateral = await makeCollateral()
  const ders = [pki.pck.certificate.der, pki.pckCa.certificate.der, pki.root.certificate.der]
  const withChain = (chain: readonly Buffer[]) =>
    makeQuote({ fields: { certification: { type: 5, data: Buffer.from(chain.map((der) => toPem('CERTIFICATE', der)).join('')) } } })
  assert.ok(accepted(withChain(ders), collateral))
  for (const [n, der] of ders.entries())
    for (let i = 0; i < der.length; i++) {
      const changed = Buffer.from(der)
      changed[i]! ^= 1 << (i % 8)
      assert.ok(!accepted(withChain(ders.with(n, changed)), collateral), `certificate ${n}, byte ${i}`)
    }
})

test('collateral with any byte of its signed parts changed is refused', async () => {
  const json = await makeCollateralJson()
  const quote = makeQuote()
  const cache = createPlatformCache()
  const refuses = (member: string, value: string, i: number) =>
    assert.ok(!accepted(quote, readCollateralJson(JSON.stringify({ ...json, [member]: value })), cache), `${member}, byte ${i}`)
  for (const member of ['tcb_info', 'qe_identity']) {
    const text = Buffer.from(json[member]!)
    for (let i = 0; i < text.length; i++) refuses(member, Buffer.from(text.with(i, text[i]! ^ 1)).toString('latin1'), i)
  }
  for (const member of ['root_ca_crl', 'pck_crl', 'tcb_info_signature', 'qe_identity_signature']) {
    const bytes = Buffer.from(json[member]!, 'hex')
    for (let i = 0; i < bytes.length; i++) refuses(member, Buffer.from(bytes.with(i, bytes[i]! ^ 2)).toString('hex'), i)
  }
  const { der } = pki.tcbSigning.certificate
  for (let i = 0; i < der.length; i++) {
    const chain = toPem('CERTIFICATE', der.with(i, der[i]! ^ 4)) + pemOf(pki.root.certificate)
    const changed = JSON.stringify({ ...json, tcb_info_issuer_chain: chain, qe_identity_issuer_chain: chain })
    assert.ok(!accepted(quote, readCollateralJson(changed), cache), `tcb_info_issuer_chain, byte ${i}`)
  }
})

test(`${MUTATED} mutated quotes are refused or unreadable, without another error`, async () => {
  const collateral = await makeCollateral()
  const cache = createPlatformCache()
  const quote = makeQuote()
  const edit = fc.tuple(fc.nat(quote.length - 1), fc.integer({ min: 0, max: 255 }))
  const mutation = fc.record({
    edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(quote.length) }),
    grown: fc.constantFrom(...[[], [], [], [0], [0, 0, 7]].map((bytes) => Uint8Array.from(bytes))),
  })
  let read = 0
  fc.assert(
    fc.property(mutation, ({ edits, cut, grown }) => {
      const bytes = Buffer.concat([quote.subarray(0, cut), grown])
      for (const [offset, value] of edits) if (offset < bytes.length) bytes[offset] = value
      try {
        parseQuote(bytes)
        read++
        const touched = edits.some(([offset]) => offset < QE_PART_END && bytes[offset] !== quote[offset])
        assert.ok(!verify(bytes, collateral, { cache }).accepted || !touched)
      } catch (error) {
        assert.ok(error instanceof QuoteError, String(error))
      }
    }),
    { numRuns: MUTATED },
  )
  assert.ok(read > MUTATED / 10, String(read))
})
