// What the verifiers make of evidence: contract §8, decisions "Evidence".
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { EVENT_TYPES as EV, type HashAlgorithm } from '@vouchsafe/tpm'
import fc from 'fast-check'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { ascii, eventLogWriter, u32, u8, type EventLogWriter } from '@vouchsafe/testkit/event-log-writer'
import { bootBank, bootEvidence, evidenceOf, imaEvidence, testNode, type SentEvidence } from '@vouchsafe/testkit/evidence'
import { imaPcr, writeImaLog, type Measurement } from '@vouchsafe/testkit/ima-log-writer'
import { pkiAt } from '@vouchsafe/testkit/pki'
import * as uefi from '@vouchsafe/testkit/uefi'
import type { ReferenceSets } from '../../src/attestation/reference-values/references.ts'
import { ATTESTER_TYPES } from '../../src/attestation/verifiers/attester-types.ts'
import type { Check } from '@vouchsafe/checks'
import { verifierOf } from '../../src/attestation/verifiers/index.ts'
import { EvidenceError, type EvidenceFacts } from '../../src/attestation/verifiers/verifier.ts'

const pki = pkiAt(Date.now())
const root = await pki.root()
const node = await testNode(pki, root)
const boot = verifierOf('tpm_boot')!
const ima = verifierOf('tpm_ima')!

interface LogInput {
  is_log_valid: boolean
  log_status: string
  ref_value_match_status: string
  [name: string]: unknown
}
interface BootInput {
  evidence: {
    logs: (LogInput & { log_data: Record<string, unknown>[] })[]
    pcrs: { hash_alg: string; pcr_values: { pcr_index: number; replay_value?: string; is_matched?: boolean }[] }
    secure_boot: string
  }
}
interface ImaInput {
  evidence: {
    logs: (LogInput & { log_data: { logs: Record<string, unknown>[] } })[]
    pcrs: { pcr_values: Record<string, unknown>[] }
  }
}

const references = (...digests: string[]): ReferenceSets => ({
  lookup: (digest) => (digests.includes(digest) ? 'matched' : 'unmatched'),
  isWeak: (digest) => digest.length <= 40,
})
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const factsOf = (facts: Partial<EvidenceFacts> = {}): EvidenceFacts => ({
  nodeId: 'node-1',
  qualifyingData: undefined,
  references: undefined,
  limits: { imaEntries: 1_000, bootLogBytes: 1024 * 1024 },
  ...facts,
})

function verifyBoot(log: EventLogWriter, indices?: readonly number[], bank?: HashAlgorithm) {
  const evidence = bootEvidence(node, { bank: bootBank(log.bytes(), bank, indices) }, log.bytes())
  const { input, checks } = boot.verify(evidence, factsOf())
  return { ...(input as unknown as BootInput).evidence, checks: checks() }
}

function verifyIma(evidence: SentEvidence, facts: Partial<EvidenceFacts> = {}) {
  const { input, checks } = ima.verify(evidence, factsOf(facts))
  const { logs, pcrs } = (input as unknown as ImaInput).evidence
  return { log: logs[0]!, entries: logs[0]!.log_data.logs, pcrs, checks: checks() }
}

const failed = (checks: readonly Check[]) => checks.filter(({ passed }) => !passed).map(({ name }) => name)

// Boot logs.

test('a boot log that leads to all quoted PCRs is valid, and its events are authenticated', () => {
  const { logs, pcrs, secure_boot, checks } = verifyBoot(bootLog())
  const [log] = logs
  assert.equal(log!.is_log_valid, true)
  assert.equal(log!.log_status, 'replay_success')
  assert.equal(log!.ref_value_match_status, 'ignore')
  assert.equal(secure_boot, 'enabled')
  assert.ok(pcrs.pcr_values.every(({ is_matched }) => is_matched))
  const unauthenticated = log!.log_data.filter(({ authenticated }) => !authenticated)
  assert.ok(
    unauthenticated.every(({ event_type, pcr_index }) => event_type === 'EV_NO_ACTION' || Number(pcr_index) > 7),
    'PCRs 8, 9 and 14 were not quoted',
  )
  assert.deepEqual(failed(checks), [])
})

