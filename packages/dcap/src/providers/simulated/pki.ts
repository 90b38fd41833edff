/** A PKI of the same shape as Intel's (root, PCK CA, TCB signing, one PCK), with keys of its own. Its names say that it is simulated. */
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { encodeDer, integer, octetString, oid, sequence } from '@vouchsafe/der/writer'
import { createSelfSignedCa, issueCertificate, parseCertificate } from '@vouchsafe/x509'
import type { Certificate, Extension } from '@vouchsafe/x509'
import { SGX_EXTENSION } from '../../verify/pck-certificate.ts'

const ENUMERATED = 0x0a

export interface SimulatedPki {
  root: { certificate: Certificate; key: KeyObject }
  pckCa: { certificate: Certificate; key: KeyObject }
  tcbSigning: { certificate: Certificate; key: KeyObject }
  pck: { certificate: Certificate; key: KeyObject }
  /** The quoting enclave's, which no certificate names. */
  attestationKey: KeyObject
}

/** What the PCK certificate says of its platform. */
export interface PckFields {
  /** 16 component SVNs. */
  sgx: readonly number[]
  pceSvn: number
  fmspc: Uint8Array
  pceId: Uint8Array
}

/** An FMSPC that no processor has. */
export const SIMULATED_FMSPC = Buffer.from('SIMULA')
export const SIMULATED_PCE_ID = Buffer.alloc(2)
/** Above every level of the simulated TCB info. */
export const SIMULATED_PCK: PckFields = {
  sgx: [4, 4, 3, 3, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
  fmspc: SIMULATED_FMSPC,
  pceId: SIMULATED_PCE_ID,
}

const YEARS = 30

/**
 * New keys and certificates, valid from the start of the day for thirty years.
 *
 * @example
 * const pki = await createSimulatedPki(new Date())
 * pki.root.certificate.basicConstraints?.ca // → true
 */
export async function createSimulatedPki(at: Date, pck: PckFields = SIMULATED_PCK): Promise<SimulatedPki> {
  const notBefore = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()))
  const validity = { notBefore, notAfter: new Date(Date.UTC(at.getUTCFullYear() + YEARS, at.getUTCMonth(), at.getUTCDate())) }
  const root = await createSelfSignedCa({ ...validity, subject: nameOf('Root CA'), pathLength: 1 })
  const signedBy = (issuer: Certificate, signer: KeyObject) => ({ ...validity, issuer, signer })
  const byRoot = signedBy(root.certificate, root.privateKey)
  const [caKey, tcbKey, pckKey] = [newKey(), newKey(), newKey()]
  const pckCa = await issueCertificate({
    ...byRoot,
    subject: nameOf('PCK Platform CA'),
    publicKey: caKey,
    basicConstraints: { ca: true, pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
  })
  const leaf = { basicConstraints: { ca: false }, keyUsage: ['digitalSignature', 'nonRepudiation'] } as const
  const tcbSigning = await issueCertificate({ ...byRoot, ...leaf, subject: nameOf('TCB Signing'), publicKey: tcbKey })
  const pckCertificate = await issueCertificate({
    ...signedBy(pckCa, caKey),
    ...leaf,
    subject: nameOf('PCK Certificate'),
    publicKey: pckKey,
    extensions: [pckExtension(pck)],
  })
  return {
    root: { certificate: root.certificate, key: root.privateKey },
    pckCa: { certificate: pckCa, key: caKey },
    tcbSigning: { certificate: tcbSigning, key: tcbKey },
    pck: { certificate: pckCertificate, key: pckKey },
    attestationKey: newKey(),
  }
}

/**
 * The PKI with its private keys, to be kept like any secret.
 *
 * @example
 * const text = exportSimulatedPki(pki) // holds private keys
 * importSimulatedPki(text).root.certificate.der.equals(pki.root.certificate.der) // → true
 */
export function exportSimulatedPki(pki: SimulatedPki): string {
  const { attestationKey, ...parts } = pki
  const entries = Object.entries(parts).map(([name, { certificate, key }]) => [
    name,
    { certificate: certificate.der.toString('base64'), key: exportKey(key) },
  ])
  return JSON.stringify({ ...Object.fromEntries(entries), attestationKey: exportKey(attestationKey) })
}

/**
 * The result of `exportSimulatedPki`.
 *
 * @example
 * const { root } = importSimulatedPki(exportSimulatedPki(pki))
 * root.certificate.der.equals(enclave.root.der) // → true
 */
export function importSimulatedPki(text: string): SimulatedPki {
  const stored = JSON.parse(text) as Record<keyof SimulatedPki, { certificate: string; key: string }> & { attestationKey: string }
  const part = (name: 'root' | 'pckCa' | 'tcbSigning' | 'pck') => ({
    certificate: parseCertificate(Buffer.from(stored[name].certificate, 'base64')),
    key: importKey(stored[name].key),
  })
  return {
    root: part('root'),
    pckCa: part('pckCa'),
    tcbSigning: part('tcbSigning'),
    pck: part('pck'),
    attestationKey: importKey(stored.attestationKey),
  }
}

function nameOf(role: string): string {
  return `CN=Vouchsafe Simulated SGX ${role},O=Vouchsafe (simulated\\, no hardware)`
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

function exportKey(key: KeyObject): string {
  return key.export({ format: 'der', type: 'pkcs8' }).toString('base64')
}

function importKey(text: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' })
}

/** What `readPckExtension` reads. */
export function pckExtension({ sgx, pceSvn, fmspc, pceId }: PckFields): Extension {
  const field = (suffix: string, value: Buffer) => sequence(oid(`${SGX_EXTENSION}.${suffix}`), value)
  const tcb = sequence(
    ...sgx.map((svn, i) => field(`2.${i + 1}`, integer(svn))),
    field('2.17', integer(pceSvn)),
    field('2.18', octetString(Buffer.from(sgx))),
  )
  const value = sequence(
    field('1', octetString(randomBytes(16))),
    field('2', tcb),
    field('3', octetString(pceId)),
    field('4', octetString(fmspc)),
    field('5', encodeDer(ENUMERATED, Buffer.of(0))),
  )
  return { oid: SGX_EXTENSION, critical: false, value }
}
