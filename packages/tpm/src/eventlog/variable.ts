import { TpmError } from '../error.ts'
import { LogReader } from '../log-reader.ts'
import { readGuid } from './guid.ts'
import type { Guid } from './guid.ts'
import { readLoadOption } from './load-option.ts'
import type { LoadOption } from './load-option.ts'
import { readAuthority, readSignatureLists } from './signature-database.ts'
import type { LoggedCertificate, SignatureList } from './signature-database.ts'
import { printableUtf8, utf16Text } from './text.ts'

/** One line of SBAT revocations: no image of the component below the generation is run. */
export type SbatEntry = { component: string; generation: string; rest: string[] }

/** What a variable holds, by its name; `bytes` where that says nothing or doesn't fit. */
export type VariableValue =
  | { kind: 'boolean'; value: boolean }
  | { kind: 'signature-lists'; lists: SignatureList[] }
  | { kind: 'signature'; owner?: Guid; data: Uint8Array; certificate?: LoggedCertificate }
  | { kind: 'sbat'; text: string; entries: SbatEntry[] }
  | { kind: 'boot-order'; order: string[] }
  | ({ kind: 'load-option' } & LoadOption)
  | { kind: 'bytes'; bytes: Uint8Array }

/** UEFI_VARIABLE_DATA. `trailing`: bytes after it, which versions of shim until 2021 logged. */
export type LoggedVariable = { guid: Guid; name: string; bytes: Uint8Array; value: VariableValue; trailing?: Uint8Array }

/** Variables of one byte, 0 or 1 (UEFI 2.10, section 3.3; shim). */
const BOOLEANS = new Set([
  'SecureBoot',
  'SetupMode',
  'AuditMode',
  'DeployedMode',
  'VendorKeys',
  'MokListTrusted',
  'MokSBState',
  'MokDBState',
])
const DATABASES = new Set(['PK', 'KEK', 'db', 'dbx', 'dbt', 'dbr', 'MokList', 'MokListX', 'MokListRT', 'MokListXRT', 'devdb'])
const SBAT = new Set(['SbatLevel', 'SbatLevelRT'])
const ORDER = /^(Boot|Driver|SysPrep)Order$/
/** Numbers of options have 16 bits. */
const MAX_OPTIONS = 0x10000
const LOAD_OPTION = /^(Boot|Driver|SysPrep|PlatformRecovery)[0-9A-Fa-f]{4}$/

/**
 * Reads UEFI_VARIABLE_DATA (PC Client Platform Firmware Profile 1.06, section 10.2.6). `asAuthority`: the data is the one signature that verified an image, not
 * the whole database (EV_EFI_VARIABLE_AUTHORITY, EV_EFI_SPDM_DEVICE_AUTHORITY). Throws TpmError where the lengths don't fit the event.
 */
export function readVariable(data: Uint8Array, asAuthority: boolean): LoggedVariable {
  const reader = new LogReader(data)
  const guid = readGuid(reader, 'VariableName')
  const characters = reader.u64('UnicodeNameLength')
  const length = reader.u64('VariableDataLength')
  const name = utf16Text(reader.bytes(characters * 2n, 'UnicodeName'))
  const bytes = reader.bytes(length, 'VariableData')
  const trailing = reader.rest()
  return { guid, name, bytes, value: readValue(name, bytes, asAuthority), ...(trailing.length > 0 && { trailing }) }
}

/** Where VariableData stands in UEFI_VARIABLE_DATA; undefined when the lengths don't fit. */
export function variableDataOf(data: Uint8Array): Uint8Array | undefined {
  try {
    return readVariable(data, false).bytes
  } catch (error) {
    if (error instanceof TpmError) return undefined
    throw error
  }
}

function readValue(name: string, bytes: Uint8Array, asAuthority: boolean): VariableValue {
  try {
    return valueByName(name, bytes, asAuthority) ?? { kind: 'bytes', bytes }
  } catch (error) {
    if (error instanceof TpmError) return { kind: 'bytes', bytes }
    throw error
  }
}

function valueByName(name: string, bytes: Uint8Array, asAuthority: boolean): VariableValue | undefined {
  if (BOOLEANS.has(name)) return bytes.length === 1 && bytes[0]! <= 1 ? { kind: 'boolean', value: bytes[0] === 1 } : undefined
  if (SBAT.has(name)) return sbatValue(bytes)
  if (asAuthority) {
    const signature = readAuthority(bytes)
    if (signature !== undefined) return { kind: 'signature', ...signature }
  }
  if (asAuthority || DATABASES.has(name)) return { kind: 'signature-lists', lists: readSignatureLists(bytes) }
  if (ORDER.test(name)) return orderValue(name.replace('Order', ''), bytes)
  if (LOAD_OPTION.test(name)) return { kind: 'load-option', ...readLoadOption(bytes) }
  return undefined
}

/** `component,generation[,…]` per line (shim, SBAT.md). */
function sbatValue(bytes: Uint8Array): VariableValue | undefined {
  const text = printableUtf8(bytes)
  if (text === undefined) return undefined
  const lines = text.split(/\r?\n/).filter((line) => line !== '')
  const entries = lines.map((line) => {
    const [component = '', generation = '', ...rest] = line.split(',')
    return { component, generation, rest }
  })
  return { kind: 'sbat', text, entries }
}

/** Numbers of options as the names of their variables: `Boot0001`. */
function orderValue(prefix: string, bytes: Uint8Array): VariableValue {
  if (bytes.length > 2 * MAX_OPTIONS) throw new TpmError(`${prefix}Order: more than ${MAX_OPTIONS} options`, { field: 'option' })
  const reader = new LogReader(bytes)
  const order: string[] = []
  while (reader.remaining > 0) order.push(`${prefix}${reader.u16('option').toString(16).toUpperCase().padStart(4, '0')}`)
  return { kind: 'boot-order', order }
}
