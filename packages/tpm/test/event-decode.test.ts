// What events say, by type, and whether their digests cover it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { ascii, eventLogWriter, guid, u16, u32, u64, u8, utf16 } from '@vouchsafe/testkit/event-log-writer'
import * as uefi from '@vouchsafe/testkit/uefi'
import { EVENT_TYPES as EV, decodeEvent, digestCoversData, eventTypeName, parseEventLog } from '../src/index.ts'
import type { Coverage, DecodedEvent, EventRecord } from '../src/index.ts'

const SUBJECT = 'C=XX, O=Vouchsafe, CN=Example Platform Key'

function eventOf(type: number, data: Uint8Array, measured?: Uint8Array): EventRecord {
  return parseEventLog(eventLogWriter().event(1, type, data, measured).bytes()).events[1]!
}

/** What the data says, with hex for bytes and numbers for bigints, without the fields that say nothing. */
function decode(type: number, data: Uint8Array): unknown {
  return plain(decodeEvent(eventOf(type, data)))
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

function kindOf(type: number, data: Uint8Array): DecodedEvent['kind'] {
  return decodeEvent(eventOf(type, data)).kind
}

function valueOf(type: number, data: Uint8Array): Record<string, unknown> {
  const decoded = decode(type, data) as { kind: string; value: Record<string, unknown> }
  assert.equal(decoded.kind, 'variable')
  return decoded.value
}

const config = (name: string, data: Uint8Array, vendor = uefi.GLOBAL) =>
  valueOf(EV.EV_EFI_VARIABLE_DRIVER_CONFIG, uefi.variable(vendor, name, data))
const authority = (name: string, data: Uint8Array) => valueOf(EV.EV_EFI_VARIABLE_AUTHORITY, uefi.variable(uefi.IMAGE_SECURITY, name, data))

test('types have their names, unknown ones are hex', () => {
  assert.equal(eventTypeName(0x80000001), 'EV_EFI_VARIABLE_DRIVER_CONFIG')
  assert.equal(eventTypeName(0x800000e4), 'EV_EFI_SPDM_DEVICE_AUTHORITY')
  assert.equal(eventTypeName(0x13), 'EV_POST_CODE2')
  assert.equal(eventTypeName(0x4321), '0x00004321')
})

test('a variable tells its GUID and name; SecureBoot and its like are booleans', () => {
  const decoded = decode(EV.EV_EFI_VARIABLE_DRIVER_CONFIG, uefi.variable(uefi.GLOBAL, 'SecureBoot', u8(1)))
  assert.deepEqual(decoded, {
    kind: 'variable',
    guid: { guid: uefi.GLOBAL, name: 'EFI_GLOBAL_VARIABLE' },
    name: 'SecureBoot',
    bytes: '01',
    value: { kind: 'boolean', value: true },
  })
  assert.deepEqual(config('SetupMode', u8(0)), { kind: 'boolean', value: false })
  assert.deepEqual(authority('MokListTrusted', u8(1)), { kind: 'boolean', value: true })
  assert.deepEqual(config('SecureBoot', Buffer.alloc(0)), { kind: 'bytes', bytes: '' })
  assert.deepEqual(config('SecureBoot', u8(2)), { kind: 'bytes', bytes: '02' })
  assert.deepEqual(config('Lang', ascii('en')), { kind: 'bytes', bytes: '656e' })
})

test('a signature database gives its lists, certificates with subject and issuer, and digests', () => {
  const digests = [createHash('sha256').update('a').digest(), createHash('sha256').update('b').digest()]
  const lists = [uefi.signatureList(uefi.CERT_X509, [uefi.CERTIFICATE]), uefi.signatureList(uefi.CERT_SHA256, digests)]
  for (const name of ['PK', 'KEK', 'db', 'dbx', 'MokList']) {
    const value = config(name, Buffer.concat(lists)) as { lists: { type: { name: string }; signatures: Record<string, unknown>[] }[] }
    assert.deepEqual(
      value.lists.map(({ type, signatures }) => [type.name, signatures.length]),
      [
        ['EFI_CERT_X509_GUID', 1],
        ['EFI_CERT_SHA256_GUID', 2],
      ],
    )
    assert.deepEqual(value.lists[0]!.signatures[0]!['certificate'], {
      subject: SUBJECT,
      issuer: SUBJECT,
      serialNumber: '1234',
      notBefore: '2026-11-22T09:07:30.000Z',
      notAfter: '2100-10-25T09:07:30.000Z',
      sha256: createHash('sha256').update(uefi.CERTIFICATE).digest('hex'),
    })
    assert.deepEqual(value.lists[1]!.signatures[1], { owner: { guid: uefi.OWNER, name: 'Microsoft' }, data: digests[1]!.toString('hex') })
  }
  assert.deepEqual(config('dbx', Buffer.alloc(0)), { kind: 'signature-lists', lists: [] })
})

test('a database whose sizes contradict each other, or with a broken certificate, is given as bytes or without the certificate', () => {
  const list = uefi.signatureList(uefi.CERT_X509, [uefi.CERTIFICATE])
  for (const [at, size] of [
    [16, 27],
    [16, 0xffffffff],
    [20, 0xffffffff],
    [24, 0],
    [24, 15],
    [24, 0xffffffff],
  ] as const) {
    const broken = Buffer.from(list)
    broken.writeUInt32LE(size, at)
    assert.equal(config('db', broken)['kind'], 'bytes', `${size} at ${at}`)
  }
  const bad = Buffer.from(list)
  bad.fill(0, 60, 100)
  const value = config('db', bad) as { lists: { signatures: object[] }[] }
  assert.deepEqual(Object.keys(value.lists[0]!.signatures[0]!), ['owner', 'data'])
})

test('an authority is one signature: owner and certificate, owner and digest, or a certificate alone', () => {
  const owned = authority('db', uefi.signature(uefi.CERTIFICATE)) as { kind: string; certificate: { subject: string } }
  assert.deepEqual([owned.kind, owned.certificate.subject], ['signature', SUBJECT])
  const digest = authority('db', uefi.signature(Buffer.alloc(32, 7)))
  assert.deepEqual(digest, { kind: 'signature', owner: { guid: uefi.OWNER, name: 'Microsoft' }, data: '07'.repeat(32) })
  const alone = authority('Shim', uefi.CERTIFICATE) as { owner?: unknown; certificate: { subject: string } }
  assert.deepEqual([alone.owner, alone.certificate.subject], [undefined, SUBJECT])
  assert.equal(authority('MokList', uefi.signatureList(uefi.CERT_X509, [uefi.CERTIFICATE]))['kind'], 'signature-lists')
  assert.equal(authority('db', Buffer.alloc(50))['kind'], 'bytes')
})

test('SBAT levels are read line by line', () => {
  assert.deepEqual(authority('SbatLevel', ascii('sbat,1,2023012900\nshim,2\n')), {
    kind: 'sbat',
    text: 'sbat,1,2023012900\nshim,2\n',
    entries: [
      { component: 'sbat', generation: '1', rest: ['2023012900'] },
      { component: 'shim', generation: '2', rest: [] },
    ],
  })
})

test('boot order and boot options are read', () => {
  const order = Buffer.concat([u16(0), u16(0x1a), u16(0xffff)])
  assert.deepEqual(valueOf(EV.EV_EFI_VARIABLE_BOOT, uefi.variable(uefi.GLOBAL, 'BootOrder', order)), {
    kind: 'boot-order',
    order: ['Boot0000', 'Boot001A', 'BootFFFF'],
  })
  const option = uefi.loadOption('Linux', [uefi.gptDrive(2), uefi.file('\\EFI\\linux.efi')], utf16('root=/dev/vda\0'))
  assert.deepEqual(valueOf(EV.EV_EFI_VARIABLE_BOOT2, uefi.variable(uefi.GLOBAL, 'Boot001A', option)), {
    kind: 'load-option',
    attributes: 1,
    active: true,
    description: 'Linux',
    filePaths: [`HD(2,GPT,${uefi.PARTITION},0x800,0x219800)/\\EFI\\linux.efi`],
    optionalData: utf16('root=/dev/vda\0').toString('hex'),
    optionalText: 'root=/dev/vda',
  })
  for (const broken of [option.subarray(0, 5), option.subarray(0, 14), Buffer.concat([u32(1), u16(0xffff), utf16('x\0')])])
    assert.equal(valueOf(EV.EV_EFI_VARIABLE_BOOT, uefi.variable(uefi.GLOBAL, 'Boot0000', broken))['kind'], 'bytes')
  const odd = uefi.variable(uefi.GLOBAL, 'BootOrder', u8(1, 2, 3))
  assert.equal(valueOf(EV.EV_EFI_VARIABLE_BOOT, odd)['kind'], 'bytes')
})

test('more options than there are numbers, and endless empty lists, are given as bytes', () => {
  assert.equal(config('BootOrder', Buffer.alloc(2 * 65_537))['kind'], 'bytes')
  assert.equal(config('BootOrder', Buffer.alloc(2 * 65_536))['kind'], 'boot-order')
  assert.equal(config('db', Buffer.concat(new Array<Buffer>(17_000).fill(uefi.signatureList(uefi.CERT_X509, []))))['kind'], 'bytes')
})

test('variables whose lengths overrun the event are malformed; bytes after them are told', () => {
  const whole = uefi.variable(uefi.GLOBAL, 'SecureBoot', u8(1))
  for (const [at, length] of [
    [16, 0xffffffffffffffffn],
    [16, 0x8000000000000000n],
    [24, 0xffffffffffffffffn],
    [24, 2n],
  ] as const) {
    const broken = Buffer.from(whole)
    broken.writeBigUInt64LE(length, at)
    assert.equal(kindOf(EV.EV_EFI_VARIABLE_DRIVER_CONFIG, broken), 'malformed')
  }
  assert.equal(kindOf(EV.EV_EFI_VARIABLE_DRIVER_CONFIG, Buffer.alloc(0)), 'malformed')
  const longer = decode(EV.EV_EFI_VARIABLE_AUTHORITY, Buffer.concat([whole, u8(7)])) as { trailing: string }
  assert.equal(longer.trailing, '07')
})

test('an image load gives its place in memory and its path', () => {
  assert.deepEqual(decode(EV.EV_EFI_RUNTIME_SERVICES_DRIVER, uefi.imageLoad(uefi.pciRoot, uefi.pci(1, 0))), {
    kind: 'image-load',
    location: 0x61052018,
    length: 966_664,
    linkTimeAddress: 0,
    devicePath: 'PciRoot(0x0)/Pci(0x1,0x0)',
    devicePathBytes: Buffer.concat([uefi.pciRoot, uefi.pci(1, 0), uefi.endNode]).toString('hex'),
  })
})

test('a partition table gives header and partitions', () => {
  const data = uefi.gpt([{ type: uefi.ESP, guid: uefi.PARTITION, start: 0x800, end: 0x219fff, name: 'EFI System Partition' }])
  for (const type of [EV.EV_EFI_GPT_EVENT, EV.EV_EFI_GPT_EVENT2]) {
    const decoded = decode(type, data) as { diskGuid: string; entryCount: number; lastUsableLba: number; partitions: unknown[] }
    assert.deepEqual([decoded.diskGuid, decoded.entryCount, decoded.lastUsableLba], [uefi.DISK, 128, 0x3a3812a8e])
    assert.deepEqual(decoded.partitions, [
      {
        type: { guid: uefi.ESP, name: 'EFI System Partition' },
        guid: uefi.PARTITION,
        startLba: 0x800,
        endLba: 0x219fff,
        attributes: 0,
        name: 'EFI System Partition',
      },
    ])
  }
  const huge = Buffer.from(data)
  huge.writeBigUInt64LE(0xffffffffffffffffn, 92)
  assert.equal(kindOf(EV.EV_EFI_GPT_EVENT, huge), 'malformed')
  assert.equal(kindOf(EV.EV_EFI_GPT_EVENT, data.subarray(0, -1)), 'malformed')
  assert.equal(kindOf(EV.EV_EFI_GPT_EVENT, Buffer.concat([ascii('EFI TRAP'), data.subarray(8)])), 'malformed')
})

test('firmware is a blob, a blob with a description, or a name', () => {
  const place = Buffer.concat([u64(0xff000000), u64(0x10000)])
  const described = Buffer.concat([u8(6), ascii('FvMain'), place])
  for (const type of [
    EV.EV_POST_CODE,
    EV.EV_POST_CODE2,
    EV.EV_S_CRTM_CONTENTS,
    EV.EV_EFI_PLATFORM_FIRMWARE_BLOB,
    EV.EV_EFI_PLATFORM_FIRMWARE_BLOB2,
  ]) {
    assert.deepEqual(decode(type, place), { kind: 'firmware-blob', base: 0xff000000, length: 0x10000 })
    assert.deepEqual(decode(type, described), { kind: 'firmware-blob', description: 'FvMain', base: 0xff000000, length: 0x10000 })
    assert.deepEqual(decode(type, ascii('ACPI DATA')), { kind: 'text', text: 'ACPI DATA', encoding: 'utf-8' })
    assert.equal(kindOf(type, u8(255, 1)), 'malformed')
  }
})

test('handoff tables are named', () => {
  const tables = Buffer.concat([u64(1), guid('eb9d2d31-2d88-11d3-9a16-0090273fc14d'), u64(0x723c4000)])
  const table = { table: { guid: 'eb9d2d31-2d88-11d3-9a16-0090273fc14d', name: 'SMBIOS_TABLE_GUID' }, address: 0x723c4000 }
  assert.deepEqual(decode(EV.EV_EFI_HANDOFF_TABLES, tables), { kind: 'handoff-tables', tables: [table] })
  const described = Buffer.concat([u8(2), ascii('SM'), tables])
  assert.deepEqual(decode(EV.EV_EFI_HANDOFF_TABLES2, described), { kind: 'handoff-tables', description: 'SM', tables: [table] })
  assert.equal(kindOf(EV.EV_EFI_HANDOFF_TABLES, Buffer.concat([u64(0xffffffffffffffffn), tables])), 'malformed')
})

test('separators are normal, errors, or else', () => {
  assert.deepEqual(decode(EV.EV_SEPARATOR, u32(0)), { kind: 'separator', value: 0, meaning: 'normal' })
  assert.deepEqual(decode(EV.EV_SEPARATOR, u32(0xffffffff)), { kind: 'separator', value: 0xffffffff, meaning: 'normal' })
  assert.deepEqual(decode(EV.EV_SEPARATOR, u32(1)), { kind: 'separator', value: 1, meaning: 'error' })
  assert.deepEqual(decode(EV.EV_SEPARATOR, u32(2)), { kind: 'separator', value: 2, meaning: 'other' })
  assert.equal(kindOf(EV.EV_SEPARATOR, ascii('WBCL\0')), 'text')
})

test('versions are text, empty text, or a GUID', () => {
  assert.deepEqual(decode(EV.EV_S_CRTM_VERSION, utf16('V1.23\0')), { kind: 'text', text: 'V1.23', encoding: 'utf-16le' })
  assert.deepEqual(decode(EV.EV_S_CRTM_VERSION, u16(0)), { kind: 'text', text: '', encoding: 'utf-16le' })
  const version = '546bfb1e-1d0c-4055-a4ad-4ef4bf17b83a'
  assert.deepEqual(decode(EV.EV_S_CRTM_VERSION, guid(version)), { kind: 'guid', guid: { guid: version } })
  assert.equal(kindOf(EV.EV_S_CRTM_VERSION, u8(1, 2, 3)), 'bytes')
})

test('the encoding of text is found, and what is no text stays bytes', () => {
  const textTypes = [
    EV.EV_IPL,
    EV.EV_ACTION,
    EV.EV_EFI_ACTION,
    EV.EV_COMPACT_HASH,
    EV.EV_OMIT_BOOT_DEVICE_EVENTS,
    EV.EV_EFI_HCRTM_EVENT,
    EV.EV_NONHOST_INFO,
  ]
  for (const type of textTypes) {
    assert.deepEqual(decode(type, ascii('grub_cmd: boot\0')), { kind: 'text', text: 'grub_cmd: boot', encoding: 'utf-8' })
    assert.deepEqual(decode(type, utf16('initrd=\\x rw\0')), { kind: 'text', text: 'initrd=\\x rw', encoding: 'utf-16le' })
    assert.deepEqual(decode(type, utf16('initrd=\\x rw\0').subarray(0, -1)), { kind: 'text', text: 'initrd=\\x rw', encoding: 'utf-16le' })
    assert.deepEqual(decode(type, Buffer.from('größe', 'utf8')), { kind: 'text', text: 'größe', encoding: 'utf-8' })
    assert.equal(kindOf(type, createHash('sha256').update('binary').digest()), 'bytes')
    assert.equal(kindOf(type, u8(0x1b, 0x5b, 0x32, 0x4a)), 'bytes')
    assert.equal(kindOf(type, Buffer.alloc(0)), 'bytes')
  }
  assert.equal(kindOf(EV.EV_IPL, Buffer.alloc(70_000, 0x61)), 'bytes')
})

test('the search for text takes time in proportion to the data', () => {
  // Were it the square, this would take minutes.
  const zeros = Buffer.alloc(65_536)
  zeros[65_534] = 0x61
  const event = eventOf(EV.EV_IPL, zeros)
  for (let i = 0; i < 1000; i++) assert.equal(decodeEvent(event).kind, 'bytes')
})

test('tagged events are one or several, with known ids named', () => {
  const one = uefi.tagged(0x8f3b22ec, ascii('Linux initrd\0'))
  const first = { id: 0x8f3b22ec, name: 'Linux initrd', data: ascii('Linux initrd\0').toString('hex'), text: 'Linux initrd' }
  assert.deepEqual(decode(EV.EV_EVENT_TAG, one), { kind: 'tagged', tags: [first] })
  assert.deepEqual(decode(EV.EV_EVENT_TAG, Buffer.concat([one, uefi.tagged(7, u8(0xff))])), {
    kind: 'tagged',
    tags: [first, { id: 7, data: 'ff' }],
  })
  assert.equal(kindOf(EV.EV_EVENT_TAG, Buffer.concat([u32(1), u32(0xffffffff)])), 'malformed')
  assert.equal(kindOf(EV.EV_EVENT_TAG, Buffer.alloc(0)), 'malformed')
})

test('events of unknown types and those without a form are bytes', () => {
  for (const type of [0x4321, EV.EV_UNUSED, EV.EV_PREBOOT_CERT]) assert.deepEqual(decode(type, ascii('x')), { kind: 'bytes', bytes: '78' })
})

/** The digest's relation to the data in SHA-256. */
function coverage(type: number, data: Uint8Array, measured?: Uint8Array): Coverage {
  return digestCoversData(eventOf(type, data, measured), 'sha256')
}

test('digests that are defined as those of the data cover it or not', () => {
  const defined = [
    ...[
      EV.EV_SEPARATOR,
      EV.EV_ACTION,
      EV.EV_S_CRTM_VERSION,
      EV.EV_PLATFORM_CONFIG_FLAGS,
      EV.EV_TABLE_OF_DEVICES,
      EV.EV_OMIT_BOOT_DEVICE_EVENTS,
    ],
    ...[
      EV.EV_EFI_VARIABLE_DRIVER_CONFIG,
      EV.EV_EFI_VARIABLE_BOOT,
      EV.EV_EFI_VARIABLE_BOOT2,
      EV.EV_EFI_GPT_EVENT,
      EV.EV_EFI_GPT_EVENT2,
      EV.EV_EFI_ACTION,
    ],
    ...[EV.EV_EFI_VARIABLE_AUTHORITY, EV.EV_EFI_SPDM_DEVICE_POLICY, EV.EV_EFI_SPDM_DEVICE_AUTHORITY],
  ]
  for (const type of defined) {
    assert.equal(coverage(type, ascii('data')), 'covered', eventTypeName(type))
    assert.equal(coverage(type, ascii('data'), ascii('other')), 'not-covered', eventTypeName(type))
  }
})

test('digests of images and of unknown things say nothing of the data', () => {
  const types = [
    EV.EV_EFI_BOOT_SERVICES_APPLICATION,
    EV.EV_POST_CODE,
    EV.EV_S_CRTM_CONTENTS,
    EV.EV_EFI_HANDOFF_TABLES,
    EV.EV_NO_ACTION,
    0x4321,
  ]
  for (const type of types) assert.equal(coverage(type, ascii('data')), 'not-defined', eventTypeName(type))
})

test('a digest of what matters in the data covers it partly', () => {
  const variable = uefi.variable(uefi.GLOBAL, 'BootOrder', u16(1))
  assert.equal(coverage(EV.EV_EFI_VARIABLE_BOOT, variable, u16(1)), 'partly-covered')
  assert.equal(coverage(EV.EV_EFI_VARIABLE_BOOT2, variable, u16(1)), 'not-covered')
  assert.equal(coverage(EV.EV_IPL, ascii('grub_cmd: boot\0'), ascii('boot')), 'partly-covered')
  assert.equal(coverage(EV.EV_IPL, ascii('kernel_cmdline: /vmlinuz ro\0'), ascii('/vmlinuz ro')), 'partly-covered')
  assert.equal(coverage(EV.EV_IPL, ascii('/vmlinuz\0'), ascii('image')), 'not-defined')
  assert.equal(coverage(EV.EV_IPL, ascii('MokList\0')), 'covered')
  assert.equal(coverage(EV.EV_IPL, utf16('rw\0').subarray(0, -1), utf16('rw\0')), 'partly-covered')
  assert.equal(
    coverage(EV.EV_EFI_ACTION, ascii('Exit Boot Services Invocation\0'), ascii('Exit Boot Services Invocation')),
    'partly-covered',
  )
  assert.equal(coverage(EV.EV_EVENT_TAG, uefi.tagged(1, ascii('x')), ascii('x')), 'partly-covered')
  const shim = Buffer.concat([uefi.variable(uefi.SHIM_LOCK, 'Shim', uefi.CERTIFICATE), u8(0xaf)])
  assert.equal(coverage(EV.EV_EFI_VARIABLE_AUTHORITY, shim, shim.subarray(0, -1)), 'partly-covered')
})

test('an error separator may explain itself', () => {
  assert.equal(coverage(EV.EV_SEPARATOR, ascii('out of memory'), u32(1)), 'not-defined')
  assert.equal(coverage(EV.EV_SEPARATOR, u32(1)), 'covered')
  assert.equal(coverage(EV.EV_SEPARATOR, u32(0), u32(0xffffffff)), 'not-covered')
})

test('a bank that is missing, or SM3 without a function, is not computable', () => {
  const event = parseEventLog(
    eventLogWriter({ banks: ['sm3'] })
      .event(1, EV.EV_SEPARATOR, u32(0))
      .bytes(),
  ).events[1]!
  assert.equal(digestCoversData(event, 'sm3'), 'not-computable')
  assert.equal(digestCoversData(event, 'sha256'), 'not-computable')
  assert.equal(digestCoversData(event, 'sm3', { sm3: (data) => createHash('sm3').update(data).digest() }), 'covered')
})

test('no event of a boot is malformed, and none that should be covered is not', () => {
  const log = parseEventLog(bootLog({ banks: ['sha1', 'sha512'], locality: 3 }).bytes())
  for (const event of log.events) {
    assert.notEqual(decodeEvent(event).kind, 'malformed', event.typeName)
    assert.notEqual(digestCoversData(event, 'sha512'), 'not-covered', event.typeName)
  }
})
