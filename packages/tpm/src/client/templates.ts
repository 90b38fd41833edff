// What standard keys are made from. A primary key depends on every bit of its template.
import type { HashAlgorithm } from '../hash.ts'
import type { CurveName } from '../structures/curves.ts'
import { curves } from '../structures/curves.ts'
import type { ObjectAttribute, PublicArea } from '../structures/public-area.ts'
import type { SymmetricDefinition } from '../structures/symmetric.ts'

/** The kinds of storage and endorsement keys that every TPM can make. */
export type PrimaryKind = 'rsa' | 'ecc'

const NONE = new Uint8Array(0)
const AES128: SymmetricDefinition = { algorithm: 'aes', keyBits: 128, mode: 'cfb' }

/** PolicySecret(endorsement) with SHA-256: "PolicyA" (TCG EK Credential Profile for TPM Family 2.0, "Default EK Template"). */
const EK_POLICY = Uint8Array.from(Buffer.from('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa', 'hex'))

/** Default EK templates L-1 (RSA 2048) and L-2 (P-256) (TCG EK Credential Profile, "Low Range Templates"). */
export const ekTemplates: Readonly<Record<PrimaryKind, PublicArea>> = storageTemplates(['adminWithPolicy'], EK_POLICY)

/** Storage root keys (TCG TPM v2.0 Provisioning Guidance, §7.5.1, "Storage Primary Key (SRK) Templates"). */
export const srkTemplates: Readonly<Record<PrimaryKind, PublicArea>> = storageTemplates(['userWithAuth', 'noDA'], NONE)

/** Where the SRK usually is, when it is persistent (TCG TPM v2.0 Provisioning Guidance, §7.8, and Registry of Reserved TPM 2.0 Handles). */
export const SRK_HANDLE = 0x81000001

/** What an attestation key signs with. */
export interface AkOptions {
  scheme: 'rsassa' | 'rsapss' | 'ecdsa' | 'sm2'
  /** Of the signature, and of the digest of the PCRs in quotes; SHA-256 unless given. */
  hash?: HashAlgorithm
  /** For RSA; 2048 unless given. */
  keyBits?: number
  /** For ECDSA; P-256 unless given. */
  curve?: CurveName
}

/**
 * An attestation key: restricted, so that it signs nothing but what the TPM made itself (TPM 2.0 Library, Part 1, "Restricted signing keys"). Wrong
 * authorization does not count against the lockout, nor does the lockout stop it: its authorization value is empty or long.
 *
 * @example
 * const template = akTemplate({ scheme: 'ecdsa' })
 * template.type === 'ecc' && template.curve // → 'nist-p256'
 */
export function akTemplate({ scheme, hash = 'sha256', keyBits = 2048, curve }: AkOptions): PublicArea {
  const common = {
    nameAlg: 'sha256' as const,
    attributes: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'noDA', 'restricted', 'sign'] as ObjectAttribute[],
    authPolicy: NONE,
    symmetric: { algorithm: 'null' } as const,
    scheme: { scheme, hash },
  }
  if (scheme === 'rsassa' || scheme === 'rsapss') return { ...common, type: 'rsa', keyBits, exponent: 0, modulus: NONE }
  const ownCurve = scheme === 'sm2' ? 'sm2-p256' : 'nist-p256'
  return { ...common, type: 'ecc', curve: curve ?? ownCurve, kdf: { scheme: 'null' }, x: NONE, y: NONE }
}

/**
 * A data object that only its policy opens (TPM 2.0 Library, Part 1, "Sealed data").
 *
 * @example
 * sealedTemplate(pcrPolicy([pcrs])).type // → 'keyedhash'
 */
export function sealedTemplate(authPolicy: Uint8Array): PublicArea {
  return {
    type: 'keyedhash',
    nameAlg: 'sha256',
    attributes: ['fixedTPM', 'fixedParent', 'noDA'],
    authPolicy,
    scheme: { scheme: 'null' },
    digest: NONE,
  }
}

/** Restricted decryption keys whose unique fields are zeros, as both guides have it. */
function storageTemplates(own: ObjectAttribute[], authPolicy: Uint8Array): Record<PrimaryKind, PublicArea> {
  const common = {
    nameAlg: 'sha256' as const,
    attributes: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', ...own, 'restricted', 'decrypt'] as ObjectAttribute[],
    authPolicy,
    symmetric: AES128,
    scheme: { scheme: 'null' } as const,
  }
  const curve = 'nist-p256'
  const zeros = new Uint8Array(curves[curve].size)
  return {
    rsa: { ...common, type: 'rsa', keyBits: 2048, exponent: 0, modulus: new Uint8Array(256) },
    ecc: { ...common, type: 'ecc', curve, kdf: { scheme: 'null' }, x: zeros, y: zeros },
  }
}
