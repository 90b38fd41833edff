import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boolean, encodeDer, explicit, sequence } from '@vouchsafe/der/writer'
import { validateChain } from '../src/index.ts'
import type { Certificate, ChainPolicy, Crl, Extension } from '../src/index.ts'
import { AFTER, AT, BEFORE, crlOf, failures, leafOf, rootCa, subCa } from './pki.ts'

const root = await rootCa()
const middle = await subCa(root, 'CN=Middle')
const leaf = await leafOf(middle, 'CN=leaf', { crlDistributionPoints: ['http://example.org/1.crl'] })
const rootList = await crlOf(root, [])
const list = await crlOf(middle, [])
const revoking = await crlOf(middle, [leaf.certificate])
const later = new Date('2026-03-01T00:00:00Z')

function check(crls: Crl[], policy: ChainPolicy = {}, at = AT, anchors: Certificate[] = [root.certificate]): string[] {
  return failures(validateChain({ leaf: leaf.certificate, candidates: [middle.certificate], anchors, at, crls, policy }))
}

test('a revoked leaf, a revoked intermediate and a revoked root fail the chain', async () => {
  assert.deepEqual(check([rootList, list]), [])
  assert.deepEqual(check([revoking]), ['revocation'])
  assert.deepEqual(check([await crlOf(root, [middle.certificate])]), ['revocation'])
  assert.deepEqual(check([await crlOf(root, [root.certificate])]), ['revocation'])
})

test('the reason and the date of a revocation are told', async () => {
  const { serialNumber } = leaf.certificate
  const crl = await crlOf(middle, [], { revoked: [{ serialNumber, date: BEFORE, reason: 'keyCompromise' }] })
  const { checks } = validateChain({
    leaf: leaf.certificate,
    candidates: [middle.certificate],
    anchors: [root.certificate],
    at: AT,
    crls: [crl],
  })
  const found = checks.find(({ name, passed }) => name === 'revocation' && !passed)?.found
  assert.equal(found, 'revoked on 2026-01-01T00:00:00.000Z: keyCompromise')
})

test('a policy looks at no list, at those that are there, or needs one for each certificate but the anchor', () => {
  assert.deepEqual(check([revoking], { requireCrl: 'never' }), [])
  assert.deepEqual(check([], { requireCrl: 'if-present' }), [])
  assert.deepEqual(check([], { requireCrl: 'always' }), ['revocation'])
  assert.deepEqual(check([list], { requireCrl: 'always' }), ['revocation'])
  assert.deepEqual(check([list, rootList], { requireCrl: 'always' }), [])
})

test('a list that its issuer did not sign fails the chain', async () => {
  const forger = await subCa(root, 'CN=Middle')
  const forged = await crlOf(forger, [], { issuer: middle.certificate })
  assert.deepEqual(check([forged]), ['crl-signature'])
  assert.deepEqual(check([forged, list]), [])
  assert.deepEqual(check([forged, revoking]), ['revocation'])
})

test("a list of another of the issuer's keys is passed over, and doesn't count as the one that is needed", async () => {
  const other = await crlOf(await subCa(root, 'CN=Middle'), [leaf.certificate])
  assert.deepEqual(check([other]), [])
  assert.deepEqual(check([other, rootList], { requireCrl: 'always' }), ['revocation'])
})

test('an issuer that may not sign lists makes none that count', async () => {
  const silent = await subCa(root, 'CN=Middle', { keyUsage: ['keyCertSign'] })
  const end = await leafOf(silent, 'CN=end')
  const crls = [await crlOf(silent, [])]
  const result = validateChain({ leaf: end.certificate, candidates: [silent.certificate], anchors: [root.certificate], at: AT, crls })
  assert.deepEqual(failures(result), ['crl-signature'])
})

test('past its next update a list still revokes, and otherwise warns, or fails where the policy says so', async () => {
  const stale = await crlOf(middle, [], { nextUpdate: later })
  assert.deepEqual(check([stale]), [])
  assert.deepEqual(check([stale], { refuseStaleCrl: true }), ['crl-dates'])
  assert.deepEqual(check([await crlOf(middle, [leaf.certificate], { nextUpdate: later })]), ['revocation'])
  const { checks } = validateChain({
    leaf: leaf.certificate,
    candidates: [middle.certificate],
    anchors: [root.certificate],
    at: AT,
    crls: [stale],
  })
  const dates = checks.find(({ name }) => name === 'crl-dates')
  assert.deepEqual([dates?.passed, dates?.tolerated], [false, true])
})

test('a list from the future fails, unless an earlier one is there', async () => {
  const future = await crlOf(middle, [leaf.certificate], { thisUpdate: new Date('2026-12-01T00:00:00Z') })
  assert.deepEqual(check([future]), ['crl-dates', 'revocation'])
  assert.deepEqual(check([future, list]), [])
})

test('the newest list counts, in whatever order they come', async () => {
  const newer = await crlOf(middle, [], { thisUpdate: later, number: 2 })
  assert.deepEqual(check([revoking, newer]), [])
  assert.deepEqual(check([newer, revoking]), [])
  const higher = await crlOf(middle, [leaf.certificate], { number: 5 })
  assert.deepEqual(check([list, higher]), ['revocation'])
  assert.deepEqual(check([higher, list]), ['revocation'])
})

test('a pinned leaf is revoked by a trusted CA of its issuer’s name, and by no other', async () => {
  const pins = [leaf.certificate, middle.certificate]
  assert.deepEqual(check([revoking], {}, AT, pins), ['revocation'])
  assert.deepEqual(check([list], {}, AT, pins), [])
  assert.deepEqual(check([revoking], {}, AT, [leaf.certificate]), [])
  assert.deepEqual(check([], { requireCrl: 'always' }, AT, pins), [])
})

test('a list with unknown critical extensions is not relied on', async () => {
  const crl = await crlOf(middle, [], { extensions: [{ oid: '1.2.3', critical: true, value: sequence() }] })
  assert.deepEqual(check([crl]), ['crl-signature'])
})

test('the scope of a list decides whom it speaks of', async () => {
  const scope = (...parts: Buffer[]): Extension => ({ oid: '2.5.29.28', critical: true, value: sequence(...parts) })
  const flag = (n: number): Buffer => encodeDer(0x80 + n, boolean(true).subarray(2))
  const point = (uri: string): Buffer => explicit(0, explicit(0, encodeDer(0x86, Buffer.from(uri))))
  const revokes: [Extension, boolean][] = [
    [scope(flag(1)), true],
    [scope(flag(2)), false],
    [scope(encodeDer(0x83, Buffer.of(1, 2))), true],
    [scope(flag(4)), false],
    [scope(flag(5)), false],
    [scope(point('http://example.org/1.crl')), true],
    [scope(point('http://example.org/2.crl')), false],
  ]
  for (const [extension, counts] of revokes) {
    const crl = await crlOf(middle, [leaf.certificate], { extensions: [extension] })
    assert.deepEqual(check([crl]), counts ? ['revocation'] : [])
    assert.deepEqual(check([crl, rootList], { requireCrl: 'always' }), ['revocation'])
  }
  const someReasons = await crlOf(middle, [], { extensions: [scope(encodeDer(0x83, Buffer.of(1, 2)))] })
  assert.deepEqual(check([someReasons, rootList], { requireCrl: 'always' }), ['revocation'])
  const users = await crlOf(root, [middle.certificate], { extensions: [scope(flag(1))], thisUpdate: BEFORE, nextUpdate: AFTER })
  assert.deepEqual(check([users]), [])
})
