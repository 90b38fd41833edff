import { TpmError } from '../error.ts'
import { LogReader } from '../log-reader.ts'
import { devicePathTexts } from './device-path.ts'
import { hexNumber, withoutNuls } from './text.ts'

/** A block of an SPDM MEASUREMENTS response (DMTF DSP0274, "Measurement block"). */
export type SpdmMeasurement = {
  index: number
  /** 1: DMTF. */
  specification: number
  /** Of DMTF blocks: the kind of what was measured, with bit 7 when the value is raw and not a digest. */
  valueType?: number
  value: Uint8Array
}

export type SpdmDevice =
  | { type: 'pci'; vendorId: number; deviceId: number; revision: number; classCode: number; subsystemVendorId: number; subsystemId: number }
  | { type: 'usb'; descriptors: Uint8Array }
  | { type: 'other'; deviceType: number; context: Uint8Array }

/** DEVICE_SECURITY_EVENT_DATA of version 1 or 2: what an SPDM device measured of itself, or the certificates that vouch for it. */
export type SpdmEvent = {
  version: number
  /** Version 2: how far the device was authenticated. */
  authState?: string
  devicePath?: string
  /** Version 2: ties events of one device together. */
  uid?: bigint
  spdmVersion?: number
  /** SPDM's bit mask of the hash: MeasurementHashAlgo of measurements, BaseHashAlgo of certificates. */
  hashAlgorithm?: number
  measurements?: SpdmMeasurement[]
  slot?: number
  /** SPDM certificate chain, as the device sent it. */
  certificateChain?: Uint8Array
  /** Version 2: a sub-header of another type. */
  subHeader?: { type: number; data: Uint8Array }
  device: SpdmDevice
}

const AUTH_STATES: Readonly<Record<number, string>> = {
  0: 'success',
  1: 'no-auth',
  2: 'no-binding',
  3: 'fail-no-signature',
  4: 'fail-invalid',
  0xff: 'no-spdm',
}

/** The count of blocks is one byte. */
const MAX_BLOCKS = 255

/** Reads the event data of SPDM measurements (PC Client Platform Firmware Profile 1.06, section 10.2.8). Throws TpmError where it is malformed. */
export function readSpdmEvent(data: Uint8Array): SpdmEvent {
  const reader = new LogReader(data)
  const signature = Buffer.from(withoutNuls(reader.bytes(16, 'Signature'))).toString('latin1')
  if (signature === 'SPDM Device Sec') return readVersion1(reader)
  if (signature === 'SPDM Device Sec2') return readVersion2(reader)
  throw new TpmError('Signature: not that of a device security event', { field: 'Signature', offset: 0 })
}

function readVersion1(reader: LogReader): SpdmEvent {
  const version = reader.u16('Version')
  reader.u16('Length')
  const hashAlgorithm = reader.u32('SpdmHashAlgo')
  const deviceType = reader.u32('DeviceType')
  const measurements = [readBlock(reader)]
  return { version, hashAlgorithm, measurements, device: readDevice(reader, deviceType) }
}

function readVersion2(reader: LogReader): SpdmEvent {
  const version = reader.u16('Version')
  const state = reader.u8('AuthState')
  reader.u8('Reserved')
  const body = reader.part(reader.u32('Length'), 'DEVICE_SECURITY_EVENT_DATA2')
  reader.expectEnd('DEVICE_SECURITY_EVENT_DATA2')
  const deviceType = body.u32('DeviceType')
  const subHeaderType = body.u32('SubHeaderType')
  const subHeaderLength = body.u32('SubHeaderLength')
  const uid = body.u64('SubHeaderUID')
  const path = body.bytes(body.u64('DevicePathLength'), 'DevicePath')
  const devicePath = devicePathTexts(path).join(',')
  const subHeader = readSubHeader(body.part(subHeaderLength, 'SubHeader'), subHeaderType)
  return { version, authState: AUTH_STATES[state] ?? hexNumber(state), devicePath, uid, ...subHeader, device: readDevice(body, deviceType) }
}

function readSubHeader(reader: LogReader, type: number): Partial<SpdmEvent> {
  if (type > 1) return { subHeader: { type, data: reader.rest() } }
  const spdmVersion = reader.u16('SpdmVersion')
  const countOrSlot = reader.u8(type === 0 ? 'SpdmMeasurementBlockCount' : 'SpdmSlotId')
  reader.u8('Reserved')
  const hashAlgorithm = reader.u32('SpdmHashAlgo')
  if (type === 1) return { spdmVersion, slot: countOrSlot, hashAlgorithm, certificateChain: reader.rest() }
  const measurements: SpdmMeasurement[] = []
  while (measurements.length < Math.min(countOrSlot, MAX_BLOCKS)) measurements.push(readBlock(reader))
  reader.expectEnd('SubHeader')
  return { spdmVersion, hashAlgorithm, measurements }
}

function readBlock(reader: LogReader): SpdmMeasurement {
  const index = reader.u8('Index')
  const specification = reader.u8('MeasurementSpecification')
  const block = reader.part(reader.u16('MeasurementSize'), 'Measurement')
  if (specification !== 1) return { index, specification, value: block.rest() }
  const valueType = block.u8('DMTFSpecMeasurementValueType')
  const value = block.bytes(block.u16('DMTFSpecMeasurementValueSize'), 'DMTFSpecMeasurementValue')
  block.expectEnd('Measurement')
  return { index, specification, valueType, value }
}

/** DEVICE_SECURITY_EVENT_DATA_DEVICE_CONTEXT, whose length field counts itself and the version. */
function readDevice(reader: LogReader, deviceType: number): SpdmDevice {
  if (deviceType !== 1 && deviceType !== 2) return { type: 'other', deviceType, context: reader.rest() }
  reader.u16('Version')
  reader.u16('Length')
  if (deviceType === 2) return { type: 'usb', descriptors: reader.rest() }
  const [vendorId, deviceId, revision] = [reader.u16('VendorId'), reader.u16('DeviceID'), reader.u8('RevisionID')]
  const [low, middle, high] = [reader.u8('ClassCode'), reader.u8('ClassCode'), reader.u8('ClassCode')]
  const [subsystemVendorId, subsystemId] = [reader.u16('SubsystemVendorID'), reader.u16('SubsystemID')]
  reader.expectEnd('DeviceContext')
  return { type: 'pci', vendorId, deviceId, revision, classCode: low | (middle << 8) | (high << 16), subsystemVendorId, subsystemId }
}
