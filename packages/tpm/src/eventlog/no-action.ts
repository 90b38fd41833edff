import { LogReader } from '../log-reader.ts'
import { devicePathTexts } from './device-path.ts'
import { readGuid } from './guid.ts'
import type { Guid } from './guid.ts'
import { readDescription } from './platform.ts'
import { readSpdmEvent } from './spdm.ts'
import type { SpdmEvent } from './spdm.ts'
import { hexNumber, printableUtf8, utf16Text, withoutNuls } from './text.ts'

/** Where a reference manifest or a platform certificate is found. */
export type Locator = { type: 'raw' | 'uri' | 'device-path' | 'uefi-variable' | string; text?: string; data: Uint8Array }

/** TCG_Sp800_155_PlatformId_Event: whose firmware this is, and where its reference values are. Version 2 adds names, version 3 locators. */
export type PlatformId = {
  version: 1 | 2 | 3
  /** IANA private enterprise number. */
  manufacturerId: number
  referenceManifest: Guid
  platformManufacturer?: string
  platformModel?: string
  platformVersion?: string
  firmwareManufacturer?: string
  firmwareManufacturerId?: number
  firmwareVersion?: string
  manifestLocator?: Locator
  certificateLocator?: Locator
}

/** What an EV_NO_ACTION event says, apart from Spec ID: informative only, since no PCR holds it. */
export type NoActionData =
  | { kind: 'startup-locality'; locality: number }
  | ({ kind: 'platform-id' } & PlatformId)
  /** TCG_HCRTMComponentEvent; the digest is a TPMT_HA. */
  | { kind: 'hcrtm-component'; description: string; format: 'digest' | 'raw' | string; measurement: Uint8Array }
  /** Extended into an NV index, whose handle stands in place of the PCR. */
  | { kind: 'nv-index-instance'; version: number; spdm: SpdmEvent }
  | { kind: 'nv-index-dynamic'; version: number; uid: bigint; description: string; data: Uint8Array }

const SIGNATURE = 16

/**
 * Reads an EV_NO_ACTION event by its signature (PC Client Platform Firmware Profile 1.06, section 10.4.5). Undefined for signatures that the profile doesn't
 * define; throws TpmError where the rest is malformed.
 */
export function readNoAction(data: Uint8Array): NoActionData | undefined {
  if (data.length < SIGNATURE) return undefined
  const reader = new LogReader(data)
  // "NvIndexDynamic" is padded with a blank in some firmware.
  const signature = Buffer.from(withoutNuls(reader.bytes(SIGNATURE, 'Signature')))
    .toString('latin1')
    .trimEnd()
  const result = Object.hasOwn(READERS, signature) ? READERS[signature]!(reader) : undefined
  if (result !== undefined) reader.expectEnd(signature)
  return result
}

const READERS: Readonly<Record<string, (reader: LogReader) => NoActionData>> = {
  StartupLocality: (reader) => ({ kind: 'startup-locality', locality: reader.u8('StartupLocality') }),
  'SP800-155 Event': (reader) => readPlatformId(reader, 1),
  'SP800-155 Event2': (reader) => readPlatformId(reader, 2),
  'SP800-155 Event3': (reader) => readPlatformId(reader, 3),
  'H-CRTM CompMeas': (reader) => {
    const description = readDescription(reader, 'ComponentDescription')
    const format = reader.u8('MeasurementFormatType')
    const measurement = reader.bytes(reader.u16('ComponentMeasurementSize'), 'ComponentMeasurement')
    return {
      kind: 'hcrtm-component',
      description,
      format: format === 0 ? 'digest' : format === 0x80 ? 'raw' : hexNumber(format),
      measurement,
    }
  },
  NvIndexInstance: (reader) => {
    const version = reader.u16('Version')
    reader.bytes(6, 'Reserved')
    return { kind: 'nv-index-instance', version, spdm: readSpdmEvent(reader.rest()) }
  },
  NvIndexDynamic: (reader) => {
    const version = reader.u16('Version')
    reader.bytes(6, 'Reserved')
    const uid = reader.u64('Uid')
    const description = printableUtf8(reader.bytes(reader.u16('DescriptionSize'), 'Description')) ?? ''
    return { kind: 'nv-index-dynamic', version, uid, description, data: reader.bytes(reader.u16('DataSize'), 'Data') }
  },
}

function readPlatformId(reader: LogReader, version: 1 | 2 | 3): NoActionData {
  const manufacturerId = reader.u32('PlatformManufacturerId')
  const referenceManifest = readGuid(reader, 'ReferenceManifestGuid')
  if (version === 1) return { kind: 'platform-id', version, manufacturerId, referenceManifest }
  const names = {
    platformManufacturer: readDescription(reader, 'PlatformManufacturerStr'),
    platformModel: readDescription(reader, 'PlatformModel'),
    platformVersion: readDescription(reader, 'PlatformVersion'),
    firmwareManufacturer: readDescription(reader, 'FirmwareManufacturerStr'),
    firmwareManufacturerId: reader.u32('FirmwareManufacturerId'),
    firmwareVersion: readDescription(reader, 'FirmwareVersion'),
  }
  const locators = version === 2 ? {} : { manifestLocator: readLocator(reader), certificateLocator: readLocator(reader) }
  return { kind: 'platform-id', version, manufacturerId, referenceManifest, ...names, ...locators }
}

function readLocator(reader: LogReader): Locator {
  const type = reader.u32('LocatorType')
  const data = reader.bytes(reader.u32('LocatorLength'), 'Locator')
  if (type === 0) return { type: 'raw', data }
  if (type === 1) return { type: 'uri', text: printableUtf8(data) ?? '', data }
  if (type === 2) return { type: 'device-path', text: devicePathTexts(data).join(','), data }
  if (type === 3 && data.length >= 16) {
    const variable = new LogReader(data)
    const { guid } = readGuid(variable, 'VariableGuid')
    return { type: 'uefi-variable', text: `${utf16Text(variable.rest())}-${guid}`, data }
  }
  return { type: hexNumber(type), data }
}