test('each bank of a log is replayed by itself', () => {
  const log = bootLog({ banks: ['sha1', 'sha256', 'sha384', 'sm3'] })
  for (const bank of ['sha1', 'sha256', 'sha384', 'sm3'] as const) {
    const { logs, pcrs, secure_boot } = verifyBoot(log, undefined, bank)
    assert.equal(logs[0]!.is_log_valid, true, bank)
    assert.equal(pcrs.hash_alg, bank)
    assert.equal(secure_boot, 'enabled')
  }
})

test('a log that leads to another value of one PCR is invalid, and says which', () => {
  const log = bootLog()
  const bank = bootBank(log.bytes())
  const { input, checks } = boot.verify(bootEvidence(node, { bank }, bootLog({ commandLine: 'other' }).bytes()), factsOf())
  const same = (input as unknown as BootInput).evidence
  assert.equal(same.logs[0]!.is_log_valid, true, 'PCR 8 is not quoted')
  assert.deepEqual(failed(checks()), [])
  const other = boot.verify(bootEvidence(node, { bank }, bootLog({ secureBoot: false }).bytes()), factsOf())
  const { logs, pcrs, secure_boot } = (other.input as unknown as BootInput).evidence
  assert.equal(logs[0]!.is_log_valid, false)
  assert.equal(logs[0]!.log_status, 'replay_failure')
  assert.equal(secure_boot, 'NA')
  assert.deepEqual(
    pcrs.pcr_values.filter(({ is_matched }) => !is_matched).map(({ pcr_index }) => pcr_index),
    [7],
  )
  const events = logs[0]!.log_data.filter(({ pcr_index }) => pcr_index === 7)
  assert.ok(events.every(({ authenticated }) => authenticated === false))
  assert.deepEqual(failed(other.checks()), ['pcr_7', 'secure_boot'])
})

test('a quoted PCR without an event in the log does not match, whatever its value', () => {
  const log = bootLog()
  const bank = bootBank(log.bytes())
  const zeros = { ...bank, values: new Map([...bank.values, [15, new Uint8Array(32)] as const]) }
  const { input, checks } = boot.verify(bootEvidence(node, { bank: zeros }, log.bytes()), factsOf())
  assert.equal((input as unknown as BootInput).evidence.logs[0]!.is_log_valid, false)
  assert.deepEqual(failed(checks()), ['pcr_15'])
})

test('Secure Boot is told only when PCR 7 says so before its separator, once, by a digest of the data', () => {
  const variable = (value: number, measured?: number) => (log: EventLogWriter) => {
    const data = uefi.variable(uefi.GLOBAL, 'SecureBoot', u8(value))
    const covered = measured === undefined ? data : uefi.variable(uefi.GLOBAL, 'SecureBoot', u8(measured))
    return log.event(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, data, covered)
  }
  const separator = (log: EventLogWriter) => log.event(7, EV.EV_SEPARATOR, u32(0))
  /** What a kernel's owner may call the firmware's separator in the log: its digest stays. */
  const disguised = (log: EventLogWriter) => log.event(7, EV.EV_ACTION, ascii('nothing'), u32(0))
  const state = (...steps: ((log: EventLogWriter) => EventLogWriter)[]) => {
    const log = steps.reduce((writer, step) => step(writer), eventLogWriter())
    return verifyBoot(log, [7]).secure_boot
  }
  assert.equal(state(variable(1), separator), 'enabled')
  assert.equal(state(variable(0), separator), 'disabled')
  assert.equal(
    state((log) => log.event(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, uefi.variable(uefi.GLOBAL, 'SecureBoot', u8())), separator),
    'disabled',
  )
  assert.equal(state(separator, variable(1)), 'NA', 'after the separator')
  assert.equal(state(variable(1)), 'NA', 'without a separator')
  assert.equal(state(variable(0), variable(1), separator), 'NA', 'twice')
  assert.equal(state(variable(1, 0), separator), 'NA', 'the digest is that of another value')
  assert.equal(state(disguised, variable(1), separator), 'NA', 'a separator under another name is one')
  const foreign = uefi.variable(uefi.IMAGE_SECURITY, 'SecureBoot', u8(1))
  assert.equal(
    state((log) => log.event(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, foreign), separator),
    'NA',
    "another vendor's variable",
  )
  assert.equal(verifyBoot(bootLog(), [0, 1, 2]).secure_boot, 'NA', 'PCR 7 is not quoted')
})

