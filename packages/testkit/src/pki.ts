// A public key infrastructure of a test's own, dated around the time of the platform that the test gives.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createSelfSignedCa, issueCertificate, issueCrl, toPem } from '@vouchsafe/x509'
import type { Certificate, CertificateInput, Crl, CrlInput } from '@vouchsafe/x509'

const DAY_MS = 24 * 60 * 60 * 1000

export interface Entity {
  certificate: Certificate
  privateKey: KeyObject
  /** Of the certificate. */
  pem: string
}

export interface Pki {
  root(subject?: string): Promise<Entity>
  /** An intermediate CA. */
  ca(issuer: Entity, subject?: string, overrides?: Partial<CertificateInput>): Promise<Entity>
  /** Has the usage of signatures. */
  leaf(issuer: Entity, subject?: string, overrides?: Partial<CertificateInput>): Promise<Entity>
  /** Not a CA. */
  selfSigned(subject?: string): Promise<Entity>
  /** PEM of a CRL with these certificates, a day old and good for ten more. */
  crl(issuer: Entity, revoked?: readonly Entity[], overrides?: Partial<CrlInput>): Promise<string>
}

/** Certificates begin ten days before `now` and end a hundred after it. */
export function pkiAt(now: number): Pki {
  const notBefore = new Date(now - 10 * DAY_MS)
  const notAfter = new Date(now + 100 * DAY_MS)
  const issue = async (issuer: Entity | string, subject: string, overrides: Partial<CertificateInput>): Promise<Entity> => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const parent = typeof issuer === 'string' ? { name: issuer, key: privateKey } : { name: issuer.certificate, key: issuer.privateKey }
    const certificate = await issueCertificate({
      subject,
      issuer: parent.name,
      publicKey: privateKey,
      signer: parent.key,
      notBefore,
      notAfter,
      ...overrides,
    })
    return { certificate, privateKey, pem: toPem('CERTIFICATE', certificate.der) }
  }
  return {
    async root(subject = 'CN=Root') {
      const { certificate, privateKey } = await createSelfSignedCa({ subject, notBefore, notAfter })
      return { certificate, privateKey, pem: toPem('CERTIFICATE', certificate.der) }
    },
    ca: (issuer, subject = 'CN=Middle', overrides = {}) =>
      issue(issuer, subject, { basicConstraints: { ca: true }, keyUsage: ['keyCertSign', 'cRLSign'], ...overrides }),
    leaf: (issuer, subject = 'CN=leaf', overrides = {}) => issue(issuer, subject, { keyUsage: ['digitalSignature'], ...overrides }),
    selfSigned: (subject = 'CN=self') => issue(subject, subject, {}),
    async crl(issuer, revoked = [], overrides = {}) {
      const list: Crl = await issueCrl({
        issuer: issuer.certificate,
        signer: issuer.privateKey,
        thisUpdate: new Date(now - DAY_MS),
        nextUpdate: new Date(now + 10 * DAY_MS),
        number: 1,
        revoked: revoked.map(({ certificate }) => ({ serialNumber: certificate.serialNumber, date: new Date(now - DAY_MS) })),
        ...overrides,
      })
      return toPem('X509 CRL', list.der)
    },
  }
}
