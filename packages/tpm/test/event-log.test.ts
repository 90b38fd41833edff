// Boot event logs: formats, limits, replay, and where two logs part.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { ascii, eventLogWriter, specId, startupLocality, u16, u32 } from '@vouchsafe/testkit/event-log-writer'
import type { Bank, EventLogWriter } from '@vouchsafe/testkit/event-log-writer'
import {
  DEFAULT_EVENT_LOG_LIMITS,
  EVENT_TYPES as EV,
  TpmError,
  eventsOf,
  firstDifference,
  parseEventLog,
  replay,
  startupLocalityEvent,
} from '../src/index.ts'
import type { HashAlgorithm } from '../src/index.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** PCR values in the plainest way: all extensions one after the other. */
function extendAll({ extensions }: EventLogWriter, bank: Bank, initial: (pcr: number) => number[]): Record<number, string> {
  const size = createHash(bank).digest().length
  const pcrs: Record<number, Buffer> = {}
  for (const { pcr, digests } of extensions) {
    const start = Buffer.concat([Buffer.alloc(size), Buffer.from(initial(pcr))]).subarray(-size)
    pcrs[pcr] = createHash(bank)
      .update(pcrs[pcr] ?? start)
      .update(digests[bank]!)
      .digest()
  }
  return Object.fromEntries(Object.entries(pcrs).map(([pcr, value]) => [pcr, value.toString('hex')]))
}

function replayed(bytes: Uint8Array, bank: HashAlgorithm): Record<number, string> {
  const sm3 = (data: Uint8Array) => createHash('sm3').update(data).digest()
  return Object.fromEntries([...replay(parseEventLog(bytes), bank, { sm3 })].map(([pcr, { value }]) => [pcr, hex(value)]))
}

function refusal(bytes: Uint8Array, options = {}): TpmError {
  try {
    parseEventLog(bytes, options)
  } catch (error) {
    assert.ok(error instanceof TpmError)
    return error
  }
  assert.fail('was parsed')
}

test('a crypto-agile log gives its banks and events, with the bytes that were logged', () => {
  const writer = bootLog({ banks: ['sha1', 'sha256'], vendorInfo: ascii('vendor') })
  const bytes = writer.bytes()
  const log = parseEventLog(bytes)
  assert.deepEqual([log.format, log.banks, log.padding, log.truncated], ['crypto-agile', ['sha1', 'sha256'], 0, undefined])
  assert.deepEqual(log.specId?.algorithms[1], { id: 0x0b, name: 'sha256', digestSize: 32 })
  assert.equal(hex(log.specId!.vendorInfo), hex(ascii('vendor')))
  assert.equal(log.events.length, writer.extensions.length + 1)
  log.events.slice(1).forEach((event, i) => {
    assert.equal(event.number, i + 1)
    assert.equal(bytes.readUInt32LE(event.offset), event.pcr)
    assert.equal(hex(event.digests['sha256']!), hex(writer.extensions[i]!.digests.sha256!))
  })
  assert.equal(log.events[1]!.typeName, 'EV_S_CRTM_VERSION')
  assert.equal(hex(log.events[1]!.data), hex(Buffer.from('V1.23\0', 'utf16le')))
})

test('a log of TPM 1.2 has SHA-1 digests throughout, with or without a Spec ID event of version 02', () => {
  const writer = bootLog({ format: 'sha1' })
  const log = parseEventLog(writer.bytes())
  assert.deepEqual([log.format, log.banks, log.events.length], ['sha1', ['sha1'], writer.extensions.length])
  assert.deepEqual(
    replayed(writer.bytes(), 'sha1'),
    extendAll(writer, 'sha1', () => []),
  )

  const data = Buffer.concat([ascii('Spec ID Event02\0'), u32(0), Buffer.from([2, 1, 0, 2, 1, 0xaa])])
  const head = Buffer.concat([u32(0), u32(3), Buffer.alloc(20), u32(data.length), data])
  const named = parseEventLog(Buffer.concat([head, writer.bytes()]))
  assert.equal(named.specId?.signature, 'Spec ID Event02')
  assert.deepEqual([named.format, named.events.length], ['sha1', writer.extensions.length + 1])
})

