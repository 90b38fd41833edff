import { TpmError } from '../error.ts'
import { LogReader } from '../log-reader.ts'
import type { EventRecord } from './event-log.ts'
import { EVENT_TYPES as EV } from './event-types.ts'
import { readGpt } from './gpt.ts'
import type { GptEvent } from './gpt.ts'
import { namedGuid, guidText } from './guid.ts'
import type { Guid } from './guid.ts'
import { readNoAction } from './no-action.ts'
import type { NoActionData } from './no-action.ts'
import { readFirmwareBlob, readFirmwareBlob2, readHandoffTables, readImageLoad, readTaggedEvents } from './platform.ts'
import type { FirmwareBlob, HandoffTables, ImageLoad, TaggedEvent } from './platform.ts'
import { readSpdmEvent } from './spdm.ts'
import type { SpdmEvent } from './spdm.ts'
import { readSpecId } from './spec-id.ts'
import type { SpecId } from './spec-id.ts'
import { guessText } from './text.ts'
import type { EncodedText } from './text.ts'
import { readVariable } from './variable.ts'
import type { LoggedVariable } from './variable.ts'

/** Event data in readable form. Addresses, block numbers and other 64-bit fields are bigint. */
export type DecodedEvent =
  | ({ kind: 'spec-id' } & SpecId)
  | NoActionData
  /** `normal`: 0 or FFFFFFFF, the end of the pre-boot phase; `error`: 1; else `other`. */
  | { kind: 'separator'; value: number; meaning: 'normal' | 'error' | 'other' }
  | ({ kind: 'text' } & EncodedText)
  | { kind: 'guid'; guid: Guid }
  | ({ kind: 'firmware-blob' } & FirmwareBlob)
  | { kind: 'tagged'; tags: TaggedEvent[] }
  | ({ kind: 'variable' } & LoggedVariable)
  | ({ kind: 'image-load' } & ImageLoad)
  | ({ kind: 'gpt' } & GptEvent)
  | ({ kind: 'handoff-tables' } & HandoffTables)
  | { kind: 'spdm'; event: SpdmEvent }
  /** Nothing is known of the data's form. */
  | { kind: 'bytes'; bytes: Uint8Array }
  /** The data hasn't the form that its type asks for. */
  | { kind: 'malformed'; reason: string; bytes: Uint8Array }

type Decoder = (data: Uint8Array) => DecodedEvent

const DECODERS: ReadonlyMap<number, Decoder> = new Map<number, Decoder>([
  [EV.EV_NO_ACTION, noAction],
  [EV.EV_POST_CODE, code],
  [EV.EV_POST_CODE2, code],
  [EV.EV_S_CRTM_CONTENTS, code],
  [EV.EV_EFI_PLATFORM_FIRMWARE_BLOB, code],
  [EV.EV_EFI_PLATFORM_FIRMWARE_BLOB2, code],
  [EV.EV_SEPARATOR, separator],
  [EV.EV_EVENT_TAG, (data) => ({ kind: 'tagged', tags: readTaggedEvents(data) })],
  [EV.EV_S_CRTM_VERSION, version],
  [EV.EV_ACTION, text],
  [EV.EV_EFI_ACTION, text],
  [EV.EV_CPU_MICROCODE, text],
  [EV.EV_PLATFORM_CONFIG_FLAGS, text],
  [EV.EV_TABLE_OF_DEVICES, text],
  [EV.EV_COMPACT_HASH, text],
  [EV.EV_IPL, text],
  [EV.EV_IPL_PARTITION_DATA, text],
  [EV.EV_NONHOST_CODE, text],
  [EV.EV_NONHOST_CONFIG, text],
  [EV.EV_NONHOST_INFO, text],
  [EV.EV_OMIT_BOOT_DEVICE_EVENTS, text],
  [EV.EV_EFI_HCRTM_EVENT, text],
  [EV.EV_EFI_VARIABLE_DRIVER_CONFIG, variable],
  [EV.EV_EFI_VARIABLE_BOOT, variable],
  [EV.EV_EFI_VARIABLE_BOOT2, variable],
  [EV.EV_EFI_SPDM_DEVICE_POLICY, variable],
  [EV.EV_EFI_VARIABLE_AUTHORITY, authority],
  [EV.EV_EFI_SPDM_DEVICE_AUTHORITY, authority],
  [EV.EV_EFI_BOOT_SERVICES_APPLICATION, imageLoad],
  [EV.EV_EFI_BOOT_SERVICES_DRIVER, imageLoad],
  [EV.EV_EFI_RUNTIME_SERVICES_DRIVER, imageLoad],
  [EV.EV_EFI_GPT_EVENT, (data) => ({ kind: 'gpt', ...readGpt(data) })],
  [EV.EV_EFI_GPT_EVENT2, (data) => ({ kind: 'gpt', ...readGpt(data) })],
  [EV.EV_EFI_HANDOFF_TABLES, (data) => ({ kind: 'handoff-tables', ...readHandoffTables(data, false) })],
  [EV.EV_EFI_HANDOFF_TABLES2, (data) => ({ kind: 'handoff-tables', ...readHandoffTables(data, true) })],
  [EV.EV_EFI_SPDM_FIRMWARE_BLOB, (data) => ({ kind: 'spdm', event: readSpdmEvent(data) })],
  [EV.EV_EFI_SPDM_FIRMWARE_CONFIG, (data) => ({ kind: 'spdm', event: readSpdmEvent(data) })],
])

