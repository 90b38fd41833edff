import { TpmError } from './error.ts'
import type { HashAlgorithm, Hashes } from './hash.ts'
import { digestSizes, hash } from './hash.ts'

/** PCRs of a PC Client TPM (PC Client Platform TPM Profile, "PCR attributes"): 0–23. */
export const PCR_COUNT = 24

/**
 * The value that a PCR has after its digest was extended into it: H(value ‖ digest). Source: TPM 2.0 Library, Part 1, "Extend of a PCR".
 *
 * @example
 * pcrExtend('sha1', initialPcr('sha1', 7), new Uint8Array(20)).toHex() // → 'b80de5d138758541c5f05265ad144ab9fa86d1db'
 */
export function pcrExtend(algorithm: HashAlgorithm, value: Uint8Array, digest: Uint8Array, hashes?: Hashes): Uint8Array {
  const size = digestSizes[algorithm]
  if (value.length !== size) throw new TpmError(`PCR value: ${value.length} bytes, ${algorithm} has ${size}`, { field: 'PCR value' })
  if (digest.length !== size) throw new TpmError(`digest: ${digest.length} bytes, ${algorithm} has ${size}`, { field: 'digest' })
  return hash(algorithm, [value, digest], hashes)
}

/**
 * The value of a PCR after a reset of the machine: zeros; ones for PCR 17–22, which only a dynamic launch sets to zero; PCR 0 ends in the locality at which
 * the startup was done (0, 3, or 4 for an H-CRTM). Source: PC Client Platform TPM Profile, "PCR initial and reset values".
 *
 * @example
 * initialPcr('sha256', 17).toHex() // → 'ff'.repeat(32)
 */
export function initialPcr(algorithm: HashAlgorithm, index: number, locality = 0): Uint8Array {
  if (!Number.isInteger(index) || index < 0 || index >= PCR_COUNT) throw new TpmError(`PCR ${index} does not exist`, { field: 'PCR index' })
  if (!Number.isInteger(locality) || locality < 0 || locality > 0xff)
    throw new TpmError(`locality ${locality} does not fit one byte`, { field: 'locality' })
  const value = new Uint8Array(digestSizes[algorithm]).fill(index >= 17 && index <= 22 ? 0xff : 0)
  if (index === 0) value[value.length - 1] = locality
  return value
}
