// Writes boot event logs byte by byte, so that tests need no recorded ones: TCG PC Client Platform Firmware Profile, sections 10.2 and 10.4.
import { createHash } from 'node:crypto'

export type Bank = 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'sm3'

const ALGORITHMS: Record<Bank, { id: number; size: number }> = {
  sha1: { id: 0x04, size: 20 },
  sha256: { id: 0x0b, size: 32 },
  sha384: { id: 0x0c, size: 48 },
  sha512: { id: 0x0d, size: 64 },
  sm3: { id: 0x12, size: 32 },
}

const EV_NO_ACTION = 3

/** What a TPM would be told: one extension of one PCR in all banks. */
export interface Extension {
  pcr: number
  digests: Partial<Record<Bank, Buffer>>
}

export interface EventLogWriter {
  readonly banks: readonly Bank[]
  /** All extensions so far, in order. */
  readonly extensions: readonly Extension[]
  /** Logs an event and extends the hash of `measured`, which is the data unless told. */
  event(pcr: number, type: number, data: Uint8Array, measured?: Uint8Array): EventLogWriter
  /** Logs an EV_NO_ACTION event, whose digests are zeros. */
  noAction(data: Uint8Array, pcr?: number): EventLogWriter
  /** Anything as it is, for malformed logs. */
  raw(bytes: Uint8Array): EventLogWriter
  bytes(): Buffer
}

export interface WriterOptions {
  banks?: readonly Bank[]
  /** `sha1`: TCG_PCR_EVENT throughout and no Spec ID event. */
  format?: 'crypto-agile' | 'sha1'
  vendorInfo?: Uint8Array
}

export function eventLogWriter({
  banks = ['sha256'],
  format = 'crypto-agile',
  vendorInfo = Buffer.alloc(0),
}: WriterOptions = {}): EventLogWriter {
  const chunks: Uint8Array[] = []
  const extensions: Extension[] = []
  const sha1Event = (pcr: number, type: number, digest: Uint8Array, data: Uint8Array) =>
    Buffer.concat([u32(pcr), u32(type), digest, u32(data.length), data])
  const write = (pcr: number, type: number, digests: Extension['digests'], data: Uint8Array) => {
    if (format === 'sha1') return void chunks.push(sha1Event(pcr, type, digests.sha1!, data))
    const list = banks.flatMap((bank) => [u16(ALGORITHMS[bank].id), digests[bank]!])
    chunks.push(u32(pcr), u32(type), u32(banks.length), ...list, u32(data.length), data)
  }
  if (format === 'crypto-agile') chunks.push(sha1Event(0, EV_NO_ACTION, Buffer.alloc(20), specId(banks, vendorInfo)))

  const writer: EventLogWriter = {
    banks: format === 'sha1' ? ['sha1'] : banks,
    extensions,
    event(pcr, type, data, measured = data) {
      const digests = Object.fromEntries(writer.banks.map((bank) => [bank, createHash(bank).update(measured).digest()]))
      extensions.push({ pcr, digests })
      write(pcr, type, digests, data)
      return writer
    },
    noAction(data, pcr = 0) {
      write(pcr, EV_NO_ACTION, Object.fromEntries(writer.banks.map((bank) => [bank, Buffer.alloc(ALGORITHMS[bank].size)])), data)
      return writer
    },
    raw(bytes) {
      chunks.push(bytes)
      return writer
    },
    bytes: () => Buffer.concat(chunks),
  }
  return writer
}

/** TCG_EfiSpecIDEvent. */
export function specId(banks: readonly Bank[], vendorInfo: Uint8Array = Buffer.alloc(0)): Buffer {
  const sizes = banks.flatMap((bank) => [u16(ALGORITHMS[bank].id), u16(ALGORITHMS[bank].size)])
  return Buffer.concat([
    ascii('Spec ID Event03\0'),
    u32(0),
    u8(0, 2, 105, 2),
    u32(banks.length),
    ...sizes,
    u8(vendorInfo.length),
    vendorInfo,
  ])
}

export function startupLocality(locality: number): Buffer {
  return Buffer.concat([ascii('StartupLocality\0'), u8(locality)])
}

// Little-endian fields.

export const u8 = (...values: number[]): Buffer => Buffer.from(values)
export const ascii = (text: string): Buffer => Buffer.from(text, 'latin1')
export const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le')

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** The 16 bytes of a GUID's text, the first three parts byte-swapped. */
export function guid(text: string): Buffer {
  const [a = '', b = '', c = '', ...rest] = text.split('-')
  const swapped = [a, b, c].map((part) => Buffer.from(part, 'hex').reverse())
  return Buffer.concat([...swapped, Buffer.from(rest.join(''), 'hex')])
}
