/** Algorithms of signatures, from AlgorithmIdentifier (RFC 5280 §4.1.1.2, RFC 4055, RFC 5758, RFC 8410, GM/T 0006). */
import { DerReader, readDer, readOid, readSmallInteger, TAG } from '@vouchsafe/der'
import { explicit, integer, nullValue, oid, sequence } from '@vouchsafe/der/writer'
import { malformed } from './errors.ts'

export type SignatureKind = 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa' | 'ed25519' | 'ed448' | 'sm2' | 'unknown'
export type HashName = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512' | 'sm3'
/** The algorithms that this package signs with. */
export type IssuingHash = 'sha256' | 'sha384' | 'sha512'

export interface SignatureAlgorithm {
  oid: string
  /** OpenSSL's name, `sha256WithRSAEncryption`; the dotted identifier where it is unknown. */
  name: string
  kind: SignatureKind
  /** Absent where the algorithm has its own. */
  hash?: HashName
  /** RSA-PSS only, in bytes. */
  saltLength?: number
  /** DER of the AlgorithmIdentifier. */
  raw: Buffer
}

const RSA_PSS = '1.2.840.113549.1.1.10'
const MGF1 = '1.2.840.113549.1.1.8'

const KNOWN = new Map<string, { name: string; kind: SignatureKind; hash?: HashName }>([
  ['1.2.840.113549.1.1.4', { name: 'md5WithRSAEncryption', kind: 'rsa-pkcs1', hash: 'md5' }],
  ['1.2.840.113549.1.1.5', { name: 'sha1WithRSAEncryption', kind: 'rsa-pkcs1', hash: 'sha1' }],
  ['1.2.840.113549.1.1.14', { name: 'sha224WithRSAEncryption', kind: 'rsa-pkcs1', hash: 'sha224' }],
  ['1.2.840.113549.1.1.11', { name: 'sha256WithRSAEncryption', kind: 'rsa-pkcs1', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { name: 'sha384WithRSAEncryption', kind: 'rsa-pkcs1', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { name: 'sha512WithRSAEncryption', kind: 'rsa-pkcs1', hash: 'sha512' }],
  ['1.2.840.10045.4.1', { name: 'ecdsa-with-SHA1', kind: 'ecdsa', hash: 'sha1' }],
  ['1.2.840.10045.4.3.1', { name: 'ecdsa-with-SHA224', kind: 'ecdsa', hash: 'sha224' }],
  ['1.2.840.10045.4.3.2', { name: 'ecdsa-with-SHA256', kind: 'ecdsa', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { name: 'ecdsa-with-SHA384', kind: 'ecdsa', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { name: 'ecdsa-with-SHA512', kind: 'ecdsa', hash: 'sha512' }],
  ['1.3.101.112', { name: 'ED25519', kind: 'ed25519' }],
  ['1.3.101.113', { name: 'ED448', kind: 'ed448' }],
  ['1.2.156.10197.1.501', { name: 'SM2-with-SM3', kind: 'sm2', hash: 'sm3' }],
])

const HASHES = new Map<string, HashName>([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

const SALT_LENGTHS: Record<IssuingHash, number> = { sha256: 32, sha384: 48, sha512: 64 }

/** Reads an AlgorithmIdentifier of a signature. An unknown one has kind `unknown`; known ones have exactly their parameters. Throws X509Error. */
export function parseSignatureAlgorithm(der: Uint8Array, field: string): SignatureAlgorithm {
  const { raw, value } = readDer(der, TAG.sequence, field)
  const reader = new DerReader(value, field)
  const id = readOid(reader.read(TAG.objectIdentifier).value, field)
  if (id === RSA_PSS) {
    const algorithm = { oid: id, name: 'rsassaPss', kind: 'rsa-pss' as const, ...pssParameters(reader, field), raw }
    reader.end()
    return algorithm
  }
  const known = KNOWN.get(id)
  if (!known) return { oid: id, name: id, kind: 'unknown', raw }
  // Only RSA has NULL parameters (RFC 4055 §5), but certificates in use have them with SM2 and ECDSA too, and lack them with RSA.
  const parameters = reader.optional(TAG.null)
  if (parameters && parameters.value.length !== 0) throw malformed(field, 'NULL with contents')
  reader.end()
  return { oid: id, ...known, raw }
}

/** RSASSA-PSS-params (RFC 4055 §3.1); the mask's hash must be the message's, the trailer 1. */
function pssParameters(reader: DerReader, field: string): { hash: HashName; saltLength: number } {
  const parameters = reader.enter(TAG.sequence)
  const hash = parameters.nextTag === 0xa0 ? hashOf(parameters.enter(0xa0), field) : 'sha1'
  let maskHash: HashName = 'sha1'
  if (parameters.nextTag === 0xa1) {
    const wrapper = parameters.enter(0xa1)
    const mask = wrapper.enter()
    if (readOid(mask.read(TAG.objectIdentifier).value, field) !== MGF1) throw malformed(field, 'PSS mask is not MGF1')
    maskHash = hashOf(mask, field)
    wrapper.end()
  }
  const salt = smallInteger(parameters, 0xa2, 20, field)
  const trailer = smallInteger(parameters, 0xa3, 1, field)
  parameters.end()
  if (maskHash !== hash) throw malformed(field, "PSS mask's hash differs from the message's")
  if (trailer !== 1 || salt > 512) throw malformed(field, 'PSS parameters out of range')
  return { hash, saltLength: salt }
}

function hashOf(wrapper: DerReader, field: string): HashName {
  const identifier = wrapper.enter()
  const hash = HASHES.get(readOid(identifier.read(TAG.objectIdentifier).value, field))
  if (!hash) throw malformed(field, 'PSS with an unknown hash')
  identifier.optional(TAG.null)
  identifier.end()
  wrapper.end()
  return hash
}

function smallInteger(reader: DerReader, tag: number, absent: number, field: string): number {
  if (reader.nextTag !== tag) return absent
  const wrapper = reader.enter(tag)
  const value = readSmallInteger(wrapper.read(TAG.integer).value, field)
  wrapper.end()
  return value
}

/** The AlgorithmIdentifier of a signature that this package makes. */
export function encodeSignatureAlgorithm(kind: 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa' | 'ed25519' | 'ed448', hash: IssuingHash): Buffer {
  if (kind === 'rsa-pss') {
    const [hashOid] = [...HASHES].find(([, name]) => name === hash)!
    const identifier = sequence(oid(hashOid), nullValue())
    const mask = sequence(oid(MGF1), identifier)
    return sequence(oid(RSA_PSS), sequence(explicit(0, identifier), explicit(1, mask), explicit(2, integer(SALT_LENGTHS[hash]))))
  }
  const own = kind === 'ed25519' || kind === 'ed448'
  const [id] = [...KNOWN].find(([, known]) => known.kind === kind && (own || known.hash === hash))!
  return kind === 'rsa-pkcs1' ? sequence(oid(id), nullValue()) : sequence(oid(id))
}
