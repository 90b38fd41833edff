import { QuoteError } from '../errors.ts'

/** Certification data types (Intel SGX ECDSA Quote Library Reference, "QE Certification Data"). */
export const CERTIFICATION_TYPE = {
  ppidPlain: 1,
  ppidRsa2048: 2,
  ppidRsa3072: 3,
  pckLeaf: 4,
  pckChain: 5,
  qeReport: 6,
  platformManifest: 7,
} as const

/** Data that identifies the PCK certificate of the quoting enclave's key. */
export interface CertificationData {
  type: 1 | 2 | 3 | 4 | 5 | 7
  data: Buffer
  /** The certificates as PEM text, for the types that contain them (4 and 5); for other types they are in the collateral. */
  pem?: string
}

/** Throws QuoteError for types that cannot stand here and for certificates that are not text. */
export function certificationData(type: number, data: Buffer): CertificationData {
  switch (type) {
    case CERTIFICATION_TYPE.pckLeaf: {
      const pem = pemText(data)
      // Nothing signs the type: a chain that calls itself a leaf is refused rather than read as what it isn't.
      if (pem.split('-----BEGIN ').length > 2) throw new QuoteError('certification data', 'type 4 holds more than the leaf certificate')
      return { type, data, pem }
    }
    case CERTIFICATION_TYPE.pckChain:
      return { type, data, pem: pemText(data) }
    case CERTIFICATION_TYPE.ppidPlain:
    case CERTIFICATION_TYPE.ppidRsa2048:
    case CERTIFICATION_TYPE.ppidRsa3072:
    case CERTIFICATION_TYPE.platformManifest:
      return { type, data }
    default:
      throw new QuoteError('certification data type', `${type} is not one of 1 to 5 and 7`)
  }
}

/** Quoting libraries end the text with a NUL. */
function pemText(data: Buffer): string {
  const end = data.at(-1) === 0 ? data.length - 1 : data.length
  for (let i = 0; i < end; i++) {
    const byte = data[i]!
    if (byte >= 0x7f || (byte < 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09))
      throw new QuoteError('certification data', 'not PEM text')
  }
  return data.toString('latin1', 0, end)
}