test("a digest that isn't that of its event's data is no error, and is told for each event", () => {
  const log = bootLog().event(5, EV.EV_EFI_ACTION, ascii('changed'), ascii('measured'))
  const { logs, checks } = verifyBoot(log)
  assert.equal(logs[0]!.is_log_valid, true)
  const wrong = logs[0]!.log_data.filter(({ digest_covers_data }) => digest_covers_data === false)
  assert.equal(wrong.length, 1)
  assert.deepEqual(failed(checks), ['digests_cover_data', `event_${String(wrong[0]!.event_number)}`])
  assert.ok(logs[0]!.log_data.some((event) => event.digest_covers_data === true))
  const image = logs[0]!.log_data.find(({ event_type }) => event_type === 'EV_EFI_BOOT_SERVICES_APPLICATION')!
  assert.equal('digest_covers_data' in image, false, 'its digest is that of the image')
})

test('events are described in the words of the original', () => {
  const { logs } = verifyBoot(bootLog({ locality: 3, revocations: 1 }))
  const events = logs[0]!.log_data as { event_type: string; event: Record<string, unknown>; digest: unknown }[]
  assert.equal(events[0]!.digest, '0'.repeat(40))
  assert.deepEqual(Object.keys(events[0]!.event.spec_id as object), [
    'signature',
    'platform_class',
    'family_minor',
    'family_major',
    'spec_version',
    'uintn_size',
    'algorithm_count',
    'digest_algorithms',
    'vendor_info_size',
  ])
  assert.deepEqual(events[1]!.event, { startup_locality: { signature: 'StartupLocality', locality: 3 } })
  assert.deepEqual((events[2]!.digest as { hash_id: string }).hash_id, 'sha256')
  const named = (name: string) => events.find(({ event }) => event.unicode_name === name)!.event
  assert.deepEqual(named('SecureBoot'), {
    variable_name: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
    unicode_name: 'SecureBoot',
    variable_data: { enabled: 'Yes', SecureBoot: { enabled: 'Yes' } },
  })
  assert.deepEqual(named('BootOrder').variable_data, { boot_order: ['Boot0000', 'Boot0001'] })
  assert.equal((named('Boot0000').variable_data as { description: string }).description, 'ubuntu')
  const [list] = (named('dbx').variable_data as { signature_list: Record<string, unknown>[] }).signature_list
  assert.equal(list!.signature_list_size, 28 + 48)
  assert.equal((list!.signatures as unknown[]).length, 1)
  const separator = events.find(({ event_type }) => event_type === 'EV_SEPARATOR')!
  assert.deepEqual(separator.event, { value: '00000000' })
  const image = events.find(({ event_type }) => event_type === 'EV_EFI_BOOT_SERVICES_APPLICATION')!.event
  assert.match(String(image.device_path), /shimx64\.efi/)
  assert.match(String(image.image_location_in_memory), /^0x/)
})

// Runtime logs.

const FILES: Measurement[] = [{ path: 'boot_aggregate' }, { path: '/usr/bin/bash' }, { path: '/usr/bin/a file' }]
const KNOWN = references(sha256('/usr/bin/bash'), sha256('/usr/bin/a file'))

test('a runtime log whose files are all reference values is valid; the boot aggregate needs none', () => {
  const { log, entries, checks } = verifyIma(imaEvidence(node, FILES), { references: KNOWN })
  assert.equal(log.is_log_valid, true)
  assert.equal(log.ref_value_match_status, 'matched')
  assert.deepEqual(entries[2], {
    pcr_index: 10,
    template_hash: entries[2]!.template_hash,
    template_name: 'ima-ng',
    file_hash_alg: 'sha256',
    file_hash: sha256('/usr/bin/a file'),
    file_path: '/usr/bin/a file',
    ref_value_matched: true,
  })
  assert.deepEqual(failed(checks), ['boot_aggregate'], 'which was not quoted')
})

