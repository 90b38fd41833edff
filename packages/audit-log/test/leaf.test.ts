import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  batchOf,
  batchProof,
  encodeLeaf,
  LogFormatError,
  MAX_LEAF_BYTES,
  parseLeaf,
  verifyBatch,
  verifyBatchRecord,
  type BatchLeaf,
  type Leaf,
} from '../src/index.ts'
import { DIGEST, epochLeaf, gapLeaf, recordLeaf, SALT, sha256 } from './support/log.ts'

const full: Leaf = recordLeaf('s1', 7, {
  outcome: 'refused',
  code: 'not_allowed',
  count: 20,
  policy: [{ id: 'p1', version: 3, digest: DIGEST }],
  decision: { allow: false, claims: DIGEST, reasons: DIGEST },
  row: { table: 'keys', id: 'k1', revision: 9, digest: DIGEST },
})
const previous = { origin: 'vouchsafe/s/1', size: 12, root: DIGEST }
const kinds: Leaf[] = [
  recordLeaf('s1', 0),
  full,
  { ...full, row: { table: 'keys', id: 'k1', revision: 10, digest: null } },
  epochLeaf(),
  { ...epochLeaf(), kind: 'epoch', epoch: 2, actor: 'uid:0 root', reason: 'restore', previous },
  gapLeaf(1, 's1', 4, 9),
  gapLeaf(1, 's1', 4, null),
  { v: 1, kind: 'batch', salt: SALT, time: 1, server: 's1', seq: 2, root: DIGEST, count: 250 },
]

test('every kind of leaf is read back as it was written', () => {
  for (const leaf of kinds) assert.deepEqual(parseLeaf(encodeLeaf(leaf)), leaf)
})

test('a record has the canonical JSON of exactly its fields', () => {
  assert.equal(
    new TextDecoder().decode(encodeLeaf(recordLeaf('s1', 0))),
    `{"action":"Decrypt","actor":"app:9e107d9d","object":"key-0","outcome":"ok","request":"r-0","salt":"${SALT}","seq":0,"server":"s1","tenant":"t1","time":1700000000000,"v":1}`,
  )
})

test('a leaf has at most 65,535 bytes', () => {
  const policy = (bytes: number) => ({ id: 'x'.repeat(bytes), version: 1, digest: DIGEST })
  const leaf = recordLeaf('s1', 0, { policy: Array.from({ length: 63 }, () => policy(900)) })
  const room = MAX_LEAF_BYTES - encodeLeaf(leaf).length
  const fits = recordLeaf('s1', 0, { policy: leaf.policy!, object: leaf.object + 'x'.repeat(room) })
  assert.equal(encodeLeaf(fits).length, MAX_LEAF_BYTES)
  assert.deepEqual(parseLeaf(encodeLeaf(fits)), fits)
  assert.throws(() => encodeLeaf({ ...fits, object: `${fits.object}x` }), LogFormatError)
  assert.throws(() => parseLeaf(new Uint8Array(MAX_LEAF_BYTES + 1).fill(0x20)), LogFormatError)
})

test('any other form of a leaf is refused', () => {
  const json = new TextDecoder().decode(encodeLeaf(recordLeaf('s1', 0)))
  const forms = [
    ` ${json}`,
    `${json}\n`,
    `\ufeff${json}`,
    json.replace('"seq":0', '"seq":0.0'),
    json.replace('"seq":0', '"seq":-0'),
    json.replace('"seq":0', '"seq":1e400'),
    json.replace('"seq":0', '"seq":9007199254740993'),
    json.replace('"seq":0', '"seq":0,"seq":0'),
    json.replace('Decrypt', '\\u0044ecrypt'),
    json.replace('Decrypt', '\\ud800'),
    json.replace('"v":1', '"v":2'),
    json.replace('}', ',"x":1}'),
    json.replace('{', '{"__proto__":{},'),
    json.replace('"tenant":"t1",', ''),
    json.replace(SALT, `${SALT.slice(0, -3)}B==`),
    json.replace('"outcome":"ok"', '"outcome":"maybe"'),
    '[]',
    'null',
    '1',
    '"x"',
    '{}',
    '',
    '['.repeat(60_000),
    '{"kind":"other"}',
    '{"kind":"toString"}',
  ]
  for (const form of forms) assert.throws(() => parseLeaf(new TextEncoder().encode(form)), LogFormatError, form.slice(0, 80))
  assert.throws(() => parseLeaf(new Uint8Array([0x7b, 0xff, 0x7d])), LogFormatError)
})

test('a leaf that could not be read is not written', () => {
  const refused: unknown[] = [
    recordLeaf('', 0),
    recordLeaf('s1', -1),
    recordLeaf('s1', 0.5),
    recordLeaf('s1', 0, { code: 'x' }),
    recordLeaf('s1', 0, { outcome: 'failed', code: 'Not A Word' }),
    recordLeaf('s1', 0, { count: 1 }),
    recordLeaf('s1', 0, { policy: [] }),
    recordLeaf('s1', 0, { actor: '\ud800' }),
    { ...recordLeaf('s1', 0), code: undefined },
    { ...recordLeaf('s1', 0), content: 'secret' },
    gapLeaf(0, 's1', 5, 4),
    undefined,
  ]
  for (const leaf of refused) assert.throws(() => encodeLeaf(leaf as Leaf), LogFormatError)
})

test('records of a batch are proven one by one and all together', () => {
  for (const count of [1, 2, 3, 7, 250]) {
    const records = Array.from({ length: count }, (_, i) => encodeLeaf(recordLeaf('s1', 4, { object: `key-${i}` })))
    const batch: BatchLeaf = { v: 1, kind: 'batch', salt: SALT, time: 1, server: 's1', seq: 4, ...batchOf(sha256, records) }
    assert.ok(verifyBatch(sha256, batch, records))
    assert.ok(!verifyBatch(sha256, batch, records.slice(1)))
    if (count > 1) assert.ok(!verifyBatch(sha256, batch, records.toReversed()))
    for (const [index, record] of records.entries()) {
      const proof = batchProof(sha256, records, index)
      assert.ok(verifyBatchRecord(sha256, batch, { record, index, proof }))
      assert.ok(!verifyBatchRecord(sha256, batch, { record, index: index + 1, proof }))
      assert.ok(!verifyBatchRecord(sha256, batch, { record: encodeLeaf(recordLeaf('s1', 4, { object: 'other' })), index, proof }))
    }
    const elsewhere: BatchLeaf = { ...batch, seq: 5 }
    assert.ok(!verifyBatch(sha256, elsewhere, records), 'records of another batch')
  }
  assert.throws(() => batchOf(sha256, []), RangeError)
})