test('replay gives the value of every PCR in every bank', () => {
  const writer = bootLog({ banks: ['sha1', 'sha256', 'sha384', 'sha512', 'sm3'] })
  for (const bank of writer.banks)
    assert.deepEqual(
      replayed(writer.bytes(), bank),
      extendAll(writer, bank, () => []),
    )
  const pcrs = replay(parseEventLog(writer.bytes()), 'sha256')
  assert.equal(pcrs.get(8)?.events, eventsOf(parseEventLog(writer.bytes()), 8).length)
  assert.deepEqual(pcrs.get(8)?.missing, [])
})

test('SM3 banks need a function for SM3, and a bank that the log lacks is refused', () => {
  const log = parseEventLog(
    eventLogWriter({ banks: ['sm3'] })
      .event(0, EV.EV_SEPARATOR, u32(0))
      .bytes(),
  )
  assert.throws(() => replay(log, 'sm3'), TpmError)
  assert.throws(() => replay(log, 'sha256'), /no digests of sha256/)
})

test('PCR 0 begins with the locality of the startup', () => {
  for (const locality of [3, 4]) {
    const writer = bootLog({ banks: ['sha1', 'sha384'], locality })
    for (const bank of writer.banks) {
      assert.deepEqual(
        replayed(writer.bytes(), bank as HashAlgorithm),
        extendAll(writer, bank, (pcr) => (pcr === 0 ? [locality] : [])),
      )
    }
  }
  const alone = eventLogWriter().noAction(startupLocality(3)).bytes()
  assert.deepEqual(replayed(alone, 'sha256'), { 0: `${'00'.repeat(31)}03` })
})

test('a StartupLocality event counts only before what is extended into PCR 0, in PCR 0, and once', () => {
  const separator = (writer: EventLogWriter) => writer.event(0, EV.EV_SEPARATOR, u32(0))
  const plain = replayed(separator(eventLogWriter()).bytes(), 'sha256')[0]
  const late = separator(eventLogWriter()).noAction(startupLocality(3)).bytes()
  const elsewhere = separator(eventLogWriter().noAction(startupLocality(3), 1)).bytes()
  for (const bytes of [late, elsewhere]) assert.equal(replayed(bytes, 'sha256')[0], plain)
  const first = replayed(separator(eventLogWriter().noAction(startupLocality(3))).bytes(), 'sha256')[0]
  const twice = separator(eventLogWriter().noAction(startupLocality(3)).noAction(startupLocality(4))).bytes()
  assert.notEqual(first, plain)
  assert.equal(replayed(twice, 'sha256')[0], first)
  assert.equal(startupLocalityEvent(parseEventLog(twice))?.number, 1)
})

test('an H-CRTM that was measured before the startup makes PCR 0 begin with 4', () => {
  const hcrtm = () => eventLogWriter().event(0, EV.EV_EFI_HCRTM_EVENT, ascii('HCRTM'))
  const four = (pcr: number) => (pcr === 0 ? [4] : [])
  assert.deepEqual(replayed(hcrtm().bytes(), 'sha256'), extendAll(hcrtm(), 'sha256', four))
  const told = eventLogWriter().noAction(startupLocality(4)).event(0, EV.EV_EFI_HCRTM_EVENT, ascii('HCRTM'))
  assert.deepEqual(replayed(told.bytes(), 'sha256'), extendAll(told, 'sha256', four))
  const later = eventLogWriter().event(0, EV.EV_SEPARATOR, u32(0)).event(0, EV.EV_EFI_HCRTM_EVENT, ascii('HCRTM'))
  assert.deepEqual(
    replayed(later.bytes(), 'sha256'),
    extendAll(later, 'sha256', () => []),
  )
})

