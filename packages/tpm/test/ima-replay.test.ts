import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Measurement } from '@vouchsafe/testkit/ima-log-writer'
import { hostMeasurements, imaPcr, writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import type { HashAlgorithm, ImaState } from '../src/index.ts'
import { TpmError, checkBootAggregate, parseImaLog, replayImaLog, verifyImaLog } from '../src/index.ts'

const hashes = { sm3: (data: Uint8Array) => createHash('sm3').update(data).digest() }
const BANKS: HashAlgorithm[] = ['sha1', 'sha256', 'sha384', 'sha512', 'sm3']
const FORMATS = ['ascii', 'binary'] as const

/** Every template, with and without what may be missing. */
const ALL: Measurement[] = [
  { path: 'boot_aggregate' },
  { path: '/old', template: 'ima' },
  { path: '/bin/sh', template: 'ima-sig', sig: Buffer.from('0302041122334400041111ffff', 'hex') },
  { path: '/bin/unsigned', template: 'ima-sig' },
  { path: '/etc/hosts', template: 'ima-ngv2', algorithm: 'sha512' },
  { path: '/verity', template: 'ima-sigv2', digestType: 'verity', sig: Buffer.from('06', 'hex') },
  { path: 'kexec-cmdline', template: 'ima-buf', buf: Buffer.from('root=/dev/sda1 ro') },
  { path: '/written', violation: true, algorithm: 'sha1', digest: Buffer.alloc(20) },
  { path: '/m.ko', template: 'ima-modsig' },
  {
    path: '/n.ko',
    template: 'ima-modsig',
    modsig: Buffer.from('3003020100', 'hex'),
    modsigDigest: { algorithm: 'sha512', digest: Buffer.alloc(64, 7) },
  },
  {
    path: '/evm',
    template: 'evm-sig',
    evmsig: Buffer.from('0502', 'hex'),
    xattrs: [
      { name: 'security.ima', value: Buffer.from('0404', 'hex') },
      { name: 'security.selinux', value: Buffer.from('unconfined') },
    ],
    uid: 0,
    gid: 4_294_967_295,
    mode: 0o100755,
  },
  { path: '/evm-without-anything', template: 'evm-sig' },
  { path: '/custom', template: 'n-ng|d-ng|igid|sig', gid: 5 },
  { path: '/custom/d', template: 'd|n' },
]

test('every template leads to the PCR of every bank, from both formats, whatever the digests in the log', () => {
  for (const format of FORMATS) {
    for (const digests of ['sha1', 'sha256', 'sha384', 'sha512', 'sm3']) {
      const log = parseImaLog(writeImaLog(ALL, { format, digests }), { hashes })
      assert.equal(log.format, format)
      for (const algorithm of BANKS) {
        const expected = imaPcr(ALL, algorithm)
        const replay = replayImaLog(log.entries, { algorithm, expected, hashes })
        assert.equal(replay.authenticated, ALL.length, `${format} ${digests} ${algorithm}`)
        assert.deepEqual([replay.form, replay.tail, Buffer.from(replay.value)], ['bank-digest', 0, expected])
      }
    }
  }
})

test('the padded SHA-1 form of older kernels is found and named, with its violations', () => {
  for (const format of FORMATS) {
    const bytes = writeImaLog(ALL, { format })
    for (const algorithm of BANKS.slice(1)) {
      const { replay, checks } = verifyImaLog(bytes, { algorithm, expected: imaPcr(ALL, algorithm, { padded: true }), hashes })
      assert.deepEqual([replay.form, replay.authenticated], ['padded-sha1', ALL.length])
      assert.match(checks[0]?.note ?? '', /^after 14 of 14 entries, SHA-1 template digests padded with zeros$/)
    }
  }
})

test('a quote in the middle covers exactly the entries before it; the rest is a tail', () => {
  for (const format of FORMATS) {
    const bytes = writeImaLog(ALL, { format })
    for (let count = 0; count <= ALL.length; count++) {
      const { replay, log, checks } = verifyImaLog(bytes, { algorithm: 'sha256', expected: imaPcr(ALL.slice(0, count), 'sha256') })
      assert.deepEqual([replay.authenticated, replay.tail, replay.entries], [count, ALL.length - count, ALL.length])
      assert.deepEqual(
        log.entries.map((entry) => replay.covers(entry)),
        ALL.map((_, i) => i < count),
      )
      assert.ok(checks.every(({ passed }) => passed))
    }
  }
})

test('a value that no prefix gives authenticates nothing, and the check shows both values', () => {
  const bytes = writeImaLog(ALL, { format: 'ascii' })
  const { replay, checks, log } = verifyImaLog(bytes, { algorithm: 'sha256', expected: Buffer.alloc(32, 1) })
  assert.deepEqual([replay.authenticated, replay.tail, replay.state], [undefined, undefined, undefined])
  assert.ok(log.entries.every((entry) => !replay.covers(entry)))
  assert.deepEqual(checks[0], {
    name: 'pcr-10',
    passed: false,
    expected: '01'.repeat(32),
    found: imaPcr(ALL, 'sha256').toString('hex'),
    note: 'no number of the 14 entries leads to the value',
  })
})

test('without a quoted value nothing is authenticated, and the value is that after all entries', () => {
  const { entries } = parseImaLog(writeImaLog(ALL, { format: 'ascii' }))
  const replay = replayImaLog(entries, { algorithm: 'sha384' })
  assert.deepEqual([replay.authenticated, replay.tail, replay.state?.entries], [undefined, undefined, ALL.length])
  assert.deepEqual(Buffer.from(replay.value), imaPcr(ALL, 'sha384'))
})

test('a saved state survives JSON, and a longer log then costs its new entries only', () => {
  const host = hostMeasurements(300)
  for (const format of FORMATS) {
    for (const padded of [false, true]) {
      const bytes = writeImaLog(host, { format })
      let state: ImaState | undefined
      let parsed = 0
      for (const count of [0, 1, 120, 120, 299, 300]) {
        const expected = imaPcr(host.slice(0, count), 'sha256', { padded })
        const { replay, log } = verifyImaLog(bytes.subarray(state?.offset ?? 0), { algorithm: 'sha256', expected, state })
        assert.deepEqual([replay.authenticated, replay.entries], [count, 300])
        assert.equal(log.entries[0]?.number ?? 300, state?.entries ?? 0)
        assert.deepEqual(
          log.entries.map((entry) => replay.covers(entry)),
          log.entries.map(({ number }) => number < count),
        )
        parsed += log.entries.length
        state = JSON.parse(JSON.stringify(replay.state)) as ImaState
        assert.deepEqual([state.entries, state.form], [count, padded && count > 0 ? 'padded-sha1' : 'bank-digest'])
      }
      assert.equal(parsed, 300 + 300 + 299 + 180 + 180 + 1)
    }
  }
})

test('a state without a quoted value is that after the last whole entry', () => {
  const host = hostMeasurements(20)
  const bytes = writeImaLog(host, { format: 'binary' })
  const half = replayImaLog(parseImaLog(bytes.subarray(0, 1000)).entries, { algorithm: 'sha256' }).state!
  assert.ok(half.offset <= 1000 && half.entries > 5)
  const rest = parseImaLog(bytes.subarray(half.offset), { first: half.entries })
  assert.deepEqual(Buffer.from(replayImaLog(rest.entries, { algorithm: 'sha256', state: half }).value), imaPcr(host, 'sha256'))
})

test('a state of another bank, a damaged one, and values of another size are refused', () => {
  const { entries } = parseImaLog(writeImaLog(ALL, { format: 'ascii' }))
  const state = replayImaLog(entries, { algorithm: 'sha256' }).state!
  assert.throws(() => replayImaLog(entries, { algorithm: 'sha384', state }), TpmError)
  const damaged = { ...state, pcrs: [{ index: 10, entries: 1, value: 'zz' }] }
  assert.throws(() => replayImaLog(entries, { algorithm: 'sha256', state: damaged }), TpmError)
  assert.throws(
    () => replayImaLog(entries, { algorithm: 'sha256', expected: new Uint8Array(20) }),
    /PCR 10: 20 bytes expected, sha256 has 32/,
  )
  assert.throws(() => replayImaLog(entries, { algorithm: 'sm3' }), /unsupported hash sm3/)
})

test('entries of other PCRs are replayed into theirs, and covered only by a value of theirs', () => {
  const host: Measurement[] = [{ path: 'boot_aggregate' }, { path: '/a', pcr: 11 }, { path: '/b' }, { path: '/c', pcr: 11 }, { path: '/d' }]
  const { entries } = parseImaLog(writeImaLog(host, { format: 'binary' }))
  const ten = imaPcr(host, 'sha256')
  const eleven = imaPcr(host, 'sha256', { pcr: 11 })

  const alone = replayImaLog(entries, { algorithm: 'sha256', expected: ten })
  assert.deepEqual([alone.authenticated, alone.tail], [3, 2])
  assert.deepEqual(
    entries.map((entry) => alone.covers(entry)),
    [true, false, true, false, true],
  )
  assert.deepEqual(Buffer.from(alone.pcrs.get(11)!.value), eleven)

  const both = new Map([
    [10, ten],
    [11, eleven],
  ])
  const together = replayImaLog(entries, { algorithm: 'sha256', expected: both })
  assert.deepEqual([together.authenticated, together.tail, together.state?.entries], [5, 0, 5])
  const wrong = replayImaLog(entries, { algorithm: 'sha256', expected: new Map([...both, [12, ten]]) })
  assert.equal(wrong.authenticated, undefined)
})

test('a log whose PCRs are out of order gives no state to go on from', () => {
  const host: Measurement[] = [{ path: 'boot_aggregate' }, { path: '/late' }, { path: '/a', pcr: 11 }]
  const { entries } = parseImaLog(writeImaLog(host, { format: 'binary' }))
  const expected = new Map([
    [10, imaPcr(host.slice(0, 1), 'sha256')],
    [11, imaPcr(host, 'sha256', { pcr: 11 })],
  ])
  const replay = replayImaLog(entries, { algorithm: 'sha256', expected })
  assert.deepEqual([replay.authenticated, replay.state], [2, undefined])
})

test('a boot aggregate that the quoted value does not cover, or in a violation, proves nothing', () => {
  const bootPcrs = new Map(Array.from({ length: 10 }, (_, i) => [i, Buffer.alloc(32, i + 1)]))
  const digest = createHash('sha256')
    .update(Buffer.concat([...bootPcrs.values()]))
    .digest()
  const right = { path: 'boot_aggregate', digest }
  const measured: Measurement[] = [{ path: 'boot_aggregate', digest: Buffer.alloc(32) }, { path: '/a' }]
  const outcome = (host: Measurement[], quoted: Measurement[]) => {
    const expected = imaPcr(quoted, 'sha256')
    const { checks } = verifyImaLog(writeImaLog(host, { format: 'binary' }), { algorithm: 'sha256', expected, bootPcrs })
    return checks.filter(({ passed }) => !passed).map(({ name }) => name)
  }
  assert.deepEqual(outcome([right, ...measured.slice(1)], [right, ...measured.slice(1)]), [])
  assert.deepEqual(outcome(measured, measured), ['boot-aggregate'])
  assert.deepEqual(outcome([{ ...right, pcr: 11 }, ...measured], measured), ['boot-aggregate'])
  const violation = [{ ...right, violation: true }, ...measured.slice(1)]
  assert.deepEqual(outcome(violation, violation), ['boot-aggregate'])
})

test('the boot aggregate is compared with PCRs 0–9, or 0–7 as SHA-1 and older kernels have it', () => {
  for (const algorithm of BANKS) {
    const size = hashes.sm3(new Uint8Array()).length && createHash(algorithm).update('').digest().length
    const pcrs = new Map(Array.from({ length: 10 }, (_, i) => [i, Buffer.alloc(size, i + 1)]))
    const aggregate = (count: number) =>
      createHash(algorithm)
        .update(Buffer.concat([...pcrs.values()].slice(0, count)))
        .digest()
    const entryOf = (digest: Uint8Array, path = 'boot_aggregate') =>
      parseImaLog(writeImaLog([{ path, algorithm, digest }], { format: 'binary' })).entries[0]!
    const newest = algorithm === 'sha1' ? 8 : 10
    assert.equal(checkBootAggregate(entryOf(aggregate(newest)), algorithm, pcrs, hashes).passed, true)
    assert.equal(checkBootAggregate(entryOf(aggregate(8)), algorithm, pcrs, hashes).passed, true)
    const other = checkBootAggregate(entryOf(Buffer.alloc(size)), algorithm, pcrs, hashes)
    assert.deepEqual([other.passed, other.expected], [false, `${algorithm}:${aggregate(newest).toString('hex')}`])
    assert.equal(checkBootAggregate(entryOf(aggregate(10), '/bin/sh'), algorithm, pcrs, hashes).passed, false)
    pcrs.delete(3)
    assert.match(checkBootAggregate(entryOf(aggregate(8)), algorithm, pcrs, hashes).note ?? '', /PCR 3 of the bank/)
    const another = algorithm === 'sha1' ? 'sha256' : 'sha1'
    assert.match(checkBootAggregate(entryOf(aggregate(8)), another, pcrs, hashes).note ?? '', /another bank/)
  }
})
