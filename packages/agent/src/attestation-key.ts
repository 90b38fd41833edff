// The attestation key that the TPM keeps, and its certificate: found, and checked against each other.
import { TpmResponseError, publicAreaSpki, tpm2 } from '@vouchsafe/tpm'
import type { LoadedObject, PublicArea, Tpm } from '@vouchsafe/tpm'
import { attributeOf } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import type { TpmSettings } from './attesters/attester.ts'
import { readCertificate } from './certificate-store.ts'
import { AgentError } from './errors.ts'

export interface AttestationKey {
  handle: number
  /** The common name of its certificate. */
  nodeId: string
  /** Its own, then those of CAs between, where they are stored with it. */
  certificates: readonly [Certificate, ...Certificate[]]
}

const SETUP = "'vouchsafe-agent provision' sets it up"

/**
 * The key at the configured handle with its certificate. The certificate must be for this key, for the configured node, and in its time.
 * @throws {AgentError} `collection` that says what is missing
 */
export async function findAk(
  tpm: Tpm,
  settings: TpmSettings,
  { now, nodeId }: { now: number; nodeId: string | undefined },
): Promise<AttestationKey> {
  const publicArea = await readAk(tpm, settings)
  const certificates = await readCertificate(tpm, settings.certificate)
  if (certificates === undefined)
    throw new AgentError('collection', `the attestation key has no certificate at ${placeOf(settings)}: ${SETUP}`)
  const problem = certificateProblem(certificates[0], { publicArea, nodeId, now })
  if (problem !== undefined) throw new AgentError('collection', `the certificate at ${placeOf(settings)} ${problem}`)
  return { handle: settings.akHandle, nodeId: attributeOf(certificates[0].subject, 'CN')!, certificates }
}

/** The public part of the key at the configured handle. Throws AgentError when there is none, or none that attests as configured. */
export async function readAk(tpm: Tpm, { akHandle, scheme }: TpmSettings): Promise<PublicArea> {
  const key = (await readPersistent(tpm, akHandle))?.publicArea
  if (key === undefined) throw new AgentError('collection', `the TPM has no key at ${handleText(akHandle)}: ${SETUP}`)
  const problem = keyProblem(key, scheme)
  if (problem !== undefined) throw new AgentError('collection', `the key at ${handleText(akHandle)} ${problem}`)
  return key
}

/** A persistent key; undefined when nothing is at the handle. */
export async function readPersistent(tpm: Tpm, handle: number): Promise<LoadedObject | undefined> {
  try {
    return await tpm2.readPublic(tpm, handle)
  } catch (error) {
    if (error instanceof TpmResponseError && error.codeName === 'TPM_RC_HANDLE') return undefined
    throw error
  }
}

/** Why a key can't attest, or not by this scheme: a quote by a key that signs anything else too proves nothing. */
export function keyProblem(key: PublicArea, scheme: TpmSettings['scheme']): string | undefined {
  const { type, attributes } = key
  if (type !== 'rsa' && type !== 'ecc') return `is a ${type} object`
  const missing = (['sign', 'restricted', 'fixedTPM', 'sensitiveDataOrigin'] as const).filter((each) => !attributes.includes(each))
  if (missing.length > 0) return `is not an attestation key: it is not ${missing.join(', ')}`
  if (attributes.includes('decrypt')) return 'is not an attestation key: it can decrypt'
  const own = key.scheme
  const ownHash = 'hash' in own ? String(own.hash) : undefined
  if (scheme === undefined || own.scheme === 'null' || (own.scheme === scheme.scheme && ownHash === scheme.hash)) return undefined
  const signs = `signs with ${own.scheme}${ownHash === undefined ? '' : ` and ${ownHash}`}`
  return `${signs}, quote_signature_scheme says ${scheme.scheme} and ${scheme.hash}`
}

/** Why a certificate is not the one of a key and node at a time; undefined when it is. */
export function certificateProblem(
  certificate: Certificate,
  { publicArea, nodeId, now }: { publicArea: PublicArea; nodeId: string | undefined; now: number },
): string | undefined {
  if (!certificate.publicKey.spki.equals(publicAreaSpki(publicArea))) return 'is for another key'
  const name = attributeOf(certificate.subject, 'CN')
  if (name === undefined || name === '') return 'has no common name'
  if (nodeId !== undefined && name !== nodeId) return `is for the node '${name}', agent.uuid says '${nodeId}'`
  if (now < certificate.notBefore.getTime()) return `is valid only from ${certificate.notBefore.toISOString()}; is the clock correct?`
  if (now > certificate.notAfter.getTime()) return `expired on ${certificate.notAfter.toISOString()}`
  return undefined
}

/** Where the certificate is, in words. */
export function placeOf({ certificate }: TpmSettings): string {
  return 'path' in certificate ? certificate.path : `NV index ${handleText(certificate.nvIndex)}`
}

export function handleText(handle: number): string {
  return `0x${handle.toString(16)}`
}