test('PCR 17 to 22 begin with ones, others with zeros', () => {
  const writer = eventLogWriter()
  for (let pcr = 16; pcr < 24; pcr++) writer.event(pcr, EV.EV_COMPACT_HASH, ascii('x'))
  const ones = (pcr: number) => (pcr >= 17 && pcr <= 22 ? new Array<number>(32).fill(0xff) : [])
  assert.deepEqual(replayed(writer.bytes(), 'sha256'), extendAll(writer, 'sha256', ones))
})

test('EV_NO_ACTION is never extended, whatever its digests', () => {
  const writer = eventLogWriter().event(0, EV.EV_SEPARATOR, u32(0))
  const before = replayed(writer.bytes(), 'sha256')
  writer.raw(Buffer.concat([u32(0), u32(EV.EV_NO_ACTION), u32(1), u16(0x0b), Buffer.alloc(32, 7), u32(1), ascii('x')]))
  assert.deepEqual(replayed(writer.bytes(), 'sha256'), before)
  assert.equal(parseEventLog(writer.bytes()).events.at(-1)?.typeName, 'EV_NO_ACTION')
})

test('an event without a digest for a bank did not make up its PCR there, nor does it make a difference', () => {
  const separator = (writer: EventLogWriter) => writer.event(7, EV.EV_SEPARATOR, u32(0)).bytes()
  const plain = parseEventLog(separator(eventLogWriter()))
  const inserted = parseEventLog(
    separator(eventLogWriter().raw(Buffer.concat([u32(7), u32(EV.EV_EFI_ACTION), u32(0), u32(1), ascii('x')]))),
  )
  assert.deepEqual(
    eventsOf(inserted, 7).map(({ typeName }) => typeName),
    ['EV_EFI_ACTION', 'EV_SEPARATOR'],
  )
  assert.deepEqual(
    eventsOf(inserted, 7, 'sha256').map(({ typeName }) => typeName),
    ['EV_SEPARATOR'],
  )
  assert.deepEqual(replay(inserted, 'sha256').get(7)?.value, replay(plain, 'sha256').get(7)?.value)
  assert.equal(firstDifference(plain, inserted, 7, 'sha256'), undefined)
})

test('an event without a digest for a bank is told, and not extended', () => {
  const writer = eventLogWriter({ banks: ['sha1', 'sha256'] }).event(4, EV.EV_SEPARATOR, u32(0))
  writer.raw(Buffer.concat([u32(4), u32(EV.EV_SEPARATOR), u32(1), u16(0x04), Buffer.alloc(20, 7), u32(0)]))
  const log = parseEventLog(writer.bytes())
  assert.deepEqual(replay(log, 'sha256').get(4)?.missing, [2])
  assert.equal(replay(log, 'sha256').get(4)?.events, 1)
  assert.deepEqual(replay(log, 'sha1').get(4)?.missing, [])
})

test('a CCEL is replayed from zeros, and its area may have room left', () => {
  const writer = eventLogWriter({ banks: ['sha384'] })
  for (const register of [1, 2, 3, 4]) writer.event(register, EV.EV_SEPARATOR, u32(0))
  writer.event(1, EV.EV_EFI_ACTION, ascii('boot'))
  for (const rest of [Buffer.alloc(0), Buffer.alloc(4096), Buffer.alloc(4096, 0xff)]) {
    const log = parseEventLog(Buffer.concat([writer.bytes(), rest]), { ccel: true })
    assert.deepEqual([log.format, log.events.length, log.padding], ['ccel', 6, rest.length])
    const values = Object.fromEntries([...replay(log, 'sha384')].map(([register, { value }]) => [register, hex(value)]))
    assert.deepEqual(
      values,
      extendAll(writer, 'sha384', () => []),
    )
  }
  assert.match(refusal(bootLog({ format: 'sha1' }).bytes(), { ccel: true }).message, /CCEL/)
})

