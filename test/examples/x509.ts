// What the examples of packages/x509 take for granted: a CA, a certificate of it, and a CRL that names that.
import { generateKeyPairSync } from 'node:crypto'
import { createSelfSignedCa, issueCertificate, issueCrl } from '@vouchsafe/x509'

const dates = { notBefore: new Date('2026-01-01'), notAfter: new Date('2027-01-01') }
export const at = new Date('2026-06-01')
export const { certificate: ca, privateKey: caKey } = await createSelfSignedCa({ subject: 'O=Example,CN=Example CA', ...dates })
export const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const leaf = await issueCertificate({
  subject: 'CN=host-7',
  issuer: ca,
  signer: caKey,
  publicKey,
  ...dates,
  keyUsage: ['digitalSignature'],
})
export const crl = await issueCrl({
  issuer: ca,
  signer: caKey,
  thisUpdate: at,
  revoked: [{ serialNumber: leaf.serialNumber, date: at, reason: 'keyCompromise' }],
})
