// EV_NO_ACTION events and SPDM measurements.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ascii, eventLogWriter, guid, startupLocality, u16, u32, u64, u8, utf16 } from '@vouchsafe/testkit/event-log-writer'
import { CERTIFICATE, GLOBAL, IMAGE_SECURITY, endNode, pci, pciRoot, signatureList, variable } from '@vouchsafe/testkit/uefi'
import { EVENT_TYPES as EV, decodeEvent, digestCoversData, parseEventLog } from '../src/index.ts'
import type { DecodedEvent } from '../src/index.ts'

const MANIFEST = '5023b95c-db26-429b-a648-bd47664c8012'
const sized = (text: string) => Buffer.concat([u8(text.length + 1), ascii(`${text}\0`)])
const located = (type: number, data: Buffer) => Buffer.concat([u32(type), u32(data.length), data])

function noAction(...data: Uint8Array[]): DecodedEvent {
  return decodeEvent(parseEventLog(eventLogWriter().noAction(Buffer.concat(data)).bytes()).events[1]!)
}

function measured(type: number, ...data: Uint8Array[]): DecodedEvent {
  const event = parseEventLog(eventLogWriter().event(2, type, Buffer.concat(data)).bytes()).events[1]!
  assert.equal(digestCoversData(event, 'sha256'), 'covered')
  return decodeEvent(event)
}

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')

test('the Spec ID event tells version and algorithms', () => {
  const decoded = decodeEvent(parseEventLog(eventLogWriter({ banks: ['sha1', 'sm3'], vendorInfo: u8(1, 2) }).bytes()).events[0]!)
  assert.ok(decoded.kind === 'spec-id')
  assert.deepEqual([decoded.signature, decoded.specVersion, decoded.uintnSize], ['Spec ID Event03', { major: 2, minor: 0, errata: 105 }, 2])
  assert.deepEqual(
    decoded.algorithms.map(({ name }) => name),
    ['sha1', 'sm3'],
  )
  assert.equal(hex(decoded.vendorInfo), '0102')
})

test('the locality of the startup is told', () => {
  assert.deepEqual(noAction(startupLocality(3)), { kind: 'startup-locality', locality: 3 })
  assert.equal(noAction(startupLocality(3), u8(0)).kind, 'malformed')
})

test('signatures that are names of properties of every object are of no known kind', () => {
  for (const signature of ['__proto__', 'constructor', 'toString', 'valueOf', '__defineGetter__'])
    assert.deepEqual(noAction(ascii(signature.padEnd(16, '\0'))), { kind: 'text', text: signature, encoding: 'utf-8' })
})

test('a platform tells its maker, its versions, and where its reference values are', () => {
  const head = [u32(343), guid(MANIFEST)]
  const names = [sized('Example'), sized('Server'), sized('1'), sized('Firmware Inc'), u32(99), sized('2.1')]
  assert.deepEqual(noAction(ascii('SP800-155 Event\0'), ...head), {
    kind: 'platform-id',
    version: 1,
    manufacturerId: 343,
    referenceManifest: { guid: MANIFEST },
  })
  const second = noAction(ascii('SP800-155 Event2'), ...head, ...names)
  assert.ok(second.kind === 'platform-id')
  assert.deepEqual(
    [second.platformManufacturer, second.platformModel, second.firmwareManufacturerId, second.firmwareVersion],
    ['Example', 'Server', 99, '2.1'],
  )

  const third = noAction(
    ascii('SP800-155 Event3'),
    ...head,
    ...names,
    located(1, ascii('https://example.com/rim')),
    located(3, Buffer.concat([guid(GLOBAL), utf16('Cert\0')])),
  )
  assert.ok(third.kind === 'platform-id')
  assert.deepEqual([third.manifestLocator?.type, third.manifestLocator?.text], ['uri', 'https://example.com/rim'])
  assert.deepEqual([third.certificateLocator?.type, third.certificateLocator?.text], ['uefi-variable', `Cert-${GLOBAL}`])
  const path = noAction(ascii('SP800-155 Event3'), ...head, ...names, located(2, Buffer.concat([pciRoot, endNode])), located(0, u8(1)))
  assert.ok(path.kind === 'platform-id')
  assert.deepEqual([path.manifestLocator?.text, path.certificateLocator?.type], ['PciRoot(0x0)', 'raw'])
  assert.equal(noAction(ascii('SP800-155 Event3'), ...head, ...names).kind, 'malformed')
})

