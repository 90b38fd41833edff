/** Events of the boot log as policies see them: in the original's shapes (contract §8.4), decoded as specified. */
import { decodeEvent, type DecodedEvent, type EventRecord, type GptEvent, type GptPartition, type SpecId } from '@vouchsafe/tpm'
import { variableInput } from './boot-variables.ts'

type Json = { [name: string]: unknown }

/** The `event` of a record: its decoded data. */
export function eventInput(event: EventRecord): Json {
  return decodedInput(decodeEvent(event), event.data)
}

function decodedInput(decoded: DecodedEvent, data: Uint8Array): Json {
  switch (decoded.kind) {
    case 'spec-id':
      return { spec_id: specId(decoded) }
    case 'startup-locality':
      return { startup_locality: { signature: 'StartupLocality', locality: decoded.locality } }
    case 'separator':
      return { value: decoded.value.toString(16).padStart(8, '0') }
    case 'text':
      return { value: decoded.text }
    case 'guid':
      return { value: decoded.guid.guid }
    case 'firmware-blob':
      return {
        blob_base: number(decoded.base),
        blob_length: number(decoded.length),
        ...(decoded.description === undefined ? {} : { description: decoded.description }),
      }
    case 'tagged': {
      const tags = decoded.tags.map(({ id, data: body, text }) => ({
        tagged_event_id: `0x${id.toString(16).padStart(8, '0')}`,
        tagged_event_data_size: body.length,
        tagged_event_data: body.toHex(),
        ...(text === undefined ? {} : { text }),
      }))
      return tags.length === 1 ? tags[0]! : { tagged_events: tags }
    }
    case 'variable':
      return variableInput(decoded)
    case 'image-load':
      return {
        image_location_in_memory: number(decoded.location),
        image_length_in_memory: integer(decoded.length),
        image_link_time_address: number(decoded.linkTimeAddress),
        length_of_device_path: decoded.devicePathBytes.length,
        device_path: decoded.devicePath,
      }
    case 'gpt':
      return gpt(decoded)
    case 'handoff-tables':
      return {
        ...(decoded.description === undefined ? {} : { description: decoded.description }),
        tables: decoded.tables.map(({ table, address }) => ({ table: table.guid, address: number(address) })),
      }
    case 'malformed':
      return { value: data.toHex(), malformed: decoded.reason }
    default:
      return { value: data.toHex() }
  }
}

function specId({ signature, platformClass, specVersion, uintnSize, algorithms, vendorInfo }: SpecId): Json {
  return {
    signature,
    platform_class: platformClass,
    family_minor: specVersion.minor,
    family_major: specVersion.major,
    spec_version: specVersion.errata,
    uintn_size: uintnSize,
    algorithm_count: algorithms.length,
    digest_algorithms: algorithms.map(({ name, digestSize }) => ({ algorithm_id: name, digest_size: digestSize })),
    vendor_info_size: vendorInfo.length,
    ...(vendorInfo.length > 0 && { vendor_info: vendorInfo.toHex() }),
  }
}

function gpt(event: GptEvent): Json {
  return {
    uefi_partition_header: {
      signature: 'EFI PART',
      revision: `0x${event.revision.toString(16)}`,
      header_size: event.headerSize,
      header_crc32: `0x${event.headerCrc32.toString(16)}`,
      my_lba: number(event.lba),
      alternate_lba: number(event.alternateLba),
      first_usable_lba: number(event.firstUsableLba),
      last_usable_lba: number(event.lastUsableLba),
      disk_guid: event.diskGuid,
      partition_entries_lba: number(event.entriesLba),
      number_of_partition_entries: event.entryCount,
      size_of_partition_entry: event.entrySize,
      partition_entry_array_crc32: `0x${event.entriesCrc32.toString(16)}`,
    },
    number_of_partitions: event.partitions.length,
    partitions: event.partitions.map(partition),
  }
}

function partition({ type, guid, startLba, endLba, attributes, name }: GptPartition): Json {
  return {
    partition_type_guid: type.guid,
    unique_partition_guid: guid,
    starting_lba: number(startLba),
    ending_lba: number(endLba),
    attributes: number(attributes),
    partition_name: name,
  }
}

/** As the original writes addresses. */
function number(value: bigint): string {
  return `0x${value.toString(16)}`
}

/** A JSON number if it fits. */
function integer(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString()
}
