import { vendorNode } from './device-path-hardware.ts'
import type { NodeText } from './device-path-hardware.ts'
import { guidText } from './guid.ts'
import { asciiField, hexNumber, utf16Text } from './text.ts'

/** Media nodes by subtype (UEFI 2.10, section 10.3.5). */
export const MEDIA_NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const number = body.u32('PartitionNumber')
    const extent = [hexNumber(body.u64('PartitionStart')), hexNumber(body.u64('PartitionSize'))].join(',')
    const signature = body.bytes(16, 'PartitionSignature')
    body.u8('PartitionFormat')
    const type = body.u8('SignatureType')
    if (type === 2) return `HD(${number},GPT,${guidText(signature)},${extent})`
    if (type === 1) return `HD(${number},MBR,0x${signature.slice(0, 4).reverse().toHex()},${extent})`
    return `HD(${number},${type},${type === 0 ? '0' : signature.toHex()},${extent})`
  },
  2: (body) =>
    `CDROM(${hexNumber(body.u32('BootEntry'))},${hexNumber(body.u64('PartitionStart'))},${hexNumber(body.u64('PartitionSize'))})`,
  3: vendorNode('VenMedia'),
  4: (body) => utf16Text(body.rest()),
  5: (body) => `Media(${guidText(body.bytes(16, 'ProtocolGUID'))})`,
  6: (body) => `FvFile(${guidText(body.bytes(16, 'FileName'))})`,
  7: (body) => `Fv(${guidText(body.bytes(16, 'VolumeName'))})`,
  8: (body) => {
    body.u32('Reserved')
    return `Offset(${hexNumber(body.u64('StartingOffset'))},${hexNumber(body.u64('EndingOffset'))})`
  },
  9: (body) => {
    const [start, end] = [hexNumber(body.u64('StartingAddress')), hexNumber(body.u64('EndingAddress'))]
    const type = guidText(body.bytes(16, 'DiskType'))
    const instance = body.u16('Instance')
    const name = DISK_TYPES[type]
    return name === undefined ? `RamDisk(${start},${end},${instance},${type})` : `${name}(${start},${end},${instance})`
  },
}

/** Types of RAM disks (UEFI 2.10, section 10.3.5.9). */
const DISK_TYPES: Readonly<Record<string, string>> = {
  '77ab535a-45fc-624b-5560-f7b281d1f96e': 'VirtualDisk',
  '3d5abd30-4175-87ce-6d64-d2ade523c4bb': 'VirtualCD',
  '5cea02c9-4d07-69d3-269f-4496fbe096f9': 'PersistentVirtualDisk',
  '08018188-42cd-bb48-100f-5387d53ded3d': 'PersistentVirtualCD',
}

const BBS_TYPES: Readonly<Record<number, string>> = { 1: 'Floppy', 2: 'HD', 3: 'CDROM', 4: 'PCMCIA', 5: 'USB', 6: 'Network' }

/** BIOS Boot Specification nodes by subtype (UEFI 2.10, section 10.3.6). */
export const BIOS_NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const type = body.u16('DeviceType')
    const status = body.u16('StatusFlag')
    return `BBS(${BBS_TYPES[type] ?? hexNumber(type)},${asciiField(body)},${hexNumber(status)})`
  },
}
