// Values of every structure for properties.
import fc from 'fast-check'
import type {
  Attest,
  Attested,
  CreationData,
  HashAlgorithm,
  NvPublic,
  PcrSelection,
  PublicArea,
  Scheme,
  TpmSignature,
} from '../../src/index.ts'
import { curves, digestSizes, nvAttributeBits, nvTypes, objectAttributeBits } from '../../src/index.ts'

/** Plain objects, as parsers give them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>

const hash = fc.constantFrom<HashAlgorithm>('sha1', 'sha256', 'sha384', 'sha512', 'sm3')
const hashOrNull = fc.oneof(hash, fc.constant('null' as const))
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const u64 = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn })
const digest = fc.uint8Array({ maxLength: 64 })
const name = fc.uint8Array({ maxLength: 66 })
const ecc = fc.uint8Array({ maxLength: 80 })
const rsa = fc.uint8Array({ maxLength: 512 })

export const digestList: fc.Arbitrary<Uint8Array[]> = fc.array(digest, { maxLength: 8 })

/** In ascending order and with its size, as they are parsed. */
export const pcrSelections: fc.Arbitrary<PcrSelection[]> = fc.array(
  fc.integer({ min: 0, max: 32 }).chain((size) =>
    record({
      algorithm: fc.oneof<fc.Arbitrary<HashAlgorithm | number>[]>(hash, fc.constantFrom(0x27, 0xffff)),
      indices: (size === 0 ? fc.constant<number[]>([]) : fc.uniqueArray(fc.integer({ min: 0, max: 8 * size - 1 }))).map((indices) =>
        indices.sort((a, b) => a - b),
      ),
      size: fc.constant(size),
    }),
  ),
  { maxLength: 5 },
)

const clockInfo = record({ clock: u64, resetCount: u32, restartCount: u32, safe: fc.boolean() })

const attested: fc.Arbitrary<Attested> = fc.oneof(
  record({ type: fc.constant('quote' as const), pcrSelections, pcrDigest: digest }),
  record({ type: fc.constant('certify' as const), certifiedName: name, certifiedQualifiedName: name }),
  record({ type: fc.constant('creation' as const), objectName: name, creationHash: digest }),
  record({ type: fc.constant('time' as const), time: u64, timeClockInfo: clockInfo, timeFirmwareVersion: u64 }),
  record({ type: fc.constant('nv' as const), indexName: name, nvOffset: u16, nvContents: fc.uint8Array({ maxLength: 2048 }) }),
  record({ type: fc.constant('nv-digest' as const), indexName: name, nvDigest: digest }),
  record({ type: fc.constant('session-audit' as const), exclusiveSession: fc.boolean(), sessionDigest: digest }),
  record({
    type: fc.constant('command-audit' as const),
    auditCounter: u64,
    auditHash: hash,
    auditDigest: digest,
    commandDigest: digest,
  }),
)

export const attest: fc.Arbitrary<Attest> = record({ qualifiedSigner: name, extraData: name, clockInfo, firmwareVersion: u64 }).chain(
  (common) => attested.map((rest) => ({ ...common, ...rest })),
)

export const signature: fc.Arbitrary<TpmSignature> = fc.oneof(
  record({ scheme: fc.constantFrom('rsassa' as const, 'rsapss' as const), hash, signature: rsa }),
  record({ scheme: fc.constantFrom('ecdsa' as const, 'ecdaa' as const, 'sm2' as const, 'ecschnorr' as const), hash, r: ecc, s: ecc }),
  hash.chain((hash) => {
    const size = digestSizes[hash]
    return record({
      scheme: fc.constant('hmac' as const),
      hash: fc.constant(hash),
      digest: fc.uint8Array({ minLength: size, maxLength: size }),
    })
  }),
  fc.constant({ scheme: 'null' as const }),
)

const symmetric = fc.oneof(
  fc.constant({ algorithm: 'null' as const }),
  record({
    algorithm: fc.constantFrom('aes' as const, 'sm4' as const, 'camellia' as const),
    keyBits: u16,
    mode: fc.constantFrom('null' as const, 'cfb' as const, 'ecb' as const),
  }),
)
const noScheme: fc.Arbitrary<Scheme> = fc.constant({ scheme: 'null' })
const rsaScheme: fc.Arbitrary<Scheme> = fc.oneof(
  noScheme,
  fc.constant({ scheme: 'rsaes' as const }),
  record({ scheme: fc.constantFrom('rsassa' as const, 'rsapss' as const, 'oaep' as const), hash }),
)
const eccScheme: fc.Arbitrary<Scheme> = fc.oneof(
  noScheme,
  record({ scheme: fc.constantFrom('ecdsa' as const, 'sm2' as const, 'ecschnorr' as const, 'ecdh' as const, 'ecmqv' as const), hash }),
  record({ scheme: fc.constant('ecdaa' as const), hash, count: u16 }),
)
const kdfName = fc.constantFrom('mgf1' as const, 'kdf1-sp800-56a' as const, 'kdf2' as const, 'kdf1-sp800-108' as const)
const keyedHashScheme: fc.Arbitrary<Scheme> = fc.oneof(
  noScheme,
  record({ scheme: fc.constant('hmac' as const), hash }),
  record({ scheme: fc.constant('xor' as const), hash, kdf: fc.oneof(kdfName, fc.constant('null' as const)) }),
)
const kdf = fc.oneof(fc.constant({ scheme: 'null' as const }), record({ scheme: kdfName, hash }))

const attributes = <Name extends string>(bits: Record<Name, number>) => fc.subarray(Object.keys(bits) as Name[]) // in the table's order, which is that of the bits

export const publicArea: fc.Arbitrary<PublicArea> = record({
  nameAlg: hashOrNull,
  attributes: attributes(objectAttributeBits),
  authPolicy: digest,
}).chain((common) =>
  fc
    .oneof(
      record({ type: fc.constant('rsa' as const), symmetric, scheme: rsaScheme, keyBits: u16, exponent: u32, modulus: rsa }),
      record({
        type: fc.constant('ecc' as const),
        symmetric,
        scheme: eccScheme,
        curve: fc.constantFrom(...(Object.keys(curves) as (keyof typeof curves)[])),
        kdf,
        x: ecc,
        y: ecc,
      }),
      record({ type: fc.constant('keyedhash' as const), scheme: keyedHashScheme, digest }),
      record({ type: fc.constant('symcipher' as const), symmetric, digest }),
    )
    .map((rest) => ({ ...common, ...rest })),
)

export const nvPublic: fc.Arbitrary<NvPublic> = record({
  index: fc.integer({ min: 0x01000000, max: 0x01ffffff }),
  nameAlg: hash,
  nvType: fc.constantFrom(...(Object.keys(nvTypes) as (keyof typeof nvTypes)[])),
  attributes: attributes(nvAttributeBits),
  authPolicy: digest,
  dataSize: u16,
})

export const creationData: fc.Arbitrary<CreationData> = record({
  pcrSelections,
  pcrDigest: digest,
  locality: fc.integer({ min: 0, max: 255 }),
  parentNameAlg: hashOrNull,
  parentName: name,
  parentQualifiedName: name,
  outsideInfo: name,
})