test('only the first entry is exempt as boot_aggregate', () => {
  const files = [...FILES, { path: 'boot_aggregate', digest: Buffer.alloc(32, 7) }]
  const { log, entries } = verifyIma(imaEvidence(node, files), { references: KNOWN })
  assert.equal(log.is_log_valid, false)
  assert.equal(log.ref_value_match_status, 'unmatched')
  assert.deepEqual(
    entries.map(({ ref_value_matched }) => ref_value_matched),
    [true, true, true, false],
  )
  const renamed = [{ path: '/first' }, ...FILES.slice(1)]
  assert.equal(verifyIma(imaEvidence(node, renamed), { references: KNOWN }).log.is_log_valid, false, 'the first entry has that name')
})

test('no reference values are a state of their own, and never a pass', () => {
  const { log, entries } = verifyIma(imaEvidence(node, FILES))
  assert.equal(log.is_log_valid, false)
  assert.equal(log.log_status, 'replay_success')
  assert.equal(log.ref_value_match_status, 'no_reference_values')
  assert.ok(entries.every(({ ref_value_matched }) => ref_value_matched === false))
})

test('entries after the quoted value are not measured: they are left out and counted', () => {
  const files = [...FILES, { path: '/usr/bin/evil' }, { path: '/usr/bin/worse' }]
  const { log, entries } = verifyIma(imaEvidence(node, files, { quoted: 3 }), { references: KNOWN })
  assert.equal(log.is_log_valid, true)
  assert.equal(entries.length, 3)
  assert.equal(log.unauthenticated_entries, 2)
})

test('a log in which an entry was changed, left out or put in leads nowhere, and nothing of it is shown', () => {
  const evidence = imaEvidence(node, FILES)
  const changes: Measurement[][] = [FILES.slice(1), [FILES[0]!, FILES[2]!, FILES[1]!], [FILES[0]!, { path: '/new' }, ...FILES.slice(1)], []]
  for (const files of changes) {
    const logs = [{ log_type: 'ImaLog', log_data: writeImaLog(files, { format: 'ascii' }).toString('base64') }]
    const { log, entries, pcrs } = verifyIma({ ...evidence, logs }, { references: KNOWN })
    assert.equal(log.is_log_valid, false)
    assert.equal(log.log_status, 'replay_failure')
    assert.equal(log.ref_value_match_status, 'ignore')
    assert.deepEqual(entries, [])
    assert.equal(log.unauthenticated_entries, files.length)
    assert.equal(pcrs.pcr_values[0]!.is_matched, false)
  }
})

test('a quote of a PCR 10 that is still zeros covers no entry', () => {
  const { log } = verifyIma(imaEvidence(node, FILES, { quoted: 0 }), { references: KNOWN })
  assert.equal(log.log_status, 'replay_failure')
  assert.equal(log.is_log_valid, false)
})

test('a violation counts as unmatched, is marked, and is counted', () => {
  const { log, entries } = verifyIma(imaEvidence(node, [...FILES, { path: '/usr/bin/bash', violation: true }]), { references: KNOWN })
  assert.equal(log.log_status, 'replay_success')
  assert.equal(log.is_log_valid, false)
  assert.equal(log.violations, 1)
  assert.equal(log.unmatched_entries, 1)
  assert.equal(entries[3]!.violation, true)
  assert.equal(entries[3]!.ref_value_matched, false)
})

test('kernels that extend zero-padded SHA-1 digests are understood, and it is said that they do', () => {
  const bank = { algorithm: 'sha256' as const, values: new Map([[10, new Uint8Array(imaPcr(FILES, 'sha256', { padded: true }))]]) }
  const { log } = verifyIma(imaEvidence(node, FILES, { bank }), { references: KNOWN })
  assert.equal(log.is_log_valid, true)
  assert.equal(log.template_digests, 'padded-sha1')
  assert.equal(verifyIma(imaEvidence(node, FILES)).log.template_digests, 'bank-digest')
})

