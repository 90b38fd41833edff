import { TpmError } from '../error.ts'
import type { HashAlgorithm } from '../hash.ts'
import { algorithmIds, readHash } from './algorithms.ts'
import { bitsOfNames, namesOfBits } from './bits.ts'
import { readDigest } from './digest.ts'
import { parseWhole } from './parse.ts'
import type { TpmReader } from './reader.ts'
import { TpmWriter } from './writer.ts'

/** TPM_NT (TPM 2.0 Library, Part 2, §13.2): what an NV index holds. */
export const nvTypes = { ordinary: 0, counter: 1, bits: 2, extend: 4, 'pin-fail': 8, 'pin-pass': 9 } as const

export type NvType = keyof typeof nvTypes

/** TPMA_NV (Part 2, §13.4): the bit of each attribute; bits 4–7 are the type. */
export const nvAttributeBits = {
  ppWrite: 0,
  ownerWrite: 1,
  authWrite: 2,
  policyWrite: 3,
  policyDelete: 10,
  writeLocked: 11,
  writeAll: 12,
  writeDefine: 13,
  writeStClear: 14,
  globalLock: 15,
  ppRead: 16,
  ownerRead: 17,
  authRead: 18,
  policyRead: 19,
  noDA: 25,
  orderly: 26,
  clearStClear: 27,
  readLocked: 28,
  written: 29,
  platformCreate: 30,
  readStClear: 31,
} as const

export type NvAttribute = keyof typeof nvAttributeBits

/** TPMS_NV_PUBLIC (Part 2, §13.5). `index`: the handle, 0x01000000–0x01ffffff; `dataSize`: bytes. */
export type NvPublic = {
  index: number
  nameAlg: HashAlgorithm
  nvType: NvType
  attributes: NvAttribute[]
  authPolicy: Uint8Array
  dataSize: number
}

const NV_HANDLES = 0x01
const TYPE_MASK = 0xf0

/**
 * TPMS_NV_PUBLIC that is all of the bytes; without the size that a TPM2B_NV_PUBLIC has before it (see `parseSized`).
 *
 * @example
 * parseNvPublic(encodeNvPublic(nvPublic)).dataSize // → 32
 */
export function parseNvPublic(bytes: Uint8Array): NvPublic {
  return parseWhole(bytes, 'TPMS_NV_PUBLIC', readNvPublic)
}

/**
 * Reads a TPMS_NV_PUBLIC.
 *
 * @example
 * readNvPublic(new TpmReader(encodeNvPublic(nvPublic))).nvType // → 'ordinary'
 */
export function readNvPublic(reader: TpmReader): NvPublic {
  const index = reader.u32('nvIndex')
  if (index >>> 24 !== NV_HANDLES) throw reader.error('nvIndex', `0x${index.toString(16).padStart(8, '0')} is not an NV index`)
  const nameAlg = readHash(reader, 'nameAlg')
  const attributes = reader.u32('attributes')
  const type = (attributes & TYPE_MASK) >> 4
  const nvType = (Object.keys(nvTypes) as NvType[]).find((name) => nvTypes[name] === type)
  if (nvType === undefined) throw reader.error('attributes', `NV type ${type} is not known`)
  return {
    index,
    nameAlg,
    nvType,
    attributes: namesOfBits((attributes & ~TYPE_MASK) >>> 0, nvAttributeBits, 'attributes'),
    authPolicy: readDigest(reader, 'authPolicy'),
    dataSize: reader.u16('dataSize'),
  }
}

/**
 * The bytes of a TPMS_NV_PUBLIC.
 *
 * @example
 * encodeNvPublic(nvPublic).toHex().slice(0, 8) // → '01800001'
 */
export function encodeNvPublic(nvPublic: NvPublic): Uint8Array {
  if (nvPublic.index >>> 24 !== NV_HANDLES) throw new TpmError(`nvIndex: ${nvPublic.index} is not an NV index`, { field: 'nvIndex' })
  const attributes = (bitsOfNames(nvPublic.attributes, nvAttributeBits, 'attributes') | (nvTypes[nvPublic.nvType] << 4)) >>> 0
  return new TpmWriter()
    .u32(nvPublic.index, 'nvIndex')
    .u16(algorithmIds[nvPublic.nameAlg])
    .u32(attributes)
    .sized(nvPublic.authPolicy, 'authPolicy')
    .u16(nvPublic.dataSize, 'dataSize')
    .finish()
}
