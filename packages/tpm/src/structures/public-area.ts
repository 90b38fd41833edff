import type { HashAlgorithm } from '../hash.ts'
import { algorithmIds, readAlgorithm, readHashOrNull } from './algorithms.ts'
import { bitsOfNames, namesOfBits } from './bits.ts'
import type { CurveName } from './curves.ts'
import { curveById, curves } from './curves.ts'
import { readDigest } from './digest.ts'
import { parseWhole } from './parse.ts'
import type { TpmReader } from './reader.ts'
import type { KdfScheme, Scheme } from './scheme.ts'
import { eccSchemes, keyedHashSchemes, readKdfScheme, readScheme, rsaSchemes, writeScheme } from './scheme.ts'
import type { SymmetricDefinition } from './symmetric.ts'
import { readSymmetric, writeSymmetric } from './symmetric.ts'
import { TpmWriter } from './writer.ts'

/** TPMA_OBJECT (TPM 2.0 Library, Part 2, §8.3): the bit of each attribute. `sign` is signing or, for a cipher key, encryption. */
export const objectAttributeBits = {
  fixedTPM: 1,
  stClear: 2,
  fixedParent: 4,
  sensitiveDataOrigin: 5,
  userWithAuth: 6,
  adminWithPolicy: 7,
  firmwareLimited: 8,
  svnLimited: 9,
  noDA: 10,
  encryptedDuplication: 11,
  restricted: 16,
  decrypt: 17,
  sign: 18,
  x509sign: 19,
} as const

export type ObjectAttribute = keyof typeof objectAttributeBits

/** What all kinds of objects have. `authPolicy` is empty if there is none. */
export type PublicCommon = { nameAlg: HashAlgorithm | 'null'; attributes: ObjectAttribute[]; authPolicy: Uint8Array }

/** `exponent` 0 means 65537, and is kept as it is since the Name depends on it. */
export type RsaPublic = {
  type: 'rsa'
  symmetric: SymmetricDefinition
  scheme: Scheme
  keyBits: number
  exponent: number
  modulus: Uint8Array
}

export type EccPublic = {
  type: 'ecc'
  symmetric: SymmetricDefinition
  scheme: Scheme
  curve: CurveName
  kdf: KdfScheme
  x: Uint8Array
  y: Uint8Array
}

/** TPMT_PUBLIC (Part 2, §12.2.4). `digest` is the `unique` field of objects that have no public key. */
export type PublicArea = PublicCommon &
  (
    | RsaPublic
    | EccPublic
    | { type: 'keyedhash'; scheme: Scheme; digest: Uint8Array }
    | { type: 'symcipher'; symmetric: SymmetricDefinition; digest: Uint8Array }
  )

/** The most bytes of an RSA modulus (4096 bits) and of a coordinate (P-638). */
const RSA_LIMIT = 512
const ECC_LIMIT = 80

/**
 * TPMT_PUBLIC that is all of the bytes; without the size that a TPM2B_PUBLIC has before it (see `parseSized`).
 *
 * @example
 * parsePublicArea(encodePublicArea(akArea)).type // → 'ecc'
 */
export function parsePublicArea(bytes: Uint8Array): PublicArea {
  return parseWhole(bytes, 'TPMT_PUBLIC', readPublicArea)
}

/**
 * Reads a TPMT_PUBLIC.
 *
 * @example
 * readPublicArea(new TpmReader(encodePublicArea(ekArea))).type // → 'rsa'
 */
export function readPublicArea(reader: TpmReader): PublicArea {
  const type = readAlgorithm(reader, 'type', ['rsa', 'ecc', 'keyedhash', 'symcipher'])
  const common = {
    nameAlg: readHashOrNull(reader, 'nameAlg'),
    attributes: namesOfBits(reader.u32('objectAttributes'), objectAttributeBits, 'objectAttributes'),
    authPolicy: readDigest(reader, 'authPolicy'),
  }
  switch (type) {
    case 'rsa':
      return { ...common, ...readRsa(reader) }
    case 'ecc':
      return { ...common, ...readEcc(reader) }
    case 'keyedhash':
      return { ...common, type, scheme: readScheme(reader, 'scheme', keyedHashSchemes), digest: readDigest(reader, 'unique') }
    case 'symcipher':
      return { ...common, type, symmetric: readSymmetric(reader, 'symmetric'), digest: readDigest(reader, 'unique') }
  }
}

/**
 * The bytes of a TPMT_PUBLIC; the same that were parsed, so that the Name stays.
 *
 * @example
 * encodePublicArea(akArea).toHex().slice(0, 8) // → '0023000b'
 */
export function encodePublicArea(area: PublicArea): Uint8Array {
  const writer = new TpmWriter()
    .u16(algorithmIds[area.type])
    .u16(algorithmIds[area.nameAlg])
    .u32(bitsOfNames(area.attributes, objectAttributeBits, 'objectAttributes'))
    .sized(area.authPolicy, 'authPolicy')
  switch (area.type) {
    case 'rsa':
      writeScheme(writeSymmetric(writer, area.symmetric), area.scheme)
      return writer.u16(area.keyBits, 'keyBits').u32(area.exponent, 'exponent').sized(area.modulus, 'modulus').finish()
    case 'ecc':
      writeScheme(writeSymmetric(writer, area.symmetric), area.scheme).u16(curves[area.curve].id)
      return writeScheme(writer, area.kdf).sized(area.x, 'x').sized(area.y, 'y').finish()
    case 'keyedhash':
      return writeScheme(writer, area.scheme).sized(area.digest, 'unique').finish()
    case 'symcipher':
      return writeSymmetric(writer, area.symmetric).sized(area.digest, 'unique').finish()
  }
}

function readRsa(reader: TpmReader): RsaPublic {
  return {
    type: 'rsa',
    symmetric: readSymmetric(reader, 'symmetric'),
    scheme: readScheme(reader, 'scheme', rsaSchemes),
    keyBits: reader.u16('keyBits'),
    exponent: reader.u32('exponent'),
    modulus: reader.sized('modulus', RSA_LIMIT),
  }
}

function readEcc(reader: TpmReader): EccPublic {
  return {
    type: 'ecc',
    symmetric: readSymmetric(reader, 'symmetric'),
    scheme: readScheme(reader, 'scheme', eccSchemes),
    curve: readCurve(reader),
    kdf: readKdfScheme(reader, 'kdf'),
    x: reader.sized('x', ECC_LIMIT),
    y: reader.sized('y', ECC_LIMIT),
  }
}

function readCurve(reader: TpmReader): CurveName {
  const id = reader.u16('curve')
  const curve = curveById(id)
  if (curve === undefined) throw reader.error('curve', `unsupported curve 0x${id.toString(16).padStart(4, '0')}`)
  return curve
}
