// What the FSK's signature of a certificate's and a CRL's row covers (contract §13); the order never changes.
import type { SignedField } from '../../signing-keys/index.ts'
import type { CertificateRow, CrlRow } from '../../storage/index.ts'

export const CERTIFICATE_KIND = 'certificate'
export const CRL_KIND = 'crl'

type Unsigned<Row> = Omit<Row, 'signature' | 'keyVersion' | 'altered'>

export function certificateFields(row: Unsigned<CertificateRow>): SignedField[] {
  const { id, userId, name, description, types, isDefault, content, notAfter, version, createdAt, updatedAt } = row
  const fallback = isDefault === null ? null : Number(isDefault)
  return [id, userId, name, description, JSON.stringify(types), fallback, content, notAfter, version, createdAt, updatedAt]
}

export function crlFields({ id, userId, name, content, nextUpdate, version, createdAt, updatedAt }: Unsigned<CrlRow>): SignedField[] {
  return [id, userId, name, content, nextUpdate, version, createdAt, updatedAt]
}