/**
 * The event's data in readable form, by its type (TCG PC Client Platform Firmware Profile 1.06, section 10.4.1). Never throws: data of another form is
 * `malformed`, data of unknown form `bytes`. The type is not authenticated and the data only in part: see `digestCoversData` before relying on either.
 *
 * @example
 * const decoded = decodeEvent(event)
 * decoded.kind === 'variable' && [decoded.name, decoded.value] // → ['SecureBoot', { kind: 'boolean', value: true }]
 */
export function decodeEvent(event: EventRecord): DecodedEvent {
  const { type, data } = event
  const decoder = DECODERS.get(type)
  if (decoder === undefined) return bytesOf(data)
  try {
    return decoder(data)
  } catch (error) {
    if (error instanceof TpmError) return { kind: 'malformed', reason: error.message, bytes: data }
    throw error
  }
}

function bytesOf(bytes: Uint8Array): DecodedEvent {
  return { kind: 'bytes', bytes }
}

function textOf(data: Uint8Array): DecodedEvent | undefined {
  const guess = guessText(data)
  return guess && { kind: 'text', ...guess }
}

function text(data: Uint8Array): DecodedEvent {
  return textOf(data) ?? bytesOf(data)
}

function noAction(data: Uint8Array): DecodedEvent {
  const specId = readSpecId(data, 0)
  return specId === undefined ? (readNoAction(data) ?? text(data)) : { kind: 'spec-id', ...specId }
}

function separator(data: Uint8Array): DecodedEvent {
  if (data.length !== 4) return text(data)
  const value = new LogReader(data).u32('separator')
  return { kind: 'separator', value, meaning: value === 0 || value === 0xffffffff ? 'normal' : value === 1 ? 'error' : 'other' }
}

/** Code in memory: firmware logs its name (`POST CODE`), its place, or both, whatever the type asks for. */
function code(data: Uint8Array): DecodedEvent {
  const name = textOf(data)
  if (name !== undefined) return name
  if (data.length === 16) return { kind: 'firmware-blob', ...readFirmwareBlob(data) }
  return { kind: 'firmware-blob', ...readFirmwareBlob2(data) }
}

/** Text, mostly UTF-16, an empty one too; or a GUID. */
function version(data: Uint8Array): DecodedEvent {
  if (data.length > 0 && data.length < 16 && data.every((byte) => byte === 0)) return { kind: 'text', text: '', encoding: 'utf-16le' }
  return textOf(data) ?? (data.length === 16 ? { kind: 'guid', guid: namedGuid(guidText(data)) } : bytesOf(data))
}

function variable(data: Uint8Array): DecodedEvent {
  return { kind: 'variable', ...readVariable(data, false) }
}

function authority(data: Uint8Array): DecodedEvent {
  return { kind: 'variable', ...readVariable(data, true) }
}

function imageLoad(data: Uint8Array): DecodedEvent {
  return { kind: 'image-load', ...readImageLoad(data) }
}
