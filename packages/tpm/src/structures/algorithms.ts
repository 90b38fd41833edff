import type { HashAlgorithm } from '../hash.ts'
import type { TpmReader } from './reader.ts'

/** TPM_ALG_ID of the algorithms known here (TPM 2.0 Library, Part 2, §6.3; TCG Algorithm Registry), by the names used in results. */
export const algorithmIds = {
  rsa: 0x0001,
  sha1: 0x0004,
  hmac: 0x0005,
  aes: 0x0006,
  mgf1: 0x0007,
  keyedhash: 0x0008,
  xor: 0x000a,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  sm3: 0x0012,
  sm4: 0x0013,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  ecdaa: 0x001a,
  sm2: 0x001b,
  ecschnorr: 0x001c,
  ecmqv: 0x001d,
  'kdf1-sp800-56a': 0x0020,
  kdf2: 0x0021,
  'kdf1-sp800-108': 0x0022,
  ecc: 0x0023,
  symcipher: 0x0025,
  camellia: 0x0026,
  'sha3-256': 0x0027,
  'sha3-384': 0x0028,
  'sha3-512': 0x0029,
  ctr: 0x0040,
  ofb: 0x0041,
  cbc: 0x0042,
  cfb: 0x0043,
  ecb: 0x0044,
} as const

export type AlgorithmName = keyof typeof algorithmIds

const names = new Map<number, AlgorithmName>(Object.entries(algorithmIds).map(([name, id]) => [id, name as AlgorithmName]))

/**
 * The name of a TPM_ALG_ID; `0x` and four digits for one that is not known here.
 *
 * @example
 * algorithmName(0x000b) // → 'sha256'
 */
export function algorithmName(id: number): string {
  return names.get(id) ?? `0x${id.toString(16).padStart(4, '0')}`
}

/** Reads a TPM_ALG_ID that must be one of `allowed`. Throws TpmError that names the algorithm found. */
export function readAlgorithm<Name extends AlgorithmName>(reader: TpmReader, field: string, allowed: readonly Name[]): Name {
  const id = reader.u16(field)
  const name = names.get(id) as Name | undefined
  if (name === undefined || !allowed.includes(name)) throw reader.error(field, `unsupported algorithm ${algorithmName(id)}`)
  return name
}

const HASHES = ['sha1', 'sha256', 'sha384', 'sha512', 'sm3'] as const satisfies HashAlgorithm[]

/** Reads the TPM_ALG_ID of a hash (TPMI_ALG_HASH without null). */
export function readHash(reader: TpmReader, field: string): HashAlgorithm {
  return readAlgorithm(reader, field, HASHES)
}

/** Reads TPMI_ALG_HASH+: a hash or null. */
export function readHashOrNull(reader: TpmReader, field: string): HashAlgorithm | 'null' {
  return readAlgorithm(reader, field, [...HASHES, 'null'])
}

/** The hash that a TPM_ALG_ID names, undefined for any other. */
export function hashById(id: number): HashAlgorithm | undefined {
  return HASHES.find((name) => algorithmIds[name] === id)
}