test('events of nothing but zeros are no padding while something follows, and each is looked at once', () => {
  // Were the rest of the log looked at for each event, this would take minutes.
  const count = 200_000
  const bytes = eventLogWriter()
    .raw(Buffer.alloc(16 * count))
    .event(7, EV.EV_SEPARATOR, u32(1))
    .raw(Buffer.alloc(100))
    .bytes()
  const log = parseEventLog(bytes, { limits: { events: count + 2 } })
  assert.deepEqual([log.events.length, log.events.at(-1)?.pcr, log.padding], [count + 2, 7, 100])
})

test('digests of unknown algorithms are kept by number', () => {
  const data = Buffer.concat([specId(['sha256']).subarray(0, 24), u32(2), u16(0x0b), u16(32), u16(0x47), u16(5), Buffer.from([0])])
  const event = Buffer.concat([u32(1), u32(EV.EV_IPL), u32(2), u16(0x47), ascii('abcde'), u16(0x0b), Buffer.alloc(32), u32(0)])
  const log = parseEventLog(Buffer.concat([u32(0), u32(3), Buffer.alloc(20), u32(data.length), data, event]))
  assert.deepEqual(log.banks, ['sha256', '0x0047'])
  assert.equal(hex(log.events[1]!.digests['0x0047']!), hex(ascii('abcde')))
})

test('a log cut anywhere is refused with the place, or gives the events before it', () => {
  const bytes = bootLog({ revocations: 1 }).bytes()
  const whole = parseEventLog(bytes)
  const ends = new Map(whole.events.map(({ number }) => [whole.events[number + 1]?.offset ?? bytes.length, number + 1]))
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.subarray(0, length)
    const complete = ends.get(length)
    const partial = parseEventLog(cut, { partial: true })
    if (complete !== undefined) {
      assert.equal(parseEventLog(cut).events.length, complete)
      assert.equal(partial.truncated, undefined)
      continue
    }
    const { offset, field } = refusal(cut)
    assert.ok(offset !== undefined && offset <= length && field !== undefined)
    const before = whole.events.filter((event) => (whole.events[event.number + 1]?.offset ?? bytes.length) <= length)
    assert.equal(partial.events.length, before.length)
    assert.equal(partial.truncated?.offset, before.length === 0 ? 0 : whole.events[before.length]!.offset)
  }
})

test('what contradicts the Spec ID event is refused by name', () => {
  const head = eventLogWriter({ banks: ['sha1', 'sha256'] }).bytes()
  const event = (pcr: number, ...digests: Buffer[]) => Buffer.concat([head, u32(pcr), u32(EV.EV_IPL), ...digests, u32(0)])
  const sha256 = Buffer.concat([u16(0x0b), Buffer.alloc(32)])
  assert.equal(refusal(event(0, u32(3), sha256, sha256, sha256)).field, 'digests.count')
  assert.equal(refusal(event(0, u32(2), sha256, sha256)).field, 'hashAlg')
  assert.equal(refusal(event(0, u32(1), u16(0x0c), Buffer.alloc(48))).field, 'hashAlg')
  assert.equal(refusal(event(24, u32(1), sha256)).field, 'pcrIndex')
  assert.equal(refusal(event(0, u32(0xffffffff), sha256)).field, 'digests.count')
  assert.equal(refusal(Buffer.concat([event(0, u32(1), sha256).subarray(0, -4), u32(0xffffffff)])).field, 'event')

  const spec = (algorithms: Buffer) => {
    const data = Buffer.concat([specId(['sha1']).subarray(0, 24), algorithms, Buffer.from([0])])
    return refusal(Buffer.concat([u32(0), u32(3), Buffer.alloc(20), u32(data.length), data]))
  }
  assert.equal(spec(u32(0)).field, 'numberOfAlgorithms')
  assert.equal(spec(u32(0xffffffff)).field, 'numberOfAlgorithms')
  assert.equal(spec(Buffer.concat([u32(1), u16(0x0b), u16(20)])).field, 'digestSize')
  assert.equal(spec(Buffer.concat([u32(2), u16(0x0b), u16(32), u16(0x0b), u16(32)])).field, 'algorithmId')
})

