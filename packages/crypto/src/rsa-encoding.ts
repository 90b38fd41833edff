/** Encodings of precomputed digests for RSA signatures (RFC 8017 §9), for RSA's bare operation, which node:crypto has. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { nullValue, octetString, oid, sequence } from '@vouchsafe/der/writer'
import { DIGEST_BYTES } from './spec.ts'
import type { Digest } from './spec.ts'

// Object identifiers: SHA-2 of RFC 8017 appendix B.1. For SM3 what OpenSSL 3 writes, which is that of RSA with SM3
// and not of SM3 (1.2.156.10197.1.401), so that a signature over a digest is the one over its message.
const DIGEST_OID: Readonly<Record<Digest, string>> = {
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
  sm3: '1.2.156.10197.1.504',
}

/** EMSA-PKCS1-v1_5: `00 01 FF… 00 DigestInfo`, `length` bytes (the modulus'). */
export function emsaPkcs1(digest: Digest, hash: Uint8Array, length: number): Buffer {
  const info = sequence(sequence(oid(DIGEST_OID[digest]), nullValue()), octetString(hash))
  const encoded = Buffer.alloc(length, 0xff)
  encoded[0] = 0
  encoded[1] = 1
  encoded[length - info.length - 1] = 0
  encoded.set(info, length - info.length)
  return encoded
}

/** EMSA-PSS-ENCODE with a random salt as long as the digest and MGF1 over the same digest, for a modulus of 8 × `length` bits. */
export function emsaPss(digest: Digest, hash: Uint8Array, length: number): Buffer {
  const hashLength = DIGEST_BYTES[digest]
  const salt = randomBytes(hashLength)
  const block = Buffer.alloc(length - hashLength - 1)
  block[block.length - hashLength - 1] = 1
  block.set(salt, block.length - hashLength)
  const h = pssHash(digest, hash, salt)
  xorMask(digest, h, block)
  block[0] = (block[0] ?? 0) & 0x7f
  return Buffer.concat([block, h, Buffer.of(0xbc)])
}

/** EMSA-PSS-VERIFY of `encoded` with a salt exactly as long as the digest. */
export function emsaPssMatches(digest: Digest, hash: Uint8Array, encoded: Uint8Array): boolean {
  const hashLength = DIGEST_BYTES[digest]
  const block = Buffer.from(encoded.subarray(0, encoded.length - hashLength - 1))
  const h = encoded.subarray(block.length, encoded.length - 1)
  if (encoded.at(-1) !== 0xbc || (block[0] ?? 0) >= 0x80) return false
  xorMask(digest, h, block)
  block[0] = (block[0] ?? 0) & 0x7f
  const saltStart = block.length - hashLength
  if (block.subarray(0, saltStart - 1).some((byte) => byte !== 0) || block[saltStart - 1] !== 1) return false
  return timingSafeEqual(pssHash(digest, hash, block.subarray(saltStart)), h)
}

function pssHash(digest: Digest, hash: Uint8Array, salt: Uint8Array): Buffer {
  return createHash(digest).update(Buffer.alloc(8)).update(hash).update(salt).digest()
}

/** XORs MGF1(`seed`) into `target` (RFC 8017 appendix B.2.1). */
function xorMask(digest: Digest, seed: Uint8Array, target: Buffer): void {
  const counter = Buffer.alloc(4)
  for (let start = 0, block = 0; start < target.length; block++) {
    counter.writeUInt32BE(block)
    const mask = createHash(digest).update(seed).update(counter).digest()
    for (let i = 0; i < mask.length && start < target.length; i++, start++) target[start] = (target[start] ?? 0) ^ (mask[i] ?? 0)
  }
}
