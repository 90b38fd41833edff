import { TpmError } from '../error.ts'
import { LogReader } from '../log-reader.ts'
import { ACPI_NODES, HARDWARE_NODES } from './device-path-hardware.ts'
import type { NodeText } from './device-path-hardware.ts'
import { BIOS_NODES, MEDIA_NODES } from './device-path-media.ts'
import { MESSAGING_NODES } from './device-path-messaging.ts'

/** By node type (UEFI 2.10, table "Generic device path node structure"). */
const NODES: Readonly<Record<number, Readonly<Record<number, NodeText>>>> = {
  1: HARDWARE_NODES,
  2: ACPI_NODES,
  3: MESSAGING_NODES,
  4: MEDIA_NODES,
  5: BIOS_NODES,
}
const END = 0x7f
const END_INSTANCE = 0x01

/** Paths have a dozen nodes and some hundred bytes; more than this are refused. */
const MAX_NODES = 256
const MAX_BYTES = 64 * 1024

/**
 * The texts of the device paths in `bytes`, which stand one after the other; a path that the bytes cut off counts as ended. The form is that of UEFI 2.10,
 * section 10.6 "EFI device path display format", with hex in lower case: `PciRoot(0x0)/Pci(0x17,0x0)/Sata(0x0,0xffff,0x0)/HD(1,GPT,…,0x800,0x100000)/\EFI\BOOT\BOOTX64.EFI`.
 * Nodes of unknown types, and those whose body is too short, become `Path(type,subtype,hex)`. Throws TpmError where a node's length is impossible.
 */
export function devicePathTexts(bytes: Uint8Array): string[] {
  if (bytes.length > MAX_BYTES) throw new TpmError(`device path: more than ${MAX_BYTES} bytes`, { field: 'device path' })
  const reader = new LogReader(bytes)
  const paths: string[] = []
  let text = ''
  let isOpen = false
  for (let count = 0; reader.remaining > 0; count++) {
    const at = reader.offset
    if (count === MAX_NODES) throw new TpmError(`device path: more than ${MAX_NODES} nodes`, { field: 'device path', offset: at })
    const type = reader.u8('device path type')
    const subtype = reader.u8('device path subtype')
    const length = reader.u16('device path length')
    if (length < 4) throw new TpmError(`device path length: ${length} bytes for a node`, { field: 'device path length', offset: at })
    const body = reader.bytes(length - 4, 'device path node')
    if (type !== END) {
      text += `${text === '' || text.endsWith(',') ? '' : '/'}${nodeText(type, subtype, body)}`
      isOpen = true
    } else if (subtype === END_INSTANCE) {
      text += ','
    } else {
      paths.push(text)
      text = ''
      isOpen = false
    }
  }
  return isOpen ? [...paths, text] : paths
}

function nodeText(type: number, subtype: number, body: Uint8Array): string {
  const generic = `Path(${[type, subtype, ...(body.length > 0 ? [body.toHex()] : [])].join(',')})`
  try {
    return NODES[type]?.[subtype]?.(new LogReader(body)) ?? generic
  } catch (error) {
    if (error instanceof TpmError) return generic
    throw error
  }
}
