// Digest sets and the index over them.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { DigestSetWriter, readDigestSet } from '../../src/attestation/reference-values/digest-set.ts'
import { buildReferences, openReferences } from '../../src/attestation/reference-values/reference-index.ts'

const name = fc.constantFrom('', '/a', '/b', 'ü')
// Few bytes, so that digests share prefixes, and the same ones come again.
const byte = fc.constantFrom('00', '01', '7f', 'ff')
const digest = fc
  .tuple(fc.constantFrom(16, 20, 32, 64), fc.array(byte, { minLength: 5, maxLength: 5 }))
  .map(([length, bytes]) => bytes.join('').padEnd(2 * length, 'ab'))
const entry = fc.record({ digest, name: fc.option(name, { nil: undefined }) })

test('an index over several sets holds exactly what was added to them, under names where names count', () => {
  fc.assert(
    fc.property(fc.array(fc.array(entry, { maxLength: 60 }), { maxLength: 4 }), fc.array(entry, { maxLength: 60 }), (sets, others) => {
      const added = new Set<string>()
      const stored = sets.map((entries) => {
        const writer = new DigestSetWriter()
        for (const { digest, name } of entries) {
          writer.add(digest, name)
          added.add(name === undefined ? digest : `${digest} ${name}`)
        }
        assert.equal(writer.count, entries.length)
        return writer.finish()
      })
      const holds = openReferences(buildReferences(stored))
      for (const { digest, name = '' } of [...sets.flat(), ...others]) {
        assert.equal(holds(digest, name), added.has(digest) || added.has(`${digest} ${name}`))
      }
    }),
  )
})

test('many digests are found, and those that differ in one bit are not', () => {
  const digests = Array.from({ length: 20_000 }, (_, i) => createHash('sha256').update(String(i)).digest('hex'))
  const writer = new DigestSetWriter()
  for (const each of [...digests, ...digests]) writer.add(each)
  const set = writer.finish()
  assert.equal(set.length, 6 + 20_000 * 32)
  const holds = openReferences(buildReferences([set]))
  for (const each of digests) {
    assert.ok(holds(each, ''))
    const last = Number.parseInt(each.at(-1)!, 16)
    assert.ok(!holds(`${each.slice(0, -1)}${(last ^ 1).toString(16)}`, ''))
  }
})

test('what is no stored set is refused before anything is allocated for it', () => {
  const writer = new DigestSetWriter()
  writer.add('ab'.repeat(32))
  const set = writer.finish()
  for (let length = 1; length < set.length; length++) assert.throws(() => readDigestSet(set.subarray(0, length)), /digest set/)
  const lying = Uint8Array.from(set)
  lying.set([255, 255, 255, 255], 2)
  assert.throws(() => readDigestSet(lying), /shorter than it says/)
})

test('lookups of what is no digest find nothing', () => {
  const writer = new DigestSetWriter()
  writer.add('00'.repeat(32))
  const holds = openReferences(buildReferences([writer.finish()]))
  for (const text of ['', '0', '00', 'zz'.repeat(32), '00'.repeat(31), '00'.repeat(33), '00'.repeat(300), ' '.repeat(64)])
    assert.ok(!holds(text, ''))
  assert.ok(!openReferences(buildReferences([]))('00'.repeat(32), ''))
})
