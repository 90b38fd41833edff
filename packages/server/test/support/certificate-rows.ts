// Rows of certificates and CRLs for tests: plausible ones, of which a test states what matters to it.
import type { CertificateRow, CrlRow } from '../../src/storage/index.ts'

export function certificateRow(row: Partial<CertificateRow> = {}): CertificateRow {
  return {
    id: 'certificate',
    userId: 'user',
    name: 'root',
    description: null,
    types: ['tpm_boot'],
    isDefault: null,
    content: '-----BEGIN CERTIFICATE-----',
    notAfter: 9_000,
    version: 1,
    createdAt: 1_000,
    updatedAt: 1_000,
    signature: new Uint8Array([1, 0, 2]),
    keyVersion: 1,
    altered: false,
    ...row,
  }
}

export function crlRow(row: Partial<CrlRow> = {}): CrlRow {
  return {
    id: 'crl',
    userId: 'user',
    name: 'crl.pem',
    content: '-----BEGIN X509 CRL-----',
    nextUpdate: 5_000,
    version: 1,
    createdAt: 1_000,
    updatedAt: 1_000,
    signature: new Uint8Array([3, 0, 4]),
    keyVersion: 1,
    altered: false,
    ...row,
  }
}
