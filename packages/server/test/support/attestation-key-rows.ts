// Rows of attestation keys' certificates for tests: plausible ones, of which a test states what matters to it.
import type { AkAuthorityRow, AkCertificateRow, AkEnrolmentRow } from '../../src/storage/index.ts'
import { akAuthorities } from '../../src/storage/tables/ak-authorities.ts'
import { akCertificates } from '../../src/storage/tables/ak-certificates.ts'
import { akEnrolments } from '../../src/storage/tables/ak-enrolments.ts'
import { plausibleRow } from './plausible-row.ts'

export function akAuthorityRow(row: Partial<AkAuthorityRow> = {}): AkAuthorityRow {
  return plausibleRow(akAuthorities, { userId: 'user', certificate: new Uint8Array([1, 0]), notAfter: 9_000, createdAt: 1_000 }, row)
}

export function akEnrolmentRow(row: Partial<AkEnrolmentRow> = {}): AkEnrolmentRow {
  return plausibleRow(akEnrolments, { userId: 'user', ekDigest: 'ek', nodeId: 'node', createdAt: 1_000 }, row)
}

export function akCertificateRow(row: Partial<AkCertificateRow> = {}): AkCertificateRow {
  return plausibleRow(
    akCertificates,
    { userId: 'user', serialNumber: '01', nodeId: 'node', ekDigest: 'ek', issuedAt: 1_000, notAfter: 9_000 },
    row,
  )
}