test('the boot aggregate is compared with PCRs 0–9 of the same quote', () => {
  const values = new Map(Array.from({ length: 10 }, (_, i) => [i, new Uint8Array(32).fill(i)] as const))
  const digest = createHash('sha256')
    .update(Buffer.concat([...values.values()]))
    .digest()
  const state = (files: Measurement[]) => {
    const bank = { algorithm: 'sha256' as const, values: new Map([...values, [10, new Uint8Array(imaPcr(files, 'sha256'))] as const]) }
    const { log, pcrs, checks } = verifyIma(imaEvidence(node, files, { bank }), { references: KNOWN })
    assert.equal(log.is_log_valid, true)
    assert.equal('is_matched' in pcrs.pcr_values[0]!, false, 'the log says nothing about PCR 0')
    return [log.boot_aggregate, failed(checks)]
  }
  assert.deepEqual(state([{ path: 'boot_aggregate', digest }, ...FILES.slice(1)]), ['matched', []])
  assert.deepEqual(state(FILES), ['mismatched', ['boot_aggregate']])
  assert.equal(verifyIma(imaEvidence(node, FILES)).log.boot_aggregate, 'unchecked')
})

test('a match by SHA-1 is marked as weak', () => {
  const digest = createHash('sha1').update('old').digest()
  const files = [FILES[0]!, { path: '/usr/bin/old', algorithm: 'sha1', digest }]
  const { log, entries } = verifyIma(imaEvidence(node, files), { references: references(digest.toString('hex')) })
  assert.equal(log.is_log_valid, true)
  assert.equal(entries[1]!.weak_digest, true)
})

test('entries of a PCR that was not quoted are not covered; of several quoted ones each is', () => {
  const files: Measurement[] = [...FILES, { path: '/usr/bin/other', pcr: 11 }]
  const one = verifyIma(imaEvidence(node, files), { references: KNOWN })
  assert.equal(one.entries.length, 3)
  assert.equal(one.log.unauthenticated_entries, 1)
  const values = new Map([10, 11, 12].map((pcr) => [pcr, new Uint8Array(imaPcr(files, 'sha256', { pcr }))] as const))
  const two = verifyIma(imaEvidence(node, files, { bank: { algorithm: 'sha256', values } }), { references: KNOWN })
  assert.equal(two.entries.length, 4)
  assert.equal(two.log.ref_value_match_status, 'unmatched')
})

// Faults.

const FAULTS: [what: string, change: (evidence: SentEvidence) => unknown, message: RegExp][] = [
  ['no object', () => 'text', /^evidence must be object/],
  ['no certificate', ({ ak_cert: _, ...rest }) => rest, /^evidence\.ak_cert is required/],
  ['a certificate that is none', (e) => ({ ...e, ak_cert: 'text' }), /^evidence\.ak_cert: /],
  ['no signature', (e) => ({ ...e, quote: { quote_data: e.quote.quote_data } }), /^evidence\.quote\.signature is required/],
  ['a quote that is not base64', (e) => ({ ...e, quote: { ...e.quote, quote_data: '%' } }), /^evidence\.quote\.quote_data is not base64/],
  ['a bank that nobody knows', (e) => ({ ...e, pcrs: { ...e.pcrs, hash_alg: 'md5' } }), /^evidence\.pcrs\.hash_alg must be one of sha1/],
  ['no PCRs', (e) => ({ ...e, pcrs: { ...e.pcrs, pcr_values: [] } }), /^evidence\.pcrs\.pcr_values /],
  [
    'a PCR twice',
    (e) => ({ ...e, pcrs: { ...e.pcrs, pcr_values: [e.pcrs.pcr_values[0], ...e.pcrs.pcr_values] } }),
    /^evidence\.pcrs\.pcr_values\[1\]\.pcr_index: PCR 0 comes twice/,
  ],
  [
    'a PCR of the wrong size',
    (e) => ({ ...e, pcrs: { ...e.pcrs, pcr_values: [{ pcr_index: 0, pcr_value: 'ab' }] } }),
    /^evidence\.pcrs\.pcr_values\[0\]\.pcr_value must be 64 hex digits/,
  ],
  [
    'a PCR 24',
    (e) => ({ ...e, pcrs: { ...e.pcrs, pcr_values: [{ pcr_index: 24, pcr_value: '' }] } }),
    /^evidence\.pcrs\.pcr_values\[0\]\.pcr_index /,
  ],
  ['no log', (e) => ({ ...e, logs: [] }), /^evidence\.logs /],
  ['two logs', (e) => ({ ...e, logs: [e.logs[0], e.logs[0]] }), /^evidence\.logs /],
  [
    'a log of another type',
    (e) => ({ ...e, logs: [{ ...e.logs[0], log_type: 'ImaLog' }] }),
    /^evidence\.logs\[0\]\.log_type must be TcgEventLog/,
  ],
  ['a log that is none', (e) => ({ ...e, logs: [{ ...e.logs[0], log_data: 'AAAA' }] }), /^evidence\.logs\[0\]\.log_data: /],
  [
    'a log that is too long',
    (e) => ({ ...e, logs: [{ ...e.logs[0], log_data: 'A'.repeat(1_400_000) }] }),
    /log_data: more than 1048576 bytes/,
  ],
  ['another signature', (e) => ({ ...e, quote: { ...e.quote, signature: 'AAAA' } }), /^evidence\.quote: signature-structure/],
]

