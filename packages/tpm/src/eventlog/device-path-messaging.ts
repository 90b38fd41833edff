import type { LogReader } from '../log-reader.ts'
import { vendorNode } from './device-path-hardware.ts'
import type { NodeText } from './device-path-hardware.ts'
import { guidText } from './guid.ts'
import { asciiField, hexNumber, printableUtf8, utf16Text, withoutNuls } from './text.ts'

/** A node of the given fields, all in hex. */
function numbers(name: string, ...sizes: ('u8' | 'u16' | 'u32' | 'u64')[]): NodeText {
  return (body) => `${name}(${sizes.map((size) => hexNumber(body[size](name))).join(',')})`
}

/** Messaging nodes by subtype (UEFI 2.10, section 10.3.4). */
export const MESSAGING_NODES: Readonly<Record<number, NodeText>> = {
  1: (body) => {
    const [secondary, slave] = [body.u8('PrimarySecondary'), body.u8('SlaveMaster')]
    return `Ata(${secondary === 1 ? 'Secondary' : 'Primary'},${slave === 1 ? 'Slave' : 'Master'},${hexNumber(body.u16('LUN'))})`
  },
  2: numbers('Scsi', 'u16', 'u16'),
  3: (body) => {
    body.u32('Reserved')
    return numbers('Fibre', 'u64', 'u64')(body)
  },
  4: (body) => {
    body.u32('Reserved')
    return `I1394(${body.u64('GUID').toString(16).padStart(16, '0')})`
  },
  5: numbers('USB', 'u8', 'u8'),
  6: numbers('I2O', 'u32'),
  9: (body) => {
    const flags = hexNumber(body.u32('ResourceFlags'))
    const gid = guidText(body.bytes(16, 'PortGID'))
    const [service, target, device] = [body.u64('ServiceId'), body.u64('TargetPortId'), body.u64('DeviceId')].map((id) => hexNumber(id))
    return `Infiniband(${flags},${gid},${service},${target},${device})`
  },
  10: vendorNode('VenMsg'),
  11: (body) => {
    const address = body.bytes(32, 'MacAddress')
    const type = body.u8('IfType')
    // Ethernet and "other" addresses have 6 bytes; the field has room for 32.
    return `MAC(${(type <= 1 ? address.subarray(0, 6) : address).toHex()},${hexNumber(type)})`
  },
  12: ipv4,
  13: ipv6,
  14: (body) => {
    body.u32('Reserved')
    const [baud, bits, parity, stop] = [body.u64('BaudRate'), body.u8('DataBits'), body.u8('Parity'), body.u8('StopBits')]
    const parityText = 'DNEOMS'[parity] ?? 'x'
    const stopText = ['D', '1', '1.5', '2'][stop] ?? 'x'
    return `Uart(${baud === 0n ? 'DEFAULT' : baud},${bits === 0 ? 'DEFAULT' : bits},${parityText},${stopText})`
  },
  15: numbers('UsbClass', 'u16', 'u16', 'u8', 'u8', 'u8'),
  16: (body) => {
    const [face, vendor, product] = [body.u16('InterfaceNumber'), body.u16('VendorId'), body.u16('ProductId')]
    return `UsbWwid(${hexNumber(vendor)},${hexNumber(product)},${hexNumber(face)},"${utf16Text(body.rest())}")`
  },
  17: numbers('Unit', 'u8'),
  18: numbers('Sata', 'u16', 'u16', 'u16'),
  19: iscsi,
  20: (body) => `Vlan(${body.u16('VlanId')})`,
  21: (body) => {
    body.u32('Reserved')
    return `FibreEx(0x${body.bytes(8, 'WWN').toHex()},0x${body.bytes(8, 'LUN').toHex()})`
  },
  22: (body) => {
    const [address, lun] = [body.bytes(8, 'SasAddress').toHex(), body.bytes(8, 'LUN').toHex()]
    const topology = body.u16('DeviceTopology')
    return `SasEx(0x${address},0x${lun},${hexNumber(body.u16('RelativeTargetPort'))},${sasTopology(topology)})`
  },
  23: (body) => {
    const namespace = hexNumber(body.u32('NamespaceId'))
    const eui = [...body.bytes(8, 'EUI-64')].reverse().map((byte) => byte.toString(16).padStart(2, '0'))
    return `NVMe(${namespace},${eui.join('-')})`
  },
  24: (body) => `Uri(${textOrHex(body.rest())})`,
  25: numbers('UFS', 'u8', 'u8'),
  26: numbers('SD', 'u8'),
  27: (body) => `Bluetooth(${body.bytes(6, 'BD_ADDR').toHex()})`,
  28: (body) => `Wi-Fi(${textOrHex(withoutNuls(body.bytes(32, 'SSID')))})`,
  29: numbers('eMMC', 'u8'),
  30: (body) => `BluetoothLE(${body.bytes(6, 'BD_ADDR').toHex()},${hexNumber(body.u8('AddressType'), 2)})`,
  31: (body) => {
    const isIpv6 = body.u8('IsIPv6') === 1
    const servers: string[] = []
    while (body.remaining > 0) {
      const address = body.bytes(16, 'DNS server')
      servers.push(isIpv6 ? ipv6Text(address) : ipv4Text(address.subarray(0, 4)))
    }
    return `Dns(${servers.join(',')})`
  },
  32: (body) => `NvdimmNs(${guidText(body.bytes(16, 'UUID'))})`,
  33: numbers('RestService', 'u8', 'u8'),
  34: (body) => {
    const [type, id] = [body.u8('NIDT'), body.bytes(16, 'NID')]
    return `NVMEoF(${textOrHex(withoutNuls(body.rest()))},${hexNumber(type)},${id.toHex()})`
  },
}

