// Structures of UEFI that boot logs hold, byte by byte.
import { ascii, guid, u16, u32, u64, u8, utf16 } from './event-log-writer.ts'

export const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
export const IMAGE_SECURITY = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
export const SHIM_LOCK = '605dab50-e046-4300-abb6-3dd810dd8b23'
export const CERT_X509 = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072'
export const CERT_SHA256 = 'c1c41626-504c-4092-aca9-41f936934328'
export const OWNER = '77fa9abd-0359-4d32-bd60-28f4e78f784b'
export const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'
export const DISK = '4d8ac251-fd4b-4404-856b-866b051d0fa1'
export const PARTITION = 'f1ddd167-f228-47ae-8bb8-310702474c7d'

/** A certificate of nobody: C=XX, O=Vouchsafe, CN=Example Platform Key, serial 0x1234, 2026 to 2100. */
export const CERTIFICATE = Buffer.from(
  'MIIBxTCCAWugAwIBAgICEjQwCgYIKoZIzj0EAwIwQDELMAkGA1UEBhMCWFgxEjAQBgNVBAoMCVZvdWNoc2FmZTEdMBsGA1UEAwwURXhhbXBsZSBQbGF0Zm9ybSBLZXkwIBcNMjYxMTIyMDkwNzMwWhgP' +
    'MjEwMDEwMjUwOTA3MzBaMEAxCzAJBgNVBAYTAlhYMRIwEAYDVQQKDAlWb3VjaHNhZmUxHTAbBgNVBAMMFEV4YW1wbGUgUGxhdGZvcm0gS2V5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERk1YlrR2' +
    'MaBwSbKpvNvQnyYMy3GdKlDeRXIestBEcReDBJnY2Z7pVyqOFSz4tffL0Rb+4eCWtia8ntmCEHGpoqNTMFEwHQYDVR0OBBYEFLnde6eNNiM/A7h2nOPZUDAOTLlfMB8GA1UdIwQYMBaAFLnde6eNNiM/' +
    'A7h2nOPZUDAOTLlfMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAOFLjv7hNJBTRHBOgzyFe/9ZWcfYQUIQY6PfHDoM4w+SAiBprp3R96asYqCZLolidXraBCs7wdPsGb0QqLZkee7HQQ==',
  'base64',
)

/** UEFI_VARIABLE_DATA. */
export function variable(vendor: string, name: string, data: Uint8Array): Buffer {
  return Buffer.concat([guid(vendor), u64(name.length), u64(data.length), utf16(name), data])
}

/** EFI_SIGNATURE_LIST; all signatures have one length. */
export function signatureList(type: string, signatures: readonly Uint8Array[], owner = OWNER): Buffer {
  const size = 16 + (signatures[0]?.length ?? 0)
  const body = signatures.flatMap((signature) => [guid(owner), signature])
  return Buffer.concat([guid(type), u32(28 + size * signatures.length), u32(0), u32(size), ...body])
}

/** EFI_SIGNATURE_DATA. */
export function signature(data: Uint8Array, owner = OWNER): Buffer {
  return Buffer.concat([guid(owner), data])
}

/** A node of a device path. */
export function node(type: number, subtype: number, ...body: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(body)
  return Buffer.concat([u8(type, subtype), u16(4 + bytes.length), bytes])
}

export const endNode = node(0x7f, 0xff)
export const pciRoot = node(2, 1, u32(0x0a0341d0), u32(0))
export const pci = (device: number, fun: number) => node(1, 1, u8(fun, device))
export const sata = (port: number) => node(3, 18, u16(port), u16(0xffff), u16(0))
export const gptDrive = (number: number) => node(4, 1, u32(number), u64(0x800), u64(0x219800), guid(PARTITION), u8(2, 2))
export const file = (path: string) => node(4, 4, utf16(`${path}\0`))

/** UEFI_IMAGE_LOAD_EVENT. */
export function imageLoad(...nodes: Uint8Array[]): Buffer {
  const path = Buffer.concat([...nodes, endNode])
  return Buffer.concat([u64(0x61052018), u64(966_664), u64(0), u64(path.length), path])
}

/** EFI_LOAD_OPTION. */
export function loadOption(description: string, nodes: readonly Uint8Array[], optionalData: Uint8Array = Buffer.alloc(0)): Buffer {
  const path = Buffer.concat([...nodes, endNode])
  return Buffer.concat([u32(1), u16(path.length), utf16(`${description}\0`), path, optionalData])
}

export interface Partition {
  type: string
  guid: string
  start: number
  end: number
  name: string
}

/** UEFI_GPT_DATA. */
export function gpt(partitions: readonly Partition[]): Buffer {
  const header = [ascii('EFI PART'), u32(0x10000), u32(92), u32(0xa6e2644c), u32(0), u64(1), u64(0x3a3812aaf), u64(0x800), u64(0x3a3812a8e)]
  const entries = partitions.map(({ type, guid: own, start, end, name }) =>
    Buffer.concat([guid(type), guid(own), u64(start), u64(end), u64(0), utf16(name.padEnd(36, '\0'))]),
  )
  return Buffer.concat([...header, guid(DISK), u64(2), u32(128), u32(128), u32(0x134ef9fc), u64(entries.length), ...entries])
}

/** TCG_PCClientTaggedEvent. */
export function tagged(id: number, data: Uint8Array): Buffer {
  return Buffer.concat([u32(id), u32(data.length), data])
}
