import { TpmError } from '../error.ts'
import { LogReader } from '../log-reader.ts'
import { devicePathTexts } from './device-path.ts'
import { readGuid } from './guid.ts'
import type { Guid } from './guid.ts'
import { hexNumber, printableUtf8 } from './text.ts'

// What the firmware logs about itself and what it starts: PC Client Platform Firmware Profile 1.06, section 10.2 "Event data structures".

/** UEFI_PLATFORM_FIRMWARE_BLOB, or BLOB2 with a description: code in memory, by physical address. */
export type FirmwareBlob = { description?: string; base: bigint; length: bigint }

/** UEFI_HANDOFF_TABLE_POINTERS, or POINTERS2 with a description. */
export type HandoffTables = { description?: string; tables: { table: Guid; address: bigint }[] }

/** UEFI_IMAGE_LOAD_EVENT. `trailing`: bytes after it, which versions of shim until 2021 logged instead of a device path. */
export type ImageLoad = {
  location: bigint
  length: bigint
  linkTimeAddress: bigint
  devicePath: string
  devicePathBytes: Uint8Array
  trailing?: Uint8Array
}

/** TCG_PCClientTaggedEvent. */
export type TaggedEvent = { id: number; name?: string; data: Uint8Array; text?: string }

const MAX_TABLES = 1024
const MAX_TAGS = 1024

/** Ids of tagged events from boot loaders. Sources: Linux (EFI stub), systemd (sd-boot, sd-stub). */
const TAGS: Readonly<Record<number, string>> = {
  0x8f3b22ec: 'Linux initrd',
  0x8f3b22ed: 'Linux load options',
  0xf5bc582a: 'systemd loader.conf',
  0x6c46f751: 'systemd devicetree addon',
  0x49dffe0f: 'systemd initrd addon',
  0xdac08e1a: 'systemd microcode addon',
  0x13aed6db: 'systemd UKI profile',
}

export function readFirmwareBlob(data: Uint8Array): FirmwareBlob {
  const reader = new LogReader(data)
  const blob = { base: reader.u64('BlobBase'), length: reader.u64('BlobLength') }
  reader.expectEnd('UEFI_PLATFORM_FIRMWARE_BLOB')
  return blob
}

export function readFirmwareBlob2(data: Uint8Array): FirmwareBlob {
  const reader = new LogReader(data)
  const description = readDescription(reader, 'BlobDescription')
  const blob = { description, base: reader.u64('BlobBase'), length: reader.u64('BlobLength') }
  reader.expectEnd('UEFI_PLATFORM_FIRMWARE_BLOB2')
  return blob
}

export function readHandoffTables(data: Uint8Array, withDescription: boolean): HandoffTables {
  const reader = new LogReader(data)
  const description = withDescription ? readDescription(reader, 'TableDescription') : undefined
  const at = reader.offset
  const count = reader.u64('NumberOfTables')
  if (count > MAX_TABLES) throw new TpmError(`NumberOfTables: ${count}, more than ${MAX_TABLES}`, { field: 'NumberOfTables', offset: at })
  const tables: HandoffTables['tables'] = []
  for (let i = 0; i < count; i++) tables.push({ table: readGuid(reader, 'VendorGuid'), address: reader.u64('VendorTable') })
  reader.expectEnd('UEFI_HANDOFF_TABLE_POINTERS')
  return { ...(description !== undefined && { description }), tables }
}

export function readImageLoad(data: Uint8Array): ImageLoad {
  const reader = new LogReader(data)
  const location = reader.u64('ImageLocationInMemory')
  const length = reader.u64('ImageLengthInMemory')
  const linkTimeAddress = reader.u64('ImageLinkTimeAddress')
  const devicePathBytes = reader.bytes(reader.u64('LengthOfDevicePath'), 'DevicePath')
  const at = reader.offset - devicePathBytes.length
  const trailing = reader.rest()
  const [devicePath = '', ...others] = devicePathTexts(devicePathBytes)
  if (others.length > 0) throw new TpmError('DevicePath: more than one path', { field: 'DevicePath', offset: at })
  return { location, length, linkTimeAddress, devicePath, devicePathBytes, ...(trailing.length > 0 && { trailing }) }
}

/** One tagged event as in the profile, or several one after the other, as Windows logs them. */
export function readTaggedEvents(data: Uint8Array): TaggedEvent[] {
  const reader = new LogReader(data)
  const tags: TaggedEvent[] = []
  do {
    const at = reader.offset
    if (tags.length === MAX_TAGS) throw new TpmError(`tagged events: more than ${MAX_TAGS}`, { field: 'taggedEventID', offset: at })
    const id = reader.u32('taggedEventID')
    const body = reader.bytes(reader.u32('taggedEventDataSize'), 'taggedEventData')
    const name = TAGS[id]
    const text = printableUtf8(body)
    tags.push({ id, ...(name !== undefined && { name }), data: body, ...(text !== undefined && { text }) })
  } while (reader.remaining > 0)
  return tags
}

/** One byte of length, then text; hex numbers stand for what isn't printable. */
export function readDescription(reader: LogReader, field: string): string {
  const bytes = reader.bytes(reader.u8(`${field}Size`), field)
  return printableUtf8(bytes) ?? [...bytes].map((byte) => hexNumber(byte, 2)).join(' ')
}
