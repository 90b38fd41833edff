import { TpmError } from '../error.ts'
import { LogReader } from '../log-reader.ts'
import { readGuid } from './guid.ts'
import type { Guid } from './guid.ts'
import { utf16Text } from './text.ts'

export type GptPartition = { type: Guid; guid: string; startLba: bigint; endLba: bigint; attributes: bigint; name: string }

/** UEFI_GPT_DATA: the header of the partition table of the disk that was booted, and its partitions in use. */
export type GptEvent = {
  revision: number
  headerSize: number
  headerCrc32: number
  lba: bigint
  alternateLba: bigint
  firstUsableLba: bigint
  lastUsableLba: bigint
  /** Zeros in EV_EFI_GPT_EVENT2, as are the partitions' own GUIDs. */
  diskGuid: string
  entriesLba: bigint
  /** Of the whole table; those in use are in `partitions`. */
  entryCount: number
  entrySize: number
  entriesCrc32: number
  partitions: GptPartition[]
}

/** Tables have room for 128 partitions by custom. */
const MAX_PARTITIONS = 1024
const ENTRY = 128

/**
 * Reads UEFI_GPT_DATA (PC Client Platform Firmware Profile 1.06, section 10.2.7; the structures in it: UEFI 2.10, section 5.3). The checksums are given, not
 * verified: the event doesn't hold all that they cover. Throws TpmError where sizes don't fit.
 */
export function readGpt(data: Uint8Array): GptEvent {
  const reader = new LogReader(data)
  const signature = Buffer.from(reader.bytes(8, 'Signature')).toString('latin1')
  if (signature !== 'EFI PART') throw new TpmError('Signature: not that of a GPT header', { field: 'Signature', offset: 0 })
  const [revision, headerSize, headerCrc32] = [reader.u32('Revision'), reader.u32('HeaderSize'), reader.u32('HeaderCRC32')]
  reader.u32('Reserved')
  const [lba, alternateLba] = [reader.u64('MyLBA'), reader.u64('AlternateLBA')]
  const [firstUsableLba, lastUsableLba] = [reader.u64('FirstUsableLBA'), reader.u64('LastUsableLBA')]
  const diskGuid = readGuid(reader, 'DiskGUID').guid
  const entriesLba = reader.u64('PartitionEntryLBA')
  const [entryCount, entrySize] = [reader.u32('NumberOfPartitionEntries'), reader.u32('SizeOfPartitionEntry')]
  const entriesCrc32 = reader.u32('PartitionEntryArrayCRC32')
  const at = reader.offset
  const count = reader.u64('NumberOfPartitions')
  if (count > MAX_PARTITIONS || (count > 0 && entrySize < ENTRY))
    throw new TpmError(`NumberOfPartitions: ${count} of ${entrySize} bytes`, { field: 'NumberOfPartitions', offset: at })
  const partitions: GptPartition[] = []
  for (let i = 0; i < count; i++) partitions.push(readPartition(reader.part(entrySize, 'Partitions')))
  reader.expectEnd('UEFI_GPT_DATA')
  return {
    ...{ revision, headerSize, headerCrc32, lba, alternateLba, firstUsableLba, lastUsableLba },
    ...{ diskGuid, entriesLba, entryCount, entrySize, entriesCrc32, partitions },
  }
}

function readPartition(reader: LogReader): GptPartition {
  const type = readGuid(reader, 'PartitionTypeGUID')
  const { guid } = readGuid(reader, 'UniquePartitionGUID')
  const [startLba, endLba, attributes] = [reader.u64('StartingLBA'), reader.u64('EndingLBA'), reader.u64('Attributes')]
  return { type, guid, startLba, endLba, attributes, name: utf16Text(reader.bytes(72, 'PartitionName')) }
}
