import { TpmError } from '../error.ts'
import type { HashAlgorithm } from '../hash.ts'
import { digestSizes } from '../hash.ts'
import { algorithmIds, readAlgorithm, readHash } from './algorithms.ts'
import { parseWhole } from './parse.ts'
import type { TpmReader } from './reader.ts'
import { TpmWriter } from './writer.ts'

const SCHEMES = ['rsassa', 'rsapss', 'ecdsa', 'ecdaa', 'sm2', 'ecschnorr', 'hmac', 'null'] as const

/** One member of the union for each scheme, so that comparing `scheme` distinguishes them. */
type Signed<Scheme extends string, Parts> = Scheme extends string ? { scheme: Scheme; hash: HashAlgorithm } & Parts : never

/** TPMT_SIGNATURE (TPM 2.0 Library, Part 2, §11.3.4). `r` and `s` are as the TPM returned them, possibly without leading zeros. */
export type TpmSignature =
  | Signed<'rsassa' | 'rsapss', { signature: Uint8Array }>
  | Signed<'ecdsa' | 'ecdaa' | 'sm2' | 'ecschnorr', { r: Uint8Array; s: Uint8Array }>
  | Signed<'hmac', { digest: Uint8Array }>
  | { scheme: 'null' }

/** The most bytes of an RSA signature (4096 bits) and of an ECC parameter (P-638). */
const RSA_LIMIT = 512
const ECC_LIMIT = 80

/**
 * Reads a TPMT_SIGNATURE.
 *
 * @example
 * readSignature(new TpmReader(signature)).scheme // → 'ecdsa'
 */
export function readSignature(reader: TpmReader): TpmSignature {
  const scheme = readAlgorithm(reader, 'signature scheme', SCHEMES)
  if (scheme === 'null') return { scheme }
  const hash = readHash(reader, 'signature hash')
  if (scheme === 'hmac') return { scheme, hash, digest: reader.bytes(digestSizes[hash], 'HMAC') }
  if (scheme === 'rsassa' || scheme === 'rsapss') return { scheme, hash, signature: reader.sized('RSA signature', RSA_LIMIT) }
  return { scheme, hash, r: reader.sized('signature r', ECC_LIMIT), s: reader.sized('signature s', ECC_LIMIT) }
}

/**
 * TPMT_SIGNATURE that is all of the bytes.
 *
 * @example
 * parseSignature(signature).scheme // → 'ecdsa'
 */
export function parseSignature(bytes: Uint8Array): TpmSignature {
  return parseWhole(bytes, 'TPMT_SIGNATURE', readSignature)
}

/**
 * The bytes of a TPMT_SIGNATURE.
 *
 * @example
 * encodeSignature({ scheme: 'rsassa', hash: 'sha256', signature: Buffer.from('ab', 'hex') }).toHex() // → '0014000b0001ab'
 */
export function encodeSignature(signature: TpmSignature): Uint8Array {
  const writer = new TpmWriter().u16(algorithmIds[signature.scheme])
  if (signature.scheme === 'null') return writer.finish()
  writer.u16(algorithmIds[signature.hash])
  if (signature.scheme === 'hmac') {
    if (signature.digest.length !== digestSizes[signature.hash]) {
      throw new TpmError(`HMAC: ${signature.digest.length} bytes, ${signature.hash} has ${digestSizes[signature.hash]}`, { field: 'HMAC' })
    }
    return writer.bytes(signature.digest).finish()
  }
  if (signature.scheme === 'rsassa' || signature.scheme === 'rsapss') return writer.sized(signature.signature, 'RSA signature').finish()
  return writer.sized(signature.r, 'signature r').sized(signature.s, 'signature s').finish()
}
