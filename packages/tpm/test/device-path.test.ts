// Device paths as text: UEFI 2.10, section 10.6, one case per node type.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ascii, eventLogWriter, guid, u16, u32, u64, u8, utf16 } from '@vouchsafe/testkit/event-log-writer'
import { PARTITION, endNode, file, gptDrive, imageLoad, node, pci, pciRoot, sata } from '@vouchsafe/testkit/uefi'
import { EVENT_TYPES as EV, decodeEvent, parseEventLog } from '../src/index.ts'

const GUID = '5023b95c-db26-429b-a648-bd47664c8012'
const bytes = (length: number, first = 1) => Buffer.from(Array.from({ length }, (_, i) => (first + i) & 0xff))

/** The text of the path of an image load event. */
function text(...nodes: Uint8Array[]): string {
  const log = parseEventLog(
    eventLogWriter()
      .event(4, EV.EV_EFI_BOOT_SERVICES_APPLICATION, imageLoad(...nodes))
      .bytes(),
  )
  const decoded = decodeEvent(log.events[1]!)
  assert.equal(
    decoded.kind,
    'image-load',
    JSON.stringify(decoded, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  )
  return decoded.kind === 'image-load' ? decoded.devicePath : ''
}

const NODES: [expected: string, node: Buffer][] = [
  ['Pci(0x1d,0x2)', node(1, 1, u8(2, 0x1d))],
  ['PcCard(0x1)', node(1, 2, u8(1))],
  ['MemoryMapped(0xb,0x830000,0x1affff)', node(1, 3, u32(11), u64(0x830000), u64(0x1affff))],
  [`VenHw(${GUID})`, node(1, 4, guid(GUID))],
  [`VenHw(${GUID},0102)`, node(1, 4, guid(GUID), bytes(2))],
  ['Ctrl(0x7)', node(1, 5, u32(7))],
  ['BMC(0x1,0xca2)', node(1, 6, u8(1), u64(0xca2))],
  ['PciRoot(0x3)', node(2, 1, u32(0x0a0341d0), u32(3))],
  ['PcieRoot(0x0)', node(2, 1, u32(0x0a0841d0), u32(0))],
  ['Floppy(0x0)', node(2, 1, u32(0x060441d0), u32(0))],
  ['Keyboard(0x0)', node(2, 1, u32(0x030141d0), u32(0))],
  ['Serial(0x1)', node(2, 1, u32(0x050141d0), u32(1))],
  ['ParallelPort(0x0)', node(2, 1, u32(0x040141d0), u32(0))],
  ['Acpi(PNP0c0a,0x1)', node(2, 1, u32(0x0c0a41d0), u32(1))],
  ['Acpi(0x12345678,0x1)', node(2, 1, u32(0x12345678), u32(1))],
  ['AcpiEx(PNP0a03,0,0x0,,,UID)', node(2, 2, u32(0x0a0341d0), u32(0), u32(0), ascii('\0UID\0\0'))],
  ['AcpiAdr(0x80010100,0x1)', node(2, 3, u32(0x80010100), u32(1))],
  ['NvdimmAcpiAdr(0x123)', node(2, 4, u32(0x123))],
  ['Ata(Secondary,Slave,0x0)', node(3, 1, u8(1, 1), u16(0))],
  ['Scsi(0x1,0x2)', node(3, 2, u16(1), u16(2))],
  ['Fibre(0x10,0x20)', node(3, 3, u32(0), u64(16), u64(32))],
  ['I1394(00000000000000ab)', node(3, 4, u32(0), u64(0xab))],
  ['USB(0xb,0x0)', node(3, 5, u8(11, 0))],
  ['I2O(0x5)', node(3, 6, u32(5))],
  [`Infiniband(0x1,${GUID},0x2,0x3,0x4)`, node(3, 9, u32(1), guid(GUID), u64(2), u64(3), u64(4))],
  [`VenMsg(${GUID},01)`, node(3, 10, guid(GUID), u8(1))],
  ['MAC(cc96e5401529,0x0)', node(3, 11, Buffer.from('cc96e5401529', 'hex'), Buffer.alloc(26), u8(0))],
  [`MAC(${bytes(32).toString('hex')},0x20)`, node(3, 11, bytes(32), u8(0x20))],
  [
    'IPv4(10.0.0.2,TCP,Static,10.0.0.1,10.0.0.254,255.255.255.0)',
    node(3, 12, u8(10, 0, 0, 1, 10, 0, 0, 2), u16(80), u16(81), u16(6), u8(1), u8(10, 0, 0, 254, 255, 255, 255, 0)),
  ],
  ['IPv4(10.0.0.2,UDP,DHCP,10.0.0.1)', node(3, 12, u8(10, 0, 0, 1, 10, 0, 0, 2), u16(0), u16(0), u16(17), u8(0))],
  [
    'IPv6(0002:0304:0506:0708:090a:0b0c:0d0e:0f10,0x1,StatelessAutoConfigure,0102:0304:0506:0708:090a:0b0c:0d0e:0f10,0x40,0000:0000:0000:0000:0000:0000:0000:0001)',
    node(3, 13, bytes(16), u8(0), bytes(15, 2), u16(0), u16(0), u16(1), u8(1), u8(64), Buffer.alloc(15), u8(1)),
  ],
  ['Uart(115200,8,N,1)', node(3, 14, u32(0), u64(115200), u8(8, 1, 1))],
  ['Uart(DEFAULT,DEFAULT,D,D)', node(3, 14, u32(0), u64(0), u8(0, 0, 0))],
  ['UsbClass(0x46d,0xc31c,0x3,0x1,0x1)', node(3, 15, u16(0x46d), u16(0xc31c), u8(3, 1, 1))],
  ['UsbWwid(0x781,0x5567,0x0,"4C53")', node(3, 16, u16(0), u16(0x781), u16(0x5567), utf16('4C53'))],
  ['Unit(0x2)', node(3, 17, u8(2))],
  ['Sata(0x2,0xffff,0x0)', sata(2)],
  [
    'iSCSI(iqn.2000-01.x:disk,0x1,0x0001000000000000,CRC32C,None,CHAP_BI,TCP)',
    node(3, 19, u16(0), u16(2), u8(0, 1, 0, 0, 0, 0, 0, 0), u16(1), ascii('iqn.2000-01.x:disk')),
  ],
  ['Vlan(42)', node(3, 20, u16(42))],
  ['FibreEx(0x0102030405060708,0x0000000000000001)', node(3, 21, u32(0), bytes(8), Buffer.alloc(7), u8(1))],
  [
    'SasEx(0x0102030405060708,0x0000000000000000,0x0,SATA,External,Expanded,0x4)',
    node(3, 22, bytes(8), Buffer.alloc(8), u16(0x0372), u16(0)),
  ],
  ['SasEx(0x0102030405060708,0x0000000000000000,0x1,NoTopology,0,0,0)', node(3, 22, bytes(8), Buffer.alloc(8), u16(0), u16(1))],
  ['NVMe(0x1,08-07-06-05-04-03-02-01)', node(3, 23, u32(1), bytes(8))],
  ['Uri(http://boot.example/x.efi)', node(3, 24, ascii('http://boot.example/x.efi'))],
  ['UFS(0x1,0x2)', node(3, 25, u8(1, 2))],
  ['SD(0x0)', node(3, 26, u8(0))],
  ['Bluetooth(010203040506)', node(3, 27, bytes(6))],
  ['Wi-Fi(office)', node(3, 28, ascii('office'.padEnd(32, '\0')))],
  ['eMMC(0x1)', node(3, 29, u8(1))],
  ['BluetoothLE(010203040506,0x01)', node(3, 30, bytes(6), u8(1))],
  ['Dns(9.9.9.9)', node(3, 31, u8(0), u8(9, 9, 9, 9), Buffer.alloc(12))],
  [`NvdimmNs(${GUID})`, node(3, 32, guid(GUID))],
  ['RestService(0x1,0x2)', node(3, 33, u8(1, 2))],
  ['NVMEoF(nqn.x,0x1,0102030405060708090a0b0c0d0e0f10)', node(3, 34, u8(1), bytes(16), ascii('nqn.x\0'))],
  [`HD(2,GPT,${PARTITION},0x800,0x219800)`, gptDrive(2)],
  ['HD(1,MBR,0x04030201,0x800,0x1000)', node(4, 1, u32(1), u64(0x800), u64(0x1000), bytes(4), Buffer.alloc(12), u8(1, 1))],
  ['HD(1,0,0,0x800,0x1000)', node(4, 1, u32(1), u64(0x800), u64(0x1000), Buffer.alloc(16), u8(1, 0))],
  ['CDROM(0x1,0x2b,0x1000)', node(4, 2, u32(1), u64(43), u64(4096))],
  [`VenMedia(${GUID})`, node(4, 3, guid(GUID))],
  ['\\EFI\\BOOT\\BOOTX64.EFI', file('\\EFI\\BOOT\\BOOTX64.EFI')],
  [`Media(${GUID})`, node(4, 5, guid(GUID))],
  [`FvFile(${GUID})`, node(4, 6, guid(GUID))],
  [`Fv(${GUID})`, node(4, 7, guid(GUID))],
  ['Offset(0x100,0x1ff)', node(4, 8, u32(0), u64(0x100), u64(0x1ff))],
  ['VirtualCD(0x1000,0x1fff,1)', node(4, 9, u64(0x1000), u64(0x1fff), guid('3d5abd30-4175-87ce-6d64-d2ade523c4bb'), u16(1))],
  [`RamDisk(0x1000,0x1fff,1,${GUID})`, node(4, 9, u64(0x1000), u64(0x1fff), guid(GUID), u16(1))],
  ['BBS(HD,disk,0x1)', node(5, 1, u16(2), u16(1), ascii('disk\0'))],
  ['Path(9,3,0102)', node(9, 3, bytes(2))],
  ['Path(3,99)', node(3, 99)],
]

for (const [expected, bytes] of NODES) test(`a node reads ${expected}`, () => assert.equal(text(bytes), expected))

test('a node whose body is too short is given in hex, and the path goes on', () => {
  assert.equal(text(node(1, 1, u8(1)), file('\\x.efi')), 'Path(1,1,01)/\\x.efi')
})

test('nodes are joined by slashes, instances by commas', () => {
  assert.equal(
    text(pciRoot, pci(0x17, 0), sata(2), gptDrive(1), file('\\a.efi')),
    `PciRoot(0x0)/Pci(0x17,0x0)/Sata(0x2,0xffff,0x0)/HD(1,GPT,${PARTITION},0x800,0x219800)/\\a.efi`,
  )
  assert.equal(text(pciRoot, node(0x7f, 1), pciRoot, pci(1, 0)), 'PciRoot(0x0),PciRoot(0x0)/Pci(0x1,0x0)')
})

test('impossible lengths, two paths and endless ones are malformed', () => {
  const kindOf = (path: Buffer) => {
    const data = Buffer.concat([u64(0), u64(0), u64(0), u64(path.length), path])
    return decodeEvent(parseEventLog(eventLogWriter().event(4, EV.EV_EFI_BOOT_SERVICES_DRIVER, data).bytes()).events[1]!).kind
  }
  assert.equal(kindOf(Buffer.concat([u8(1, 1), u16(3), endNode])), 'malformed')
  assert.equal(kindOf(Buffer.concat([u8(1, 1), u16(0xffff), endNode])), 'malformed')
  assert.equal(kindOf(Buffer.concat([pciRoot, endNode, pciRoot, endNode])), 'malformed')
  assert.equal(kindOf(Buffer.concat([...new Array<Buffer>(300).fill(pci(0, 0)), endNode])), 'malformed')
  assert.equal(kindOf(Buffer.concat([...new Array<Buffer>(3).fill(node(1, 4, bytes(0x8000))), endNode])), 'malformed')
  assert.equal(kindOf(pciRoot), 'image-load')
})