for (const [what, change, message] of FAULTS) {
  test(`evidence with ${what} is refused, and the field is named`, () => {
    const evidence = change(bootEvidence(node))
    assert.throws(
      () => boot.verify(evidence, factsOf()),
      (error) => {
        assert.ok(error instanceof EvidenceError)
        assert.match(error.message, message)
        return true
      },
    )
  })
}

test('a log without digests of the quoted bank is refused', () => {
  const bank = { algorithm: 'sha1' as const, values: new Map([[0, new Uint8Array(20)]]) }
  assert.throws(() => boot.verify(bootEvidence(node, { bank }), factsOf()), /logs\[0\]\.log_data: the event log has no digests of sha1/)
})

test('a runtime log of too many entries is refused', () => {
  const limits = { imaEntries: 2, bootLogBytes: 0 }
  assert.throws(() => ima.verify(imaEvidence(node, FILES), factsOf({ limits })), /logs\[0\]\.log_data: more than 2 entries/)
})

test('any change of one byte of a log makes a refusal or another verdict, never a crash', () => {
  const log = bootLog({ revocations: 1 }).bytes()
  const bank = bootBank(log)
  const runtime = writeImaLog(FILES, { format: 'ascii' })
  const pcr10 = { algorithm: 'sha256' as const, values: new Map([[10, new Uint8Array(imaPcr(FILES, 'sha256'))]]) }
  const quotes = {
    boot: bootEvidence(node, { bank }, log),
    ima: evidenceOf(node, pcr10, { type: 'ImaLog', bytes: runtime }, new Uint8Array(32)),
  }
  fc.assert(
    fc.property(fc.constantFrom('boot' as const, 'ima' as const), fc.nat(), fc.integer({ min: 1, max: 255 }), (kind, place, by) => {
      const bytes = Buffer.from(kind === 'boot' ? log : runtime)
      bytes[place % bytes.length]! ^= by
      const evidence = quotes[kind]
      const sent = { ...evidence, logs: [{ ...evidence.logs[0]!, log_data: bytes.toString('base64') }] }
      try {
        ;(kind === 'boot' ? boot : ima).verify(sent, factsOf({ references: KNOWN }))
      } catch (error) {
        assert.ok(error instanceof EvidenceError, String(error))
      }
    }),
    { numRuns: 300 },
  )
})

test("each verifier's samples have the shape of real inputs", () => {
  const shape = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])]
    if (typeof value !== 'object' || value === null) return typeof value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shape(member)]))
  }
  for (const type of ATTESTER_TYPES) assert.equal(verifierOf(type)!.type, type)
  const bootSample = boot.samples()[0]!
  assert.deepEqual(shape(bootSample), shape(boot.verify(bootEvidence(node, {}, bootLog().bytes()), factsOf()).input))
  assert.deepEqual(shape(ima.samples()[0]), shape(ima.verify(imaEvidence(node, FILES), factsOf({ references: KNOWN })).input))
  const { logs, secure_boot } = (bootSample as unknown as BootInput).evidence
  assert.deepEqual([logs[0]!.is_log_valid, secure_boot], [true, 'enabled'])
  assert.equal((ima.samples()[0] as unknown as ImaInput).evidence.logs[0]!.is_log_valid, true)
})
