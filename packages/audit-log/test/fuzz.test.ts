// Whatever the bytes are, readers throw their own errors only, and soon.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeBundle,
  encodeLeaf,
  formatAddCheckpoint,
  formatLogProof,
  formatPolicy,
  formatVerifierKey,
  LogFormatError,
  parseAddCheckpoint,
  parseBundle,
  parseCheckpoint,
  parseLeaf,
  parseLogProof,
  parseNote,
  parsePolicy,
  parseSignatureLines,
  parseTilePath,
  parseVerifierKey,
  parseWitnessAnswer,
  SignatureError,
  verifyExport,
  verifyNote,
} from '../src/index.ts'
import { check, gapLeaf, logOf, makeSigner, ORIGIN, recordLeaf, sha256 } from './support/log.ts'

const RUNS = process.env['VOUCHSAFE_TEST_FULL'] ? 50_000 : 2_000
const EXPORTS = process.env['VOUCHSAFE_TEST_FULL'] ? 5_000 : 300

const log = await logOf(300)
const checkpoint = new TextDecoder().decode(log.files.get('checkpoint'))
const witness = makeSigner('w.example', 'cosignature-ed25519')
const policy = {
  logs: [{ key: log.signer.key }],
  witnesses: [{ name: 'w', key: witness.key, url: 'https://w.example' }],
  groups: [{ name: 'g', threshold: 1, members: ['w'] }],
  quorum: 'g',
}
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array) => new TextDecoder().decode(value)

const READERS: Record<string, { seed: Uint8Array; read: (input: Uint8Array) => unknown }> = {
  leaf: { seed: encodeLeaf(recordLeaf('s1', 3)), read: parseLeaf },
  'gap leaf': { seed: encodeLeaf(gapLeaf(1, 's1', 2, null)), read: parseLeaf },
  bundle: { seed: encodeBundle([encodeLeaf(recordLeaf('s1', 3)), new Uint8Array(), new Uint8Array(300)]), read: parseBundle },
  note: { seed: bytes(checkpoint), read: parseNote },
  'signature lines': { seed: bytes(checkpoint.slice(checkpoint.indexOf('—'))), read: (input) => parseSignatureLines(text(input)) },
  checkpoint: { seed: bytes(parseNote(checkpoint).text), read: parseCheckpoint },
  'verifier key': { seed: bytes(formatVerifierKey(witness.key)), read: (input) => parseVerifierKey(sha256, text(input)) },
  policy: { seed: bytes(formatPolicy(policy)), read: (input) => parsePolicy(sha256, input) },
  'log proof': { seed: bytes(formatLogProof({ index: 4, proof: [new Uint8Array(32)], checkpoint })), read: parseLogProof },
  'witness request': {
    seed: bytes(formatAddCheckpoint({ oldSize: 4, proof: [new Uint8Array(32)], checkpoint })),
    read: parseAddCheckpoint,
  },
  'witness answer': { seed: bytes(checkpoint.slice(checkpoint.indexOf('—'))), read: (input) => parseWitnessAnswer(200, input) },
  'witness conflict': { seed: bytes('123\n'), read: (input) => parseWitnessAnswer(409, input) },
  'tile path': { seed: bytes('tile/1/x001/234.p/17'), read: (input) => parseTilePath(text(input)) },
}

/** Bytes changed, removed, repeated and put in between, a few times over. */
function mutated(seed: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.integer({ min: 0, max: 4 }), fc.nat({ max: 40 }))
  return fc.array(change, { minLength: 1, maxLength: 6 }).map((changes) =>
    changes.reduce((current, [place, byte, how, length]) => {
      const at = place % (current.length + 1)
      const [head, tail] = [[...current.subarray(0, at)], [...current.subarray(at)]]
      if (how === 0) return Uint8Array.from([...head, byte, ...tail.slice(1)])
      if (how === 1) return Uint8Array.from([...head, ...tail.slice(length)])
      if (how === 2) return Uint8Array.from([...head, ...tail.slice(0, length), ...tail])
      if (how === 3) return Uint8Array.from([...head, byte, ...tail])
      return current.subarray(0, at)
    }, seed),
  )
}

for (const [name, { seed, read }] of Object.entries(READERS))
  test(`${name}: mutated and random bytes are read, or refused by a LogFormatError`, () => {
    read(seed)
    fc.assert(
      fc.property(
        fc.oneof({ weight: 9, arbitrary: mutated(seed) }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) }),
        (input) => {
          try {
            read(input)
          } catch (error) {
            if (!(error instanceof LogFormatError)) throw error
          }
        },
      ),
      { numRuns: RUNS },
    )
  })

test('a leaf that is read from mutated bytes is written as the same bytes', () => {
  const seed = encodeLeaf(recordLeaf('s1', 3, { outcome: 'failed', code: 'busy' }))
  let read = 0
  fc.assert(
    fc.property(fc.nat({ max: seed.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const input = seed.with(at, byte)
      try {
        const leaf = parseLeaf(input)
        read++
        assert.equal(encodeLeaf(leaf).toHex(), input.toHex())
      } catch (error) {
        if (!(error instanceof LogFormatError)) throw error
      }
    }),
    { numRuns: RUNS },
  )
  assert.ok(read > 0)
})

test('a note whose bytes are changed is never believed', async () => {
  const seed = bytes(checkpoint)
  await fc.assert(
    fc.asyncProperty(mutated(seed), async (input) => {
      try {
        const note = parseNote(input)
        await verifyNote(note, [log.signer.key], check)
        // What was changed was neither text nor signature: a line of nobody's.
        assert.equal(note.text, parseNote(checkpoint).text)
      } catch (error) {
        if (!(error instanceof LogFormatError || error instanceof SignatureError)) throw error
      }
    }),
    { numRuns: EXPORTS },
  )
})

test('an export with any file mutated is verified to its end, and is not ok', async () => {
  const paths = [...log.files.keys()]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.nat({ max: 3 }),
      async (path, place, byte, how) => {
        const file = log.files.get(path)!
        const at = place % file.length
        const changed = how === 0 ? file.subarray(0, at) : file.with(at, file[at]! ^ byte)
        const read = async (name: string) => (name === path ? changed : log.files.get(name))
        const report = await verifyExport({ hash: sha256, check, read, origin: ORIGIN, keys: [log.signer.key] })
        assert.ok(!report.ok, path)
      },
    ),
    { numRuns: EXPORTS },
  )
})
