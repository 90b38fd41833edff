import type { HashAlgorithm } from '../hash.ts'
import { algorithmIds, readHashOrNull } from './algorithms.ts'
import { HASHED_LIMIT, readDigest } from './digest.ts'
import { parseWhole } from './parse.ts'
import type { PcrSelection } from './pcr-selection.ts'
import { encodePcrSelections, readPcrSelections } from './pcr-selection.ts'
import type { TpmReader } from './reader.ts'
import { TpmWriter } from './writer.ts'

/**
 * TPMS_CREATION_DATA (TPM 2.0 Library, Part 2, §15.1): the circumstances in which an object was made; its digest is what TPM2_CertifyCreation attests.
 * `locality`: TPMA_LOCALITY as it is; `parentNameAlg` is null for a primary object, whose parent is a hierarchy.
 */
export type CreationData = {
  pcrSelections: PcrSelection[]
  pcrDigest: Uint8Array
  locality: number
  parentNameAlg: HashAlgorithm | 'null'
  parentName: Uint8Array
  parentQualifiedName: Uint8Array
  outsideInfo: Uint8Array
}

/**
 * TPMS_CREATION_DATA that is all of the bytes; without the size that a TPM2B_CREATION_DATA has before it (see `parseSized`).
 *
 * @example
 * parseCreationData(encodeCreationData(creation)).locality // → 1
 */
export function parseCreationData(bytes: Uint8Array): CreationData {
  return parseWhole(bytes, 'TPMS_CREATION_DATA', readCreationData)
}

/**
 * Reads a TPMS_CREATION_DATA.
 *
 * @example
 * readCreationData(new TpmReader(encodeCreationData(creation))).locality // → 1
 */
export function readCreationData(reader: TpmReader): CreationData {
  return {
    pcrSelections: readPcrSelections(reader),
    pcrDigest: readDigest(reader, 'pcrDigest'),
    locality: reader.u8('locality'),
    parentNameAlg: readHashOrNull(reader, 'parentNameAlg'),
    parentName: reader.sized('parentName', HASHED_LIMIT),
    parentQualifiedName: reader.sized('parentQualifiedName', HASHED_LIMIT),
    outsideInfo: reader.sized('outsideInfo', HASHED_LIMIT),
  }
}

/**
 * The bytes of a TPMS_CREATION_DATA.
 *
 * @example
 * encodeCreationData(creation).length // → 15
 */
export function encodeCreationData(data: CreationData): Uint8Array {
  return new TpmWriter()
    .bytes(encodePcrSelections(data.pcrSelections))
    .sized(data.pcrDigest, 'pcrDigest')
    .u8(data.locality, 'locality')
    .u16(algorithmIds[data.parentNameAlg])
    .sized(data.parentName, 'parentName')
    .sized(data.parentQualifiedName, 'parentQualifiedName')
    .sized(data.outsideInfo, 'outsideInfo')
    .finish()
}
