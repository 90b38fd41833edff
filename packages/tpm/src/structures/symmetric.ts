import type { AlgorithmName } from './algorithms.ts'
import { algorithmIds, readAlgorithm } from './algorithms.ts'
import type { TpmReader } from './reader.ts'
import type { TpmWriter } from './writer.ts'

const CIPHERS = ['aes', 'sm4', 'camellia'] as const satisfies AlgorithmName[]
const MODES = ['null', 'cfb', 'ctr', 'ofb', 'cbc', 'ecb'] as const satisfies AlgorithmName[]

type Cipher = { algorithm: (typeof CIPHERS)[number]; keyBits: number; mode: (typeof MODES)[number] }

/** TPMT_SYM_DEF_OBJECT (TPM 2.0 Library, Part 2, §11.1.7): the cipher with which a storage key protects its children, or none. */
export type SymmetricDefinition = { algorithm: 'null' } | Cipher

/**
 * Reads a TPMT_SYM_DEF_OBJECT; also a session's TPMT_SYM_DEF, but for XOR obfuscation.
 *
 * @example
 * readSymmetric(new TpmReader(Buffer.from('000600800043', 'hex')), 'symmetric') // → { algorithm: 'aes', keyBits: 128, mode: 'cfb' }
 */
export function readSymmetric(reader: TpmReader, field: string): SymmetricDefinition {
  const algorithm = readAlgorithm(reader, field, [...CIPHERS, 'null'])
  if (algorithm === 'null') return { algorithm }
  return { algorithm, keyBits: reader.u16(`${field} keyBits`), mode: readAlgorithm(reader, `${field} mode`, MODES) }
}

/**
 * Writes a TPMT_SYM_DEF_OBJECT.
 *
 * @example
 * writeSymmetric(new TpmWriter(), { algorithm: 'aes', keyBits: 128, mode: 'cfb' }).finish().toHex() // → '000600800043'
 */
export function writeSymmetric(writer: TpmWriter, symmetric: SymmetricDefinition): TpmWriter {
  writer.u16(algorithmIds[symmetric.algorithm])
  if (symmetric.algorithm === 'null') return writer
  return writer.u16(symmetric.keyBits, 'keyBits').u16(algorithmIds[symmetric.mode])
}
