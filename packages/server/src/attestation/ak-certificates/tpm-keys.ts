/** What must hold for the keys of a TPM that asks for a certificate (decisions "AK certificates from the server"). */
import { createHash, type KeyObject } from 'node:crypto'
import { objectName, parsePublicArea, publicAreaKey, TpmError } from '@vouchsafe/tpm'
import type { ObjectAttribute, PublicArea } from '@vouchsafe/tpm'
import { certificatesFromPem, publicKeyOf, X509Error } from '@vouchsafe/x509'
import { ServiceError, invalid } from '../../foundation/index.ts'
import { bytesOfBase64 } from '../base64.ts'
import { HASHES } from '../verifiers/tpm-evidence.ts'

const MAX_CERTIFICATES = 8
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 4096
const AK_CURVES = ['nist-p256', 'nist-p384', 'nist-p521', 'sm2-p256']
/** The key was generated in a TPM, stays there, and signs only what the TPM produces. */
const AK_ATTRIBUTES: readonly ObjectAttribute[] = ['restricted', 'sign', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin']

export interface EndorsementKey {
  area: PublicArea
  /** SHA-256 of its SubjectPublicKeyInfo, lower-case hex. */
  digest: string
  /** Its certificate and those sent with it, DER. */
  leaf: Uint8Array
  intermediates: Uint8Array[]
}

export interface AttestationKey {
  /** The TPM's name for it: computed here, since a name sent by the client proves nothing. */
  name: Uint8Array
  publicKey: KeyObject
}

/**
 * @param ekCertificate PEM, intermediates may follow
 * @param ekPublic base64 of TPMT_PUBLIC
 * @throws {ServiceError} `invalid` naming the field
 */
export function readEndorsementKey(ekCertificate: string, ekPublic: string): EndorsementKey {
  const [certificate, ...others] = named('ekCertificate', () => certificatesFromPem(ekCertificate, { max: MAX_CERTIFICATES }))
  const area = readArea('ekPublic', ekPublic)
  const key = named('ekPublic', () => publicAreaKey(area))
  const certified = named('ekCertificate', () => publicKeyOf(certificate!))
  if (!key.equals(certified)) {
    const problem = ": it is not the key of ekCertificate's subject"
    throw new ServiceError('invalid', { message: `ekPublic${problem}`, facts: { field: 'ekPublic', problem, other: 'ekCertificate' } })
  }
  return { area, digest: ekDigestOf(key), leaf: certificate!.der, intermediates: others.map(({ der }) => der) }
}

/** What identifies an endorsement key. */
export function ekDigestOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex')
}

/**
 * @param akPublic base64 of TPMT_PUBLIC
 * @throws {ServiceError} `invalid` naming the field
 */
export function readAttestationKey(akPublic: string): AttestationKey {
  const area = readArea('akPublic', akPublic)
  const missing = AK_ATTRIBUTES.filter((attribute) => !area.attributes.includes(attribute))
  if (missing.length > 0) throw invalid('akPublic', `: an attestation key must be ${missing.join(', ')}`)
  if (area.attributes.includes('decrypt')) throw invalid('akPublic', ': an attestation key must not decrypt')
  if (area.nameAlg === 'null' || area.nameAlg === 'sha1') throw invalid('akPublic', ': its name must be made with SHA-256 or better')
  const strong =
    area.type === 'rsa'
      ? area.keyBits >= MIN_RSA_BITS && area.keyBits <= MAX_RSA_BITS
      : area.type === 'ecc' && AK_CURVES.includes(String(area.curve))
  if (!strong) throw invalid('akPublic', `: it must be RSA of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits or one of ${AK_CURVES.join(', ')}`)
  return named('akPublic', () => ({ name: objectName(area, HASHES), publicKey: publicAreaKey(area) }))
}

function readArea(field: string, text: string): PublicArea {
  const bytes = bytesOfBase64(text)
  if (!bytes) throw invalid(field, 'is not base64')
  return named(field, () => parsePublicArea(bytes))
}

function named<T>(field: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof TpmError || error instanceof X509Error) throw invalid(field, `: ${error.message}`)
    throw error
  }
}