test('PCR numbers beyond 23 are left to EV_NO_ACTION, where NV indices stand', () => {
  const log = parseEventLog(eventLogWriter().noAction(ascii('x'), 0x01c40200).bytes())
  assert.equal(log.events[1]?.pcr, 0x01c40200)
  assert.equal(replay(log, 'sha256').size, 0)
})

test('limits bound bytes and events', () => {
  const bytes = bootLog().bytes()
  const { events } = parseEventLog(bytes)
  assert.match(refusal(bytes, { limits: { bytes: bytes.length - 1 } }).message, /at most/)
  assert.match(refusal(bytes, { limits: { events: events.length - 1 } }).message, /more than/)
  assert.equal(parseEventLog(bytes, { limits: { bytes: bytes.length, events: events.length } }).events.length, events.length)
})

test('the README tells every limit with its default', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const [name, value] of Object.entries(DEFAULT_EVENT_LOG_LIMITS)) {
    const shown = value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : value.toLocaleString('en-US')
    assert.ok(readme.includes(`| \`${name}\` | ${shown} |`), name)
  }
})

test('the events of a PCR are those that made its value, in order', () => {
  const log = parseEventLog(bootLog().bytes())
  const events = eventsOf(log, 7)
  assert.deepEqual(events.map(({ typeName }) => typeName).slice(4, 7), [
    'EV_EFI_VARIABLE_DRIVER_CONFIG',
    'EV_SEPARATOR',
    'EV_EFI_VARIABLE_AUTHORITY',
  ])
  assert.equal(
    eventsOf(log, 0).some(({ typeName }) => typeName === 'EV_NO_ACTION'),
    false,
  )
  assert.deepEqual(eventsOf(log, 23), [])
})

test('the first difference of two logs is found per PCR', () => {
  const parse = (options: Parameters<typeof bootLog>[0]) => parseEventLog(bootLog(options).bytes())
  const base = parse({})
  for (let pcr = 0; pcr < 24; pcr++) assert.equal(firstDifference(base, parse({}), pcr, 'sha256'), undefined)

  const changed = firstDifference(base, parse({ kernel: 'another' }), 9, 'sha256')
  assert.deepEqual([changed?.reason, changed?.position, changed?.left?.typeName], ['digest', 1, 'EV_IPL'])
  assert.equal(Buffer.from(changed!.left!.data).toString(), '/vmlinuz\0')

  const insecure = firstDifference(base, parse({ secureBoot: false }), 7, 'sha256')
  assert.deepEqual([insecure?.position, insecure?.left?.number, insecure?.right?.number], [0, 4, 4])

  const locality = firstDifference(base, parse({ locality: 3 }), 0, 'sha256')
  assert.deepEqual([locality?.reason, locality?.left, locality?.right?.number], ['startup-locality', undefined, 1])

  const longer = parseEventLog(bootLog().event(5, EV.EV_IPL, ascii('more')).bytes())
  assert.deepEqual(
    [firstDifference(base, longer, 5, 'sha256')?.reason, firstDifference(longer, base, 5, 'sha256')?.reason],
    ['only-right', 'only-left'],
  )
  assert.throws(() => firstDifference(base, longer, 5, 'sha1'), TpmError)
})

test('a difference is found exactly where the replayed values differ', () => {
  const [left, right] = [bootLog({ kernel: 'a', locality: 3 }), bootLog({ kernel: 'b', commandLine: 'debug' })].map((writer) =>
    parseEventLog(writer.bytes()),
  )
  const values = [left!, right!].map((log) => replay(log, 'sha256'))
  for (let pcr = 0; pcr < 24; pcr++) {
    const [a, b] = values.map((pcrs) => pcrs.get(pcr)?.value)
    const same = a === undefined ? b === undefined : b !== undefined && hex(a) === hex(b)
    assert.equal(firstDifference(left!, right!, pcr, 'sha256') === undefined, same, `PCR ${pcr}`)
  }
})
