/** secp224r1, which @noble/curves does not come with, from its parameters; hashing by OpenSSL. Only used over precomputed digests. */
import { createHash, createHmac } from 'node:crypto'
import { ecdsa, weierstrass } from '@noble/curves/abstract/weierstrass.js'
import type { CHash } from '@noble/curves/utils.js'

// SEC 2 §2.4.2.
const Point = weierstrass({
  p: BigInt('0xffffffffffffffffffffffffffffffff000000000000000000000001'),
  n: BigInt('0xffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3d'),
  h: 1n,
  a: BigInt('0xfffffffffffffffffffffffffffffffefffffffffffffffffffffffe'),
  b: BigInt('0xb4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4'),
  Gx: BigInt('0xb70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21'),
  Gy: BigInt('0xbd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34'),
})
// A table of 2 instead of 8 bits: 10 ms at first use instead of 60, for signatures of 1.2 ms instead of 0.4. The self-tests wait for the
// first.
Point.BASE.precompute(2)

const sha256: CHash = Object.assign((message: Uint8Array) => new Uint8Array(createHash('sha256').update(message).digest()), {
  outputLen: 32,
  blockLen: 64,
  canXOF: false,
  create: () => createHash('sha256'),
})

export const p224 = ecdsa(Point, sha256, {
  hmac: (key: Uint8Array, message: Uint8Array) => new Uint8Array(createHmac('sha256', key).update(message).digest()),
})
