// Rows of attestation keys' certificates for tests: plausible ones, of which a test states what matters to it.
import type { AkAuthorityRow, AkCertificateRow, AkEnrolmentRow } from '../../src/storage/index.ts'

export function akAuthorityRow(row: Partial<AkAuthorityRow> = {}): AkAuthorityRow {
  return {
    userId: 'user',
    version: 1,
    certificate: new Uint8Array([1, 0]),
    notAfter: 9_000,
    sealed: new Uint8Array([2, 0]),
    domainVersion: 1,
    createdAt: 1_000,
    ...row,
  }
}

export function akEnrolmentRow(row: Partial<AkEnrolmentRow> = {}): AkEnrolmentRow {
  return { userId: 'user', ekDigest: 'ek', nodeId: 'node', createdAt: 1_000, seal: new Uint8Array([3, 0]), domainVersion: 1, ...row }
}

export function akCertificateRow(row: Partial<AkCertificateRow> = {}): AkCertificateRow {
  return {
    userId: 'user',
    serialNumber: '01',
    nodeId: 'node',
    ekDigest: 'ek',
    authorityVersion: 1,
    issuedAt: 1_000,
    notAfter: 9_000,
    revokedAt: null,
    reason: null,
    ...row,
  }
}
