import { TpmError } from '../error.ts'
import type { HashAlgorithm } from '../hash.ts'
import { algorithmIds, algorithmName, hashById } from './algorithms.ts'
import { parseWhole } from './parse.ts'
import type { TpmReader } from './reader.ts'
import { TpmWriter } from './writer.ts'

/**
 * The PCRs selected in one bank (TPMS_PCR_SELECTION, TPM 2.0 Library, Part 2, §10.6.2): ascending indices. A bank whose hash is not known here keeps its
 * TPM_ALG_ID. `size`: bytes of the bit map, 3 (24 PCRs) unless given.
 */
export type PcrSelection = { algorithm: HashAlgorithm | number; indices: number[]; size?: number }

const DEFAULT_SIZE = 3
const SIZE_LIMIT = 32

/**
 * Reads a TPML_PCR_SELECTION (Part 2, §10.9.7).
 *
 * @example
 * readPcrSelections(new TpmReader(Buffer.from('00000001000b03830000', 'hex'))).length // → 1
 */
export function readPcrSelections(reader: TpmReader): Required<PcrSelection>[] {
  const count = reader.u32('PCR selection count')
  if (count > reader.remaining / 3) throw reader.error('PCR selection count', `${count} do not fit the ${reader.remaining} bytes left`)
  return Array.from({ length: count }, () => readPcrSelection(reader))
}

/**
 * TPML_PCR_SELECTION that is all of the bytes.
 *
 * @example
 * parsePcrSelections(Buffer.from('00000001000b03830000', 'hex')) // → [{ algorithm: 'sha256', indices: [0, 1, 7], size: 3 }]
 */
export function parsePcrSelections(bytes: Uint8Array): Required<PcrSelection>[] {
  return parseWhole(bytes, 'TPML_PCR_SELECTION', readPcrSelections)
}

/**
 * The bytes of a TPML_PCR_SELECTION.
 *
 * @example
 * encodePcrSelections([{ algorithm: 'sha256', indices: [0, 1, 7] }]).toHex() // → '00000001000b03830000'
 */
export function encodePcrSelections(selections: readonly PcrSelection[]): Uint8Array {
  const writer = new TpmWriter().u32(selections.length, 'PCR selection count')
  for (const { algorithm, indices, size = DEFAULT_SIZE } of selections) {
    const bitmap = new Uint8Array(checkedSize(size))
    for (const index of indices) {
      if (!Number.isInteger(index) || index < 0 || index >= 8 * size)
        throw new TpmError(`PCR ${index} does not fit ${size} bytes`, { field: 'PCR index' })
      bitmap[index >> 3]! |= 1 << (index & 7)
    }
    writer
      .u16(typeof algorithm === 'number' ? algorithm : algorithmIds[algorithm], 'PCR bank')
      .u8(size, 'PCR bitmap')
      .bytes(bitmap)
  }
  return writer.finish()
}

/**
 * Selections in tpm2-tools' form, as `sha1:0,1+sha256:0,1,2`; `none` when there are none.
 *
 * @example
 * formatPcrSelections([{ algorithm: 'sha256', indices: [0, 1, 7] }]) // → 'sha256:0,1,7'
 */
export function formatPcrSelections(selections: readonly PcrSelection[]): string {
  return selections.map(({ algorithm, indices }) => `${bankName(algorithm)}:${indices.join(',')}`).join('+') || 'none'
}

function bankName(algorithm: HashAlgorithm | number): string {
  return typeof algorithm === 'number' ? algorithmName(algorithm) : algorithm
}

function readPcrSelection(reader: TpmReader): Required<PcrSelection> {
  const id = reader.u16('PCR bank')
  const bitmap = reader.bytes(checkedSize(reader.u8('PCR bitmap')), 'PCR bitmap')
  const indices: number[] = []
  for (const [i, byte] of bitmap.entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte >> bit) & 1) indices.push(8 * i + bit)
  }
  return { algorithm: hashById(id) ?? id, indices, size: bitmap.length }
}

function checkedSize(size: number): number {
  if (size > SIZE_LIMIT) throw new TpmError(`PCR bitmap: ${size} bytes, at most ${SIZE_LIMIT} are allowed`, { field: 'PCR bitmap' })
  return size
}