function ipv4(body: LogReader): string {
  const [local, remote] = [ipv4Text(body.bytes(4, 'LocalIPAddress')), ipv4Text(body.bytes(4, 'RemoteIPAddress'))]
  body.bytes(4, 'ports')
  const protocol = protocolText(body.u16('Protocol'))
  const origin = body.u8('StaticIPAddress') === 0 ? 'DHCP' : 'Static'
  // Nodes from before UEFI 2.3 end here.
  const network = body.remaining === 0 ? [] : [ipv4Text(body.bytes(4, 'GatewayIPAddress')), ipv4Text(body.bytes(4, 'SubnetMask'))]
  return `IPv4(${[remote, protocol, origin, local, ...network].join(',')})`
}

function ipv6(body: LogReader): string {
  const [local, remote] = [ipv6Text(body.bytes(16, 'LocalIPAddress')), ipv6Text(body.bytes(16, 'RemoteIPAddress'))]
  body.bytes(4, 'ports')
  const protocol = protocolText(body.u16('Protocol'))
  const origin = ['Static', 'StatelessAutoConfigure'][body.u8('IPAddressOrigin')] ?? 'StatefulAutoConfigure'
  const network = body.remaining === 0 ? [] : [hexNumber(body.u8('PrefixLength')), ipv6Text(body.bytes(16, 'GatewayIPAddress'))]
  return `IPv6(${[remote, protocol, origin, local, ...network].join(',')})`
}

function iscsi(body: LogReader): string {
  const protocol = body.u16('Protocol') === 0 ? 'TCP' : 'reserved'
  const options = body.u16('Options')
  const lun = body.bytes(8, 'LUN').toHex()
  const group = hexNumber(body.u16('TargetPortalGroup'))
  const digest = (shift: number) => (((options >>> shift) & 3) === 2 ? 'CRC32C' : 'None')
  const authentication = (options & 0x0800) !== 0 ? 'None' : (options & 0x1000) !== 0 ? 'CHAP_UNI' : 'CHAP_BI'
  return `iSCSI(${[asciiField(body), group, `0x${lun}`, digest(0), digest(2), authentication, protocol].join(',')})`
}

/** UEFI 2.10, table "Device topology": low four bits say how much of the rest counts. */
function sasTopology(topology: number): string {
  const kind = topology & 0x0f
  if (kind === 0) return 'NoTopology,0,0,0'
  if (kind > 2) return `${hexNumber(topology)},0,0,0`
  const device = (topology & 0x10) === 0 ? 'SAS' : 'SATA'
  const place = (topology & 0x20) === 0 ? 'Internal' : 'External'
  const connection = (topology & 0x40) === 0 ? 'Direct' : 'Expanded'
  const bay = kind === 1 ? '0' : hexNumber((topology >>> 8) + 1)
  return [device, place, connection, bay].join(',')
}

function protocolText(protocol: number): string {
  return protocol === 6 ? 'TCP' : protocol === 17 ? 'UDP' : hexNumber(protocol)
}

function ipv4Text(bytes: Uint8Array): string {
  return bytes.join('.')
}

function ipv6Text(bytes: Uint8Array): string {
  return bytes.toHex().replace(/(....)(?!$)/g, '$1:')
}

function textOrHex(bytes: Uint8Array): string {
  return printableUtf8(bytes) ?? bytes.toHex()
}
