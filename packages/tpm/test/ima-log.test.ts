import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Measurement } from '@vouchsafe/testkit/ima-log-writer'
import { hostMeasurements, imaPcr, templateData, writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import { IMA_LIMITS, TpmError, parseImaLog, verifyImaLog } from '../src/index.ts'
import type { FuzzResult } from './support/fuzz-event-logs.ts'

const FORMATS = ['ascii', 'binary'] as const

/** What the writer was told, as read back. */
function read(measurements: Measurement[], format: 'ascii' | 'binary') {
  const { entries, incomplete } = parseImaLog(writeImaLog(measurements, { format }))
  assert.equal(incomplete, 0)
  return entries
}

test('fields of every template come back as they were measured', () => {
  const sig = Buffer.from('030204f3452d230002abcd', 'hex')
  const digest = Buffer.alloc(32, 5)
  for (const format of FORMATS) {
    const [ng, signed, old, verity, buffer, inode] = read(
      [
        { path: '/a', digest },
        { path: '/b', template: 'ima-sig', sig, algorithm: 'sha512', digest: Buffer.alloc(64, 6) },
        { path: '/c', template: 'ima', digest: Buffer.alloc(20, 7) },
        { path: '/d', template: 'ima-sigv2', digestType: 'verity', digest },
        { path: 'event', template: 'ima-buf', buf: Buffer.from('data'), pcr: 11 },
        { path: '/e', template: 'n-ng|imode|iuid', mode: 0o100644, uid: 4_000_000_000 },
      ],
      format,
    )
    assert.deepEqual([ng?.number, ng?.pcr, ng?.templateName, ng?.path, ng?.violation], [0, 10, 'ima-ng', '/a', false])
    assert.deepEqual(ng?.fileDigest, { algorithm: 'sha256', digest: new Uint8Array(digest) })
    assert.deepEqual([signed?.path, signed?.fileDigest?.algorithm, signed?.signature], ['/b', 'sha512', new Uint8Array(sig)])
    assert.deepEqual([old?.path, old?.fileDigest], ['/c', { algorithm: 'sha1', digest: new Uint8Array(20).fill(7) }])
    assert.deepEqual([verity?.fileDigest?.type, verity?.signature], ['verity', undefined])
    assert.deepEqual([buffer?.pcr, buffer?.path, Buffer.from(buffer!.field('buf')!).toString()], [11, 'event', 'data'])
    assert.deepEqual(
      inode?.fields?.map(({ id, bytes }) => `${id} ${Buffer.from(bytes).toString('hex')}`),
      ['n-ng 2f6500', 'imode a481', 'iuid 00286bee'],
    )
    assert.deepEqual(
      ng?.templateDigest,
      new Uint8Array(
        createHash('sha1')
          .update(templateData({ path: '/a', digest }))
          .digest(),
      ),
    )
  }
})

test('names with blanks and newlines, and names that imitate further entries, end where the template digest says', () => {
  const forged = writeImaLog([{ path: '/forged' }], { format: 'ascii' }).toString()
  const names = [
    '/with blank',
    '/two\nlines',
    '/ends in newline\n',
    '\n',
    '\n\n/x\n',
    ` ${forged}`,
    `/a\n${forged}/b`,
    '/a\n10 0000',
    '/blank at end ',
    '/ünï',
  ]
  for (const template of ['ima-ng', 'ima-sig', 'ima', 'n-ng|d-ng']) {
    for (const sig of [new Uint8Array(), Buffer.from('0302', 'hex')]) {
      const host = names.map((path) => ({ path, template, sig }))
      for (const format of FORMATS) {
        const log = writeImaLog(host, { format })
        const { replay, log: parsed } = verifyImaLog(log, { algorithm: 'sha256', expected: imaPcr(host, 'sha256') })
        assert.deepEqual(
          parsed.entries.map(({ path }) => path),
          names,
        )
        assert.equal(replay.authenticated, names.length)
      }
    }
  }
})

test('an entry whose template digest is wrong ends at the first newline that an entry follows, and is told', () => {
  const text = writeImaLog([{ path: '/a\nb' }, { path: '/c' }, { path: '/d' }], { format: 'ascii' }).toString()
  const { entries } = parseImaLog(Buffer.from(text.replace(/^10 ./, '10 f').replace(/^10 f(?=[^])/, '10 e')))
  assert.deepEqual(
    entries.map(({ path, templateDigestMatches }) => [path, templateDigestMatches]),
    [
      ['/a\nb', false],
      ['/c', true],
      ['/d', true],
    ],
  )
  const verdict = verifyImaLog(Buffer.from(text.replace('/c', '/C')), { algorithm: 'sha256' })
  assert.deepEqual(verdict.checks[0], {
    name: 'template-digests',
    passed: false,
    note: '1 are not those of the fields, the first of entry 1',
  })
})

test('the search for the end of an entry is bounded', () => {
  const path = `/a${'\n10 '.concat('1'.repeat(40), ' ima-ng x').repeat(10)}`
  const bytes = writeImaLog([{ path }, { path: '/b' }], { format: 'ascii' })
  assert.equal(parseImaLog(bytes, { limits: { newlines: 11 } }).entries[0]?.path, path)
  for (const limits of [{ newlines: 3 }, { retriedBytes: 300 }]) assert.throws(() => parseImaLog(bytes, { limits }), TpmError)
  const gap = `/a\n10 ${'1'.repeat(40)} ima-ng x${'\n'.repeat(5000)}`
  const distant = writeImaLog([{ path: gap }, { path: '/b' }], { format: 'ascii' })
  assert.equal(parseImaLog(distant).entries[0]?.path, gap)
  assert.throws(() => parseImaLog(distant, { limits: { retriedBytes: 4000 } }), TpmError)
  const wrong = Buffer.from(writeImaLog(hostMeasurements(4000), { format: 'ascii' }).toString().replaceAll('.so.6', '.so.7'))
  assert.equal(parseImaLog(wrong).entries.length, 4000)
})

test('a log that is cut anywhere gives its whole entries and counts the rest', () => {
  const host: Measurement[] = [
    { path: 'boot_aggregate' },
    { path: '/x', template: 'ima' },
    { path: '/y', template: 'ima-sig', sig: Buffer.from('0302', 'hex') },
  ]
  for (const format of FORMATS) {
    const bytes = writeImaLog(host, { format })
    const ends = host.map((_, i) => writeImaLog(host.slice(0, i + 1), { format }).length)
    for (let length = 0; length <= bytes.length; length++) {
      const log = parseImaLog(bytes.subarray(0, length))
      const whole = ends.filter((end) => length >= (format === 'ascii' ? end - 1 : end)).length
      assert.deepEqual([log.entries.length, log.end + log.incomplete], [whole, length], `${format} ${length}`)
      assert.deepEqual(
        log.entries.map(({ path }) => path),
        host.slice(0, whole).map(({ path }) => path),
      )
    }
    const { checks } = verifyImaLog(bytes.subarray(0, -3), { algorithm: 'sha256' })
    assert.match(
      checks.find(({ name, passed }) => name === 'whole-entries' && !passed)?.note ?? '',
      /^the last \d+ bytes are not a whole entry$/,
    )
  }
})

test('an empty log has no entries and covers a PCR that nothing was extended into', () => {
  const { replay, log } = verifyImaLog(new Uint8Array(), { algorithm: 'sha256', expected: new Uint8Array(32) })
  assert.deepEqual([log.entries.length, replay.authenticated, replay.tail], [0, 0, 0])
})

test('what is no log is refused with the entry and its offset', () => {
  const line = writeImaLog([{ path: '/a' }], { format: 'ascii' }).toString()
  const cases: [input: string | Buffer, message: RegExp][] = [
    ['hello, world', /^entry 0: no PCR, template digest and template name$/],
    ['<html>', /^entry 0: no PCR/],
    [`100${line.slice(2)}`, /^entry 0: no PCR/],
    [line.replace(/ [0-9a-f]{40} /, ' 00ff '), /^entry 0: no PCR/],
    [`${line}${line.replace(':', '')}`, /^entry 1: its fields are not those of the template ima-ng$/],
    [`${line}${line.replace('ima-ng', 'ima-buf').replace('/a', 'a zz')}`, /^entry 1: its fields/],
    [line.replace('ima-ng', 'n-ng|imode').replace('/a', '/a 65536'), /^entry 0: its fields/],
    [line.replace('ima-ng', 'ima').replace('/a', `/${'a'.repeat(300)}`), /^entry 0: its fields/],
    [Buffer.alloc(400), /^no template name after a digest of 20, 32, 48 or 64 bytes: not an IMA log$/],
  ]
  for (const [input, message] of cases) {
    assert.throws(
      () => parseImaLog(Buffer.from(input)),
      (error: Error) => error instanceof TpmError && message.test(error.message),
      String(input),
    )
  }
  const offsets = [...FORMATS].map((format) => {
    const good = writeImaLog([{ path: '/a' }], { format })
    const bad =
      format === 'ascii' ? Buffer.from(good.toString().replace(':', '')) : Buffer.concat([good.subarray(0, 24), Buffer.alloc(8, 0xff)])
    try {
      parseImaLog(Buffer.concat([good, bad]))
    } catch (error) {
      return (error as TpmError).offset! >= good.length
    }
    return false
  })
  assert.deepEqual(offsets, [true, true])
})

test('limits are kept: entries, and bytes of one entry', () => {
  for (const format of FORMATS) {
    const bytes = writeImaLog(hostMeasurements(10), { format })
    assert.equal(parseImaLog(bytes, { limits: { entries: 10 } }).entries.length, 10)
    assert.throws(() => parseImaLog(bytes, { limits: { entries: 9 } }), /^TpmError: more than 9 entries$/)
    const long = writeImaLog([{ path: '/a', template: 'ima-buf', buf: Buffer.alloc(2000) }], { format })
    assert.throws(() => parseImaLog(long, { limits: { entryBytes: 1000 } }), TpmError)
  }
  assert.equal(IMA_LIMITS.entries, 100_000)
  const huge = writeImaLog([{ path: '/a' }], { format: 'binary' })
  huge.writeUInt32LE(0xffffffff, 4 + 20 + 4 + 6)
  assert.throws(() => parseImaLog(huge), /template data of 4294967295 bytes/)
})

test('entries of an unknown template can be replayed but tell nothing', () => {
  const host: Measurement[] = [{ path: 'boot_aggregate' }, { path: '/secret' }, { path: '/c' }]
  for (const format of FORMATS) {
    const named = writeImaLog(host, { format, digests: 'sha256' })
    const bytes = Buffer.from(named.toString('latin1').replaceAll('ima-ng', 'ima-zz'), 'latin1')
    const { replay, log } = verifyImaLog(bytes, { algorithm: 'sha256', expected: imaPcr(host, 'sha256') })
    assert.equal(replay.authenticated, 3)
    assert.ok(log.entries.every(({ fields, path, fileDigest, signature }) => !fields && !path && !fileDigest && !signature))
  }
  const other = Buffer.from(writeImaLog(host, { format: 'ascii' }).toString().replaceAll('ima-ng', 'ima-zz'))
  assert.throws(
    () => verifyImaLog(other, { algorithm: 'sha384' }),
    /entry 0: its sha384 digest can't be computed, the template ima-zz is unknown/,
  )
  const padded = verifyImaLog(other, { algorithm: 'sha384', expected: imaPcr(host, 'sha384', { padded: true }) })
  assert.deepEqual([padded.replay.form, padded.replay.authenticated], ['padded-sha1', 3])
})

test('a binary log that names the fields of an entry otherwise makes none of them its digest or path', () => {
  const [good, bad] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const forged = Buffer.concat([Buffer.from('\u0003:sha256:\0'), good]) // as the xattr security.ima, which a host may let anybody write
  const host = [{ path: '/bin/sh', template: 'ima-sig', digest: bad, sig: forged }]
  const text = writeImaLog(host, { format: 'binary' }).toString('latin1')
  for (const template of ['sig|n-ng|d-ngv2', 'buf|n-ng|d-ng', 'd|n|d-ngv2', 'sig|sig|n-ng']) {
    const named = text.replace('\u0007\0\0\0ima-sig', `${String.fromCharCode(template.length)}\0\0\0${template}`)
    const { log, replay } = verifyImaLog(Buffer.from(named, 'latin1'), { algorithm: 'sha256', expected: imaPcr(host, 'sha256') })
    const [entry] = log.entries
    assert.ok(entry !== undefined && replay.covers(entry) && entry.templateName === template)
    assert.ok(entry.fileDigest === undefined || !Buffer.from(entry.fileDigest.digest).equals(good), template)
    assert.ok(entry.path === undefined || entry.path === '/bin/sh', template)
  }
})

/** What a verdict says of the covered entries, without what `ImaEntry` says is not covered. */
function meaning(bytes: Uint8Array, expected: Uint8Array): string | undefined {
  try {
    const { log, replay } = verifyImaLog(bytes, { algorithm: 'sha256', expected })
    if (replay.authenticated === undefined) return undefined
    const covered = log.entries.filter((entry) => replay.covers(entry))
    const shown = covered.map(({ pcr, violation, path, fileDigest, fields }) =>
      fields === undefined || violation
        ? [pcr, violation]
        : [pcr, violation, path, fileDigest, fields.map((field) => Buffer.from(field.bytes).toString('hex'))],
    )
    return JSON.stringify(shown)
  } catch (error) {
    assert.ok(error instanceof TpmError, String(error))
    return undefined
  }
}

test('any changed byte is refused, or changes nothing of what is covered', () => {
  const host: Measurement[] = [
    { path: 'boot_aggregate' },
    { path: '/bin/a b', template: 'ima-sig', sig: Buffer.from('030204', 'hex') },
    { path: '/v', violation: true },
    { path: '/old', template: 'ima' },
    { path: '/two\nlines' },
    { path: '/end' },
  ]
  const expected = imaPcr(host.slice(0, 5), 'sha256')
  for (const format of FORMATS) {
    for (const digests of ['sha1', 'sha256']) {
      const bytes = writeImaLog(host, { format, digests })
      const true_ = meaning(bytes, expected)
      assert.equal((JSON.parse(true_!) as unknown[]).length, 5)
      for (let at = 0; at < bytes.length; at++) {
        for (const bit of [1, 2, 16, 32, 128]) {
          const changed = Buffer.from(bytes)
          changed[at]! ^= bit
          const found = meaning(changed, expected)
          if (found === undefined || found === true_) continue
          // An unknown template hides the entry's fields; a list of other fields gives them other names. Neither is covered.
          const [before, after] = [true_, found].map((text) => JSON.parse(text!) as unknown[][])
          const differing = after!.filter((entry, i) => JSON.stringify(entry) !== JSON.stringify(before![i]))
          assert.ok(
            differing.every((entry) => entry.length === 2 && entry[1] === false),
            `${format} ${digests} byte ${at}: ${found}`,
          )
        }
      }
    }
  }
})

const LOGS = process.env['VOUCHSAFE_TEST_FULL'] ? 50_000 : 2000
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_240_502)

test(`${LOGS} mutated logs are read within 64 MB, with TpmError as the only error`, async () => {
  const worker = new Worker(new URL('support/fuzz-ima-logs.ts', import.meta.url), {
    workerData: { count: LOGS, seed: SEED },
    resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 16 },
  })
  const [result] = (await once(worker, 'message')) as [FuzzResult]
  await worker.terminate()
  assert.equal(result.logs, LOGS)
  assert.ok(result.parsed > LOGS / 4, `${result.parsed} logs were read`)
  assert.ok(result.buffers < 64 * 1024 * 1024, `${result.buffers} bytes of buffers`)
})

test('the README tells every limit with its default', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const [name, value] of Object.entries(IMA_LIMITS)) {
    const shown = value % (1024 * 1024) === 0 ? `${value / 1024 / 1024} MiB` : value.toLocaleString('en-US')
    assert.ok(readme.includes(`| \`${name}\` | ${shown} |`), name)
  }
})
