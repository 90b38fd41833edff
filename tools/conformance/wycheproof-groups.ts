/** Wycheproof's types of test groups, and how a test of each is put to the product's own API. */
import { createHash, createPublicKey, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CryptoInputError } from '@vouchsafe/crypto'
import type { Digest, KeyCrypto, KeySpec, SignOptions } from '@vouchsafe/crypto'
import { encodeSignature } from './der-signature.ts'
import { hex, isObject, text } from './vector-files.ts'
import type { Json } from './vector-files.ts'

/** Whether a test with the stated `result` passes, or why it is skipped. */
export type Judge = (test: Json, result: string) => Promise<boolean | string>
/** A judge for the tests of a group, or why the whole group is skipped. */
type OpenGroup = (algorithm: string, group: Json, crypto: KeyCrypto) => Judge | string

const DIGESTS: Readonly<Record<string, Digest>> = { 'SHA-224': 'sha224', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' }
const MACS: Readonly<Record<string, [Digest, number]>> = {
  HMACSHA224: ['sha224', 224],
  HMACSHA256: ['sha256', 256],
  HMACSHA384: ['sha384', 384],
  HMACSHA512: ['sha512', 512],
  HMACSM3: ['sm3', 256],
}
const CURVES: Readonly<Record<string, [KeySpec, number]>> = {
  secp224r1: ['ec-p224', 28],
  secp256r1: ['ec-p256', 32],
  secp256k1: ['ec-secp256k1', 32],
  secp384r1: ['ec-p384', 48],
  secp521r1: ['ec-p521', 66],
}
const RSA_SPECS: Readonly<Record<string, KeySpec>> = { 2048: 'rsa-2048', 3072: 'rsa-3072', 4096: 'rsa-4096' }

export const GROUP_TYPES: ReadonlyMap<string, OpenGroup> = new Map<string, OpenGroup>([
  ['AeadTest', openAead],
  ['MacTest', openMac],
  ['EcdsaVerify', openEcdsa],
  ['EcdsaP1363Verify', openEcdsa],
  ['RsassaPkcs1Verify', openRsaPkcs1Signature],
  ['RsassaPssVerify', openRsaPss],
  ['RsaesOaepDecrypt', openRsaOaep],
  ['RsaesPkcs1Decrypt', openRsaPkcs1Decryption],
])

function openAead(algorithm: string, group: Json, crypto: KeyCrypto): Judge | string {
  if (algorithm !== 'AES-GCM') return `${algorithm} is not offered`
  if (group['ivSize'] !== 96) return 'AES-GCM with an IV other than 12 bytes is not offered'
  if (group['tagSize'] !== 128) return 'AES-GCM with a tag other than 16 bytes is not offered'
  const spec = `aes-${String(group['keySize'])}-gcm` as KeySpec
  return async (test, result) => {
    const key = crypto.decode(spec, hex(test, 'key'))
    const ciphertext = Buffer.concat([hex(test, 'ct'), hex(test, 'iv'), hex(test, 'tag')])
    return judgeOutput(result, hex(test, 'msg'), () => crypto.decrypt(spec, key, ciphertext, hex(test, 'aad')))
  }
}

function openMac(algorithm: string, group: Json, crypto: KeyCrypto): Judge | string {
  const [digest, bits] = MACS[algorithm] ?? []
  if (digest === undefined) return `${algorithm} is not offered`
  if (group['tagSize'] !== bits) return 'truncated MACs are not offered'
  return async (test, result) => {
    const key = createSecretKey(hex(test, 'key'))
    return judgeVerdict(result, await crypto.verify('hmac-256', key, hex(test, 'msg'), hex(test, 'tag'), { digest }))
  }
}

function openEcdsa(_algorithm: string, group: Json, crypto: KeyCrypto): Judge | string {
  const curve = isObject(group['publicKey']) ? String(group['publicKey']['curve']) : 'unknown'
  const [spec, width] = CURVES[curve] ?? []
  const digest = DIGESTS[text(group, 'sha')]
  if (spec === undefined || width === undefined) return `ECDSA on ${curve} is not offered`
  if (digest === undefined) return `ECDSA with ${text(group, 'sha')} is not offered`
  const publicKey = createPublicKey({ key: hex(group, 'publicKeyDer'), format: 'der', type: 'spki' })
  if (group['type'] === 'EcdsaVerify') return signatureJudge(crypto, spec, publicKey, { digest })
  const judge = signatureJudge(crypto, spec, publicKey, { digest })
  return async (test, result) => {
    const signature = hex(test, 'sig')
    if (signature.length !== 2 * width) return 'r ‖ s of another width than the curve’s has no DER form'
    return judge({ ...test, sig: encodeSignature(signature).toString('hex') }, result)
  }
}

function openRsaPkcs1Signature(_algorithm: string, group: Json, crypto: KeyCrypto): Judge | string {
  const [spec, digest] = [RSA_SPECS[String(group['keySize'])], DIGESTS[text(group, 'sha')]]
  if (spec === undefined || digest === undefined) return `RSA-${String(group['keySize'])} with ${text(group, 'sha')} is not offered`
  return signatureJudge(crypto, spec, rsaPublicKey(group), { digest, padding: 'pkcs1' })
}

function openRsaPss(_algorithm: string, group: Json, crypto: KeyCrypto): Judge | string {
  const [spec, digest] = [RSA_SPECS[String(group['keySize'])], DIGESTS[text(group, 'sha')]]
  if (spec === undefined || digest === undefined) return `RSA-${String(group['keySize'])} PSS with ${text(group, 'sha')} is not offered`
  if (group['mgf'] !== 'MGF1' || group['mgfSha'] !== group['sha'])
    return 'PSS with another mask generation than MGF1 of its digest is not offered'
  if (group['sLen'] !== createHash(digest).digest().length) return 'PSS with a salt of another length than its digest is not offered'
  return signatureJudge(crypto, spec, rsaPublicKey(group), { digest, padding: 'pss' })
}

function openRsaOaep(_algorithm: string, group: Json, crypto: KeyCrypto): Judge | string {
  const spec = RSA_SPECS[String(group['keySize'])]
  if (spec === undefined) return `RSA-${String(group['keySize'])} is not offered`
  if (group['sha'] !== 'SHA-256' || group['mgfSha'] !== 'SHA-256') return 'OAEP with other digests than SHA-256 is not offered'
  const key = crypto.decode(spec, hex(group, 'privateKeyPkcs8'))
  return async (test, result) => {
    if (text(test, 'label') !== '') return 'OAEP with a label is not offered'
    return judgeOutput(result, hex(test, 'msg'), () => crypto.asymmetricDecrypt(spec, key, hex(test, 'ct'), 'oaep'))
  }
}

/** Bad padding is rejected implicitly: an invalid case passes when its output is not the stated plaintext. */
function openRsaPkcs1Decryption(_algorithm: string, group: Json, crypto: KeyCrypto): Judge | string {
  const spec = RSA_SPECS[String(group['keySize'])]
  if (spec === undefined) return `RSA-${String(group['keySize'])} is not offered`
  const key = crypto.decode(spec, hex(group, 'privateKeyPkcs8'))
  return async (test, result) => {
    const output = await outputOf(() => crypto.asymmetricDecrypt(spec, key, hex(test, 'ct'), 'pkcs1'))
    const equal = output !== undefined && output.equals(hex(test, 'msg'))
    return result === 'valid' ? equal : result === 'invalid' ? !equal : true
  }
}

function rsaPublicKey(group: Json): KeyObject {
  return createPublicKey({ key: hex(group, 'publicKeyAsn'), format: 'der', type: 'pkcs1' })
}

/** Both ways of asking must agree with the stated result: over the message, and over its precomputed digest. */
function signatureJudge(crypto: KeyCrypto, spec: KeySpec, publicKey: KeyObject, options: SignOptions & { digest: Digest }): Judge {
  return async (test, result) => {
    const [message, signature] = [hex(test, 'msg'), hex(test, 'sig')]
    const hash = createHash(options.digest).update(message).digest()
    const verdicts = await Promise.all([
      crypto.verify(spec, publicKey, message, signature, options),
      crypto.verify(spec, publicKey, hash, signature, { ...options, prehashed: true }),
    ])
    return verdicts.every((accepted) => judgeVerdict(result, accepted))
  }
}

function judgeVerdict(result: string, accepted: boolean): boolean {
  return result === 'acceptable' || (result === 'valid') === accepted
}

async function judgeOutput(result: string, expected: Buffer, produce: () => Buffer | Promise<Buffer>): Promise<boolean> {
  const output = await outputOf(produce)
  if (result === 'invalid') return output === undefined
  return output === undefined ? result === 'acceptable' : output.equals(expected)
}

/** The output, or undefined when the product refused; any other error is not a refusal. */
async function outputOf(produce: () => Buffer | Promise<Buffer>): Promise<Buffer | undefined> {
  try {
    return await produce()
  } catch (error) {
    if (error instanceof CryptoInputError && error.code === 'decryption_failed') return undefined
    throw error
  }
}
