import type { KeyObject } from 'node:crypto'
import { DerError, readDer, readElements, readUnsigned, TAG } from '@vouchsafe/der'
import { TpmError } from '../error.ts'
import { ecPoint } from '../public-key.ts'

interface Parameters {
  p: bigint
  n: bigint
  x: bigint
  y: bigint
}

/** SP 800-186, 3.2.1: y² = x³ − 3x + b over the integers modulo p; the base point has order n. */
const CURVES: Record<string, Parameters> = {
  'nist-p256': {
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
  'nist-p384': {
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  },
  'nist-p521': {
    p: (1n << 521n) - 1n,
    n: (1n << 521n) - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7n,
    x: 0xc6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
    y: 0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
  },
}

/** Jacobian coordinates; Z is 0 at infinity. */
type Point = readonly [x: bigint, y: bigint, z: bigint]

/**
 * Verifies an ECDSA signature (DER, as in CMS and IMA) over a digest. node:crypto only signs and verifies messages, and of a measured file the log has but the
 * digest. Nothing here is secret, so nothing needs constant time; about 3 ms on P-256. The key is a point on its curve: node:crypto refuses others.
 * Source: FIPS 186-5, 6.4.2. Throws TpmError for a curve that is not here.
 */
export function verifyEcdsaDigest(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const point = ecPoint(key)
  const curve = point === undefined ? undefined : CURVES[point.curve]
  if (point === undefined || curve === undefined) throw new TpmError('ECDSA is verified on P-256, P-384 and P-521 only', { field: 'key' })
  const { n, p } = curve
  const [r, s] = signatureNumbers(signature)
  if (r === undefined || s === undefined || r === 0n || s === 0n || r >= n || s >= n) return false
  const excess = BigInt(Math.max(0, 8 * digest.length - n.toString(2).length))
  const w = inverse(s, n)
  const base: Point = [curve.x, curve.y, 1n]
  const [x, , z] = combine(base, ((number(digest) >> excess) * w) % n, [number(point.x), number(point.y), 1n], (r * w) % n, p)
  if (z === 0n) return false
  const zz = (z * z) % p
  return (r * zz) % p === x || (r + n < p && ((r + n) * zz) % p === x)
}

function signatureNumbers(signature: Uint8Array): bigint[] {
  try {
    const elements = readElements(readDer(signature, TAG.sequence, 'signature').value, 'signature', 2)
    return elements.map(({ tag, value }) => (tag === TAG.integer ? number(readUnsigned(value, 'signature')) : 0n))
  } catch (error) {
    if (error instanceof DerError) return []
    throw error
  }
}

/** u·a + v·b, both at once. */
function combine(a: Point, u: bigint, b: Point, v: bigint, p: bigint): Point {
  const both = add(a, b, p)
  let sum: Point = [0n, 1n, 0n]
  for (let i = BigInt(Math.max(u.toString(2).length, v.toString(2).length)) - 1n; i >= 0n; i--) {
    sum = double(sum, p)
    const [inU, inV] = [((u >> i) & 1n) === 1n, ((v >> i) & 1n) === 1n]
    if (inU || inV) sum = add(sum, inU && inV ? both : inU ? a : b, p)
  }
  return sum
}

function double([x, y, z]: Point, p: bigint): Point {
  const zz = (z * z) % p
  const yy = (y * y) % p
  const s = (4n * x * yy) % p
  const m = (3n * (x - zz) * (x + zz)) % p
  const x2 = (m * m - 2n * s) % p
  return [x2, (m * (s - x2) - 8n * yy * yy) % p, (2n * y * z) % p].map((value) => modulo(value, p)) as unknown as Point
}

function add(a: Point, b: Point, p: bigint): Point {
  if (a[2] === 0n) return b
  if (b[2] === 0n) return a
  const [az, bz] = [(a[2] * a[2]) % p, (b[2] * b[2]) % p]
  const u = (a[0] * bz) % p
  const h = modulo(b[0] * az - u, p)
  const s = (((a[1] * b[2]) % p) * bz) % p
  const r = modulo(((b[1] * a[2]) % p) * az - s, p)
  if (h === 0n) return r === 0n ? double(a, p) : [0n, 1n, 0n]
  const hh = (h * h) % p
  const hhh = (h * hh) % p
  const v = (u * hh) % p
  const x = modulo(r * r - hhh - 2n * v, p)
  return [x, modulo(r * (v - x) - s * hhh, p), (((a[2] * b[2]) % p) * h) % p]
}

function modulo(value: bigint, p: bigint): bigint {
  const rest = value % p
  return rest < 0n ? rest + p : rest
}

/** By the extended Euclidean algorithm. */
function inverse(value: bigint, n: bigint): bigint {
  let [a, b, x, y] = [n, value % n, 0n, 1n]
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y]
  return modulo(x, n)
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x0${bytes.toHex()}`)
}
