// Quotes made without a TPM: the structures are ours, the signatures node:crypto's. For tests of verification and of what stands on it.
import type { KeyObject } from 'node:crypto'
import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { HashAlgorithm, PcrBank, TpmSignature } from '@vouchsafe/tpm'
import { digestSizes, encodeAttest, encodeSignature, pcrDigest } from '@vouchsafe/tpm'
import { opensslSm2Sign } from './openssl-sm2.ts'

export interface SoftwareAk {
  publicKey: KeyObject
  privateKey: KeyObject
  scheme: 'rsassa' | 'rsapss' | 'ecdsa' | 'sm2'
  hash: HashAlgorithm
  /** Bytes of the salt of RSAPSS; the digest's size unless told. */
  saltLength?: number
}

export interface SoftwareQuote {
  quote: Uint8Array
  signature: Uint8Array
}

export function rsaAk(modulusLength: number, scheme: 'rsassa' | 'rsapss', hash: SoftwareAk['hash']): SoftwareAk {
  return { ...generateKeyPairSync('rsa', { modulusLength }), scheme, hash }
}

export function ecAk(namedCurve: string, hash: SoftwareAk['hash']): SoftwareAk {
  return { ...generateKeyPairSync('ec', { namedCurve }), scheme: 'ecdsa', hash }
}

export function sm2Ak(): SoftwareAk {
  return { ...generateKeyPairSync('ec', { namedCurve: 'SM2' }), scheme: 'sm2', hash: 'sm3' }
}

/** A bank with made-up values, different in every bank and PCR. */
export function someBank(algorithm: HashAlgorithm, indices: readonly number[]): PcrBank {
  const value = (index: number) =>
    new Uint8Array(digestSizes[algorithm]).map((_, i) => (index * 31 + i * 7 + digestSizes[algorithm]) & 0xff)
  return { algorithm, values: new Map(indices.map((index) => [index, value(index)])) }
}

export function softwareQuote(ak: SoftwareAk, qualifyingData: Uint8Array, banks: readonly PcrBank[]): SoftwareQuote {
  const pcrSelections = banks.map(({ algorithm, values }) => ({ algorithm, indices: [...values.keys()] }))
  const quote = encodeAttest({
    type: 'quote',
    qualifiedSigner: Uint8Array.of(0x00, 0x0b, ...new Uint8Array(32).fill(0xaa)),
    extraData: qualifyingData,
    clockInfo: { clock: 123456n, resetCount: 7, restartCount: 1, safe: true },
    firmwareVersion: 0x2019102300163636n,
    pcrSelections,
    pcrDigest: pcrDigest(ak.hash, pcrSelections, banks, { sm3: (data) => createHash('sm3').update(data).digest() }),
  })
  return { quote, signature: encodeSignature(signed(ak, quote)) }
}

export function signed({ privateKey: key, scheme, hash, saltLength = digestSizes[hash] }: SoftwareAk, message: Uint8Array): TpmSignature {
  if (scheme === 'ecdsa' || scheme === 'sm2') {
    const both =
      scheme === 'sm2'
        ? opensslSm2Sign(key, createHash(hash).update(message).digest())
        : sign(hash, message, { key, dsaEncoding: 'ieee-p1363' })
    return { scheme, hash, r: both.subarray(0, both.length / 2), s: both.subarray(both.length / 2) }
  }
  const padding = scheme === 'rsapss' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } : { padding: constants.RSA_PKCS1_PADDING }
  return { scheme, hash, signature: sign(hash, message, { key, ...padding }) }
}
