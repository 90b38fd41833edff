// What a host that was taken over can do to its own log of runtime measurements: everything that its PCR 10 doesn't cover.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { evidenceOf, testNode } from '@vouchsafe/testkit/evidence'
import { imaPcr, templateData, writeImaLog, type Measurement } from '@vouchsafe/testkit/ima-log-writer'
import { pkiAt } from '@vouchsafe/testkit/pki'
import type { ReferenceSets } from '../../src/attestation/reference-values/references.ts'
import { tpmIma } from '../../src/attestation/verifiers/tpm-ima.ts'

const GOOD = createHash('sha256').update('/usr/bin/good').digest()
const references: ReferenceSets = {
  lookup: (digest, fileName) => (digest === GOOD.toString('hex') && fileName === '/usr/bin/good' ? 'matched' : 'unmatched'),
  isWeak: () => false,
}
const pki = pkiAt(Date.now())
const node = await testNode(pki, await pki.root())

interface Log {
  is_log_valid: boolean
  log_status: string
  ref_value_match_status: string
  unmatched_entries: number
  log_data: { logs: { file_path: string; file_hash: string; ref_value_matched: boolean }[] }
}

/** The log as policies see it. */
function verified(log: Buffer, pcrs: Record<number, Buffer>): Log {
  const values = new Map(Object.entries(pcrs).map(([index, value]) => [Number(index), value]))
  const evidence = evidenceOf(node, { algorithm: 'sha256', values }, { type: 'ImaLog', bytes: log }, new Uint8Array(32))
  const facts = { nodeId: node.nodeId, qualifyingData: undefined, references, limits: { imaEntries: 1000, bootLogBytes: 0 } }
  const { input } = tpmIma.verify(evidence, facts)
  return (input as { evidence: { logs: Log[] } }).evidence.logs[0]!
}

/** The same line with the fields called otherwise: PCR 10 covers the fields, not what the log calls them. */
function renamed(measurement: Measurement, template: string): Buffer {
  const [shown] = writeImaLog([measurement], { format: 'binary' }).toString('latin1').split(measurement.template!)
  const name = Buffer.from(template)
  const data = templateData(measurement)
  const lengths = [name.length, data.length].map((length) => Buffer.from(Uint32Array.of(length).buffer))
  return Buffer.concat([Buffer.from(shown!, 'latin1').subarray(0, 24), lengths[0]!, name, lengths[1]!, data])
}

const boot: Measurement = { path: 'boot_aggregate' }
const good: Measurement = { path: '/usr/bin/good', template: 'ima-sig' }
/** What a file's extended attribute may hold: whoever writes the file chooses it, and the kernel measures it from its first byte 3 on. */
const signature = (bytes: Uint8Array) => Buffer.concat([Buffer.from('\x03:\0', 'latin1'), bytes])

test('a good file matches', () => {
  const log = verified(writeImaLog([boot, good], { format: 'ascii' }), { 10: imaPcr([boot, good], 'sha256') })
  assert.equal(log.is_log_valid, true)
})

test('a signature that looks like a digest does not become the digest of its file under another name of its field', () => {
  const evil: Measurement = { path: '/usr/bin/good', template: 'ima-sig', digest: Buffer.alloc(32, 0xee), sig: signature(GOOD) }
  const bytes = Buffer.concat([writeImaLog([boot], { format: 'binary' }), renamed(evil, 'sig|n-ng|d-ng')])
  const log = verified(bytes, { 10: imaPcr([boot, evil], 'sha256') })
  assert.equal(log.log_status, 'replay_success', 'PCR 10 does not cover the names of fields')
  assert.equal(log.is_log_valid, false)
  assert.equal(log.unmatched_entries, 1)
})

test('a signature that looks like a path does not become the path of its file under another name of its field', () => {
  const evil: Measurement = { path: '/tmp/good', template: 'ima-sig', digest: GOOD, sig: Buffer.from('/usr/bin/good\0') }
  const bytes = Buffer.concat([writeImaLog([boot], { format: 'binary' }), renamed(evil, 'd-ng|sig|n-ng')])
  const log = verified(bytes, { 10: imaPcr([boot, evil], 'sha256') })
  assert.equal(log.log_status, 'replay_success')
  assert.equal(log.is_log_valid, false)
})

test('a log of another PCR, which programs may extend as they like, does not stand for that of PCR 10', () => {
  const made = [boot, good].map((measurement) => ({ ...measurement, pcr: 11 }))
  const log = verified(writeImaLog(made, { format: 'ascii' }), { 11: imaPcr(made, 'sha256', { pcr: 11 }) })
  assert.equal(log.is_log_valid, false)
  assert.equal(log.log_status, 'replay_failure')
})
