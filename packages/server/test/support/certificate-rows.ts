// Rows of certificates and CRLs for tests: plausible ones, of which a test states what matters to it.
import type { CertificateRow, CrlRow } from '../../src/storage/index.ts'
import { certificates } from '../../src/storage/tables/certificates.ts'
import { crls } from '../../src/storage/tables/crls.ts'
import { plausibleRow } from './plausible-row.ts'

export function certificateRow(row: Partial<CertificateRow> = {}): CertificateRow {
  return plausibleRow(
    certificates,
    {
      id: 'certificate',
      userId: 'user',
      name: 'root',
      types: ['tpm_boot'],
      content: '-----BEGIN CERTIFICATE-----',
      notAfter: 9_000,
      createdAt: 1_000,
      updatedAt: 1_000,
    },
    row,
  )
}

export function crlRow(row: Partial<CrlRow> = {}): CrlRow {
  return plausibleRow(
    crls,
    {
      id: 'crl',
      userId: 'user',
      name: 'crl.pem',
      content: '-----BEGIN X509 CRL-----',
      nextUpdate: 5_000,
      createdAt: 1_000,
      updatedAt: 1_000,
    },
    row,
  )
}
