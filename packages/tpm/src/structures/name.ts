import type { Hashes } from '../hash.ts'
import { hash } from '../hash.ts'
import type { HashAlgorithm } from '../hash.ts'
import { algorithmIds } from './algorithms.ts'
import type { NvPublic } from './nv-public.ts'
import { encodeNvPublic } from './nv-public.ts'
import type { PublicArea } from './public-area.ts'
import { encodePublicArea } from './public-area.ts'
import { TpmWriter } from './writer.ts'

/**
 * The Name of an object: its nameAlg and the digest of its TPMT_PUBLIC; empty when nameAlg is null (TPM 2.0 Library, Part 1, §16, "Names").
 * Throws TpmError for an SM3 Name without a function for SM3.
 *
 * @example
 * objectName(akArea).toHex().slice(0, 4) // → '000b'
 */
export function objectName(area: PublicArea, hashes?: Hashes): Uint8Array {
  return area.nameAlg === 'null' ? new Uint8Array(0) : nameOf(area.nameAlg, encodePublicArea(area), hashes)
}

/**
 * The Name of an NV index: its nameAlg and the digest of its TPMS_NV_PUBLIC (Part 1, §16). It changes with the `written` attribute.
 *
 * @example
 * nvName(nvPublic).length // → 34
 */
export function nvName(nvPublic: NvPublic, hashes?: Hashes): Uint8Array {
  return nameOf(nvPublic.nameAlg, encodeNvPublic(nvPublic), hashes)
}

/**
 * The Qualified Name of an object: nameAlg and H(parent's Qualified Name ‖ Name) (Part 1, "Qualified Name"); a hierarchy's is its 4-byte handle.
 *
 * @example
 * const endorsement = Buffer.from('4000000b', 'hex')
 * qualifiedName(endorsement, objectName(ekArea), 'sha256').length // → 34
 */
export function qualifiedName(parent: Uint8Array, name: Uint8Array, nameAlg: HashAlgorithm, hashes?: Hashes): Uint8Array {
  return nameOf(nameAlg, Buffer.concat([parent, name]), hashes)
}

function nameOf(nameAlg: HashAlgorithm, data: Uint8Array, hashes: Hashes | undefined): Uint8Array {
  return new TpmWriter()
    .u16(algorithmIds[nameAlg])
    .bytes(hash(nameAlg, data, hashes))
    .finish()
}