test('components of an H-CRTM are told', () => {
  const decoded = noAction(ascii('H-CRTM CompMeas\0'), u8(9), ascii('TD REPORT'), u8(0), u16(3), u8(1, 2, 3))
  assert.ok(decoded.kind === 'hcrtm-component')
  assert.deepEqual([decoded.description, decoded.format, hex(decoded.measurement)], ['TD REPORT', 'digest', '010203'])
})

test('an EV_NO_ACTION event that nobody defined is text or bytes', () => {
  assert.equal(noAction(ascii('something else, longer')).kind, 'text')
  assert.equal(noAction(u8(0xff, 1)).kind, 'bytes')
})

const pciContext = Buffer.concat([u16(0), u16(16), u16(0x8086), u16(0x1234), u8(2), u8(0, 0, 2), u16(0x1028), u16(0x5678)])
const device = {
  type: 'pci',
  vendorId: 0x8086,
  deviceId: 0x1234,
  revision: 2,
  classCode: 0x020000,
  subsystemVendorId: 0x1028,
  subsystemId: 0x5678,
}
/** A DMTF measurement block. */
const block = (index: number, value: Buffer) => Buffer.concat([u8(index, 1), u16(3 + value.length), u8(1), u16(value.length), value])

function version2(subHeaderType: number, subHeader: Buffer): Buffer {
  const path = Buffer.concat([pciRoot, pci(3, 0), endNode])
  const body = [u32(1), u32(subHeaderType), u32(subHeader.length), u64(77), u64(path.length), path, subHeader, pciContext]
  const length = Buffer.concat(body).length
  return Buffer.concat([ascii('SPDM Device Sec2'), u16(2), u8(0, 0), u32(length), ...body])
}

test('SPDM measurements of version 1 give one block and the device', () => {
  const data = [ascii('SPDM Device Sec\0'), u16(1), u16(0), u32(2), u32(1), block(1, Buffer.alloc(32, 7)), pciContext]
  const decoded = measured(EV.EV_EFI_SPDM_FIRMWARE_BLOB, ...data)
  assert.ok(decoded.kind === 'spdm')
  assert.deepEqual(decoded.event.device, device)
  assert.deepEqual([decoded.event.measurements?.[0]?.valueType, hex(decoded.event.measurements?.[0]?.value)], [1, '07'.repeat(32)])
})

test('SPDM measurements of version 2 give blocks, the path and how far the device was authenticated', () => {
  const subHeader = Buffer.concat([u16(0x1200), u8(2, 0), u32(2), block(1, Buffer.alloc(32, 7)), block(2, Buffer.alloc(32, 8))])
  const decoded = measured(EV.EV_EFI_SPDM_FIRMWARE_CONFIG, version2(0, subHeader))
  assert.ok(decoded.kind === 'spdm')
  const { event } = decoded
  assert.deepEqual(
    [event.authState, event.devicePath, event.uid, event.measurements?.length],
    ['success', 'PciRoot(0x0)/Pci(0x3,0x0)', 77n, 2],
  )
  assert.deepEqual(event.device, device)
  const short = version2(0, subHeader.subarray(0, -1))
  assert.equal(measured(EV.EV_EFI_SPDM_FIRMWARE_CONFIG, short).kind, 'malformed')
})

test('NV index events carry a certificate chain, or what the device was asked', () => {
  const chain = Buffer.concat([u16(0x1200), u8(1, 0), u32(1), CERTIFICATE])
  const instance = noAction(ascii('NvIndexInstance\0'), u16(1), Buffer.alloc(6), version2(1, chain))
  assert.ok(instance.kind === 'nv-index-instance')
  assert.deepEqual([instance.spdm.slot, hex(instance.spdm.certificateChain)], [1, CERTIFICATE.toString('hex')])
  for (const signature of ['NvIndexDynamic\0\0', 'NvIndexDynamic \0']) {
    const dynamic = noAction(ascii(signature), u16(1), Buffer.alloc(6), u64(77), u16(15), ascii('SPDM CHALLENGE\0'), u16(2), u8(1, 2))
    assert.ok(dynamic.kind === 'nv-index-dynamic')
    assert.deepEqual([dynamic.uid, dynamic.description, hex(dynamic.data)], [77n, 'SPDM CHALLENGE', '0102'])
  }
})

test('the policy for SPDM devices is a signature database', () => {
  const decoded = measured(
    EV.EV_EFI_SPDM_DEVICE_POLICY,
    variable(IMAGE_SECURITY, 'devdb', signatureList('a5c059a1-94e4-4aa7-87b5-ab155c2bf072', [CERTIFICATE])),
  )
  assert.ok(decoded.kind === 'variable')
  assert.equal(decoded.value.kind, 'signature-lists')
})
