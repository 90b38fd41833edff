import type { LogReader } from '../log-reader.ts'
import { guidText } from './guid.ts'
import { asciiField, hexNumber } from './text.ts'

/** Writes one node of a device path from its body. Throws TpmError where the body is too short. */
export type NodeText = (body: LogReader) => string

/** `Name(guid)` or `Name(guid,data)`, the form of all vendor-defined nodes. */
export function vendorNode(name: string): NodeText {
  return (body) => {
    const guid = guidText(body.bytes(16, 'GUID'))
    return body.remaining === 0 ? `${name}(${guid})` : `${name}(${guid},${body.rest().toHex()})`
  }
}

/** Hardware nodes by subtype (UEFI 2.10, section 10.3.2). */
export const HARDWARE_NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const func = body.u8('Function')
    return `Pci(${hexNumber(body.u8('Device'))},${hexNumber(func)})`
  },
  2: (body) => `PcCard(${hexNumber(body.u8('Function'))})`,
  3: (body) =>
    `MemoryMapped(${hexNumber(body.u32('MemoryType'))},${hexNumber(body.u64('StartAddress'))},${hexNumber(body.u64('EndAddress'))})`,
  4: vendorNode('VenHw'),
  5: (body) => `Ctrl(${hexNumber(body.u32('ControllerNumber'))})`,
  6: (body) => `BMC(${hexNumber(body.u8('InterfaceType'))},${hexNumber(body.u64('BaseAddress'))})`,
}

/** ACPI nodes by subtype (UEFI 2.10, section 10.3.3). */
export const ACPI_NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const hid = body.u32('HID')
    const uid = hexNumber(body.u32('UID'))
    if (!isPnp(hid)) return `Acpi(${hexNumber(hid, 8)},${uid})`
    const shortcut = PNP_NAMES[hid >>> 16]
    return shortcut === undefined ? `Acpi(${eisaId(hid)},${uid})` : `${shortcut}(${uid})`
  },
  2: (body) => {
    const [hid, uid, cid] = [body.u32('HID'), body.u32('UID'), body.u32('CID')]
    const [hidText, uidText, cidText] = [asciiField(body), asciiField(body), asciiField(body)]
    return `AcpiEx(${eisaId(hid)},${eisaId(cid)},${hexNumber(uid)},${hidText},${cidText},${uidText})`
  },
  3: (body) => {
    const addresses = [hexNumber(body.u32('ADR'))]
    while (body.remaining > 0) addresses.push(hexNumber(body.u32('ADR')))
    return `AcpiAdr(${addresses.join(',')})`
  },
  4: (body) => `NvdimmAcpiAdr(${hexNumber(body.u32('NFITDeviceHandle'))})`,
}

/** Plug-and-play devices that have a short form (UEFI 2.10, table "Device node table"). */
const PNP_NAMES: Readonly<Record<number, string>> = {
  0x0a03: 'PciRoot',
  0x0a08: 'PcieRoot',
  0x0604: 'Floppy',
  0x0301: 'Keyboard',
  0x0501: 'Serial',
  0x0401: 'ParallelPort',
}

/** `PNP` in compressed EISA form. */
function isPnp(id: number): boolean {
  return (id & 0xffff) === 0x41d0
}

/** A compressed EISA id as text: three letters of five bits, four hex digits. 0 stands for "none". */
function eisaId(id: number): string {
  if (id === 0) return '0'
  const letters = [10, 5, 0].map((shift) => String.fromCharCode(0x40 + ((id >>> shift) & 0x1f))).join('')
  return /^[A-Z]{3}$/.test(letters) ? `${letters}${(id >>> 16).toString(16).padStart(4, '0')}` : hexNumber(id, 8)
}
