import type { LogReader } from '../log-reader.ts'

/** GUIDs that occur in boot logs, by their text. Sources: UEFI 2.10 (section 3.3, appendices), PI 1.8, shim, Linux, systemd. */
const NAMES: Readonly<Record<string, string>> = {
  '8be4df61-93ca-11d2-aa0d-00e098032b8c': 'EFI_GLOBAL_VARIABLE',
  'd719b2cb-3d3a-4596-a3bc-dad00e67656f': 'EFI_IMAGE_SECURITY_DATABASE_GUID',
  '605dab50-e046-4300-abb6-3dd810dd8b23': 'SHIM_LOCK_GUID',
  '77fa9abd-0359-4d32-bd60-28f4e78f784b': 'Microsoft',
  '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f': 'systemd',
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'EFI System Partition',
  'a5c059a1-94e4-4aa7-87b5-ab155c2bf072': 'EFI_CERT_X509_GUID',
  'c1c41626-504c-4092-aca9-41f936934328': 'EFI_CERT_SHA256_GUID',
  '826ca512-cf10-4ac9-b187-be01496631bd': 'EFI_CERT_SHA1_GUID',
  '0b6e5233-a65c-44c9-9407-d9ab83bfc8bd': 'EFI_CERT_SHA224_GUID',
  'ff3e5307-9fd0-48c9-85f1-8ad56c701e01': 'EFI_CERT_SHA384_GUID',
  '093e0fae-a6c4-4f50-9f1b-d41e2b89c19a': 'EFI_CERT_SHA512_GUID',
  '3c5766e8-269c-4e34-aa14-ed776e85b3b6': 'EFI_CERT_RSA2048_GUID',
  'e2b36190-879b-4a3d-ad8d-f2e7bba32784': 'EFI_CERT_RSA2048_SHA256_GUID',
  '67f8444f-8743-48f1-a328-1eaab8736080': 'EFI_CERT_RSA2048_SHA1_GUID',
  '3bd2a492-96c0-4079-b420-fcf98ef103ed': 'EFI_CERT_X509_SHA256_GUID',
  '7076876e-80c2-4ee6-aad2-28b349a6865b': 'EFI_CERT_X509_SHA384_GUID',
  '446dbf63-2502-4cda-bcfa-2465d2b0fe9d': 'EFI_CERT_X509_SHA512_GUID',
  '4aafd29d-68df-49ee-8aa9-347d375665a7': 'EFI_CERT_TYPE_PKCS7_GUID',
  'eb9d2d30-2d88-11d3-9a16-0090273fc14d': 'ACPI_TABLE_GUID',
  '8868e871-e4f1-11d3-bc22-0080c73c8881': 'EFI_ACPI_TABLE_GUID',
  'eb9d2d31-2d88-11d3-9a16-0090273fc14d': 'SMBIOS_TABLE_GUID',
  'f2fd1544-9794-4a2c-992e-e5bbcf20e394': 'SMBIOS3_TABLE_GUID',
}

/** An EFI_GUID: lower-case text, and its name where it is a known one. */
export type Guid = { guid: string; name?: string }

/** The text of 16 bytes in EFI_GUID's mixed-endian layout (UEFI 2.10, appendix A). */
export function guidText(bytes: Uint8Array): string {
  const hex = bytes.toHex()
  const swapped = (...indices: number[]) => indices.map((i) => hex.slice(2 * i, 2 * i + 2)).join('')
  return `${swapped(3, 2, 1, 0)}-${swapped(5, 4)}-${swapped(7, 6)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

export function namedGuid(guid: string): Guid {
  const name = NAMES[guid]
  return name === undefined ? { guid } : { guid, name }
}

export function readGuid(reader: LogReader, field: string): Guid {
  return namedGuid(guidText(reader.bytes(16, field)))
}
