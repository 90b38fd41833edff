// Between the columns and the rows of attestation keys' certificates.
import type { AkAuthorityRow, AkCertificateRow, AkEnrolmentRow } from './attestation-key-rows.ts'
import { bytes } from './columns.ts'
import type { AkAuthoritiesTable, AkCertificatesTable, AkEnrolmentsTable } from './schema.ts'

export function akAuthorityFromColumns(row: AkAuthoritiesTable): AkAuthorityRow {
  return {
    userId: row.user_id,
    version: row.version,
    certificate: bytes(row.certificate),
    notAfter: row.not_after,
    sealed: bytes(row.sealed),
    domainVersion: row.domain_version,
    createdAt: row.created_at,
  }
}

export function akAuthorityToColumns(authority: AkAuthorityRow): AkAuthoritiesTable {
  return {
    user_id: authority.userId,
    version: authority.version,
    certificate: authority.certificate,
    not_after: authority.notAfter,
    sealed: authority.sealed,
    domain_version: authority.domainVersion,
    created_at: authority.createdAt,
  }
}

export function akEnrolmentFromColumns(row: AkEnrolmentsTable): AkEnrolmentRow {
  return {
    userId: row.user_id,
    ekDigest: row.ek_digest,
    nodeId: row.node_id,
    createdAt: row.created_at,
    seal: bytes(row.seal),
    domainVersion: row.domain_version,
  }
}

export function akEnrolmentToColumns(enrolment: AkEnrolmentRow): AkEnrolmentsTable {
  return {
    user_id: enrolment.userId,
    ek_digest: enrolment.ekDigest,
    node_id: enrolment.nodeId,
    created_at: enrolment.createdAt,
    seal: enrolment.seal,
    domain_version: enrolment.domainVersion,
  }
}

export function akCertificateFromColumns(row: AkCertificatesTable): AkCertificateRow {
  return {
    userId: row.user_id,
    serialNumber: row.serial_number,
    nodeId: row.node_id,
    ekDigest: row.ek_digest,
    authorityVersion: row.authority_version,
    issuedAt: row.issued_at,
    notAfter: row.not_after,
    revokedAt: row.revoked_at,
    reason: row.reason,
  }
}

export function akCertificateToColumns(certificate: AkCertificateRow): AkCertificatesTable {
  return {
    user_id: certificate.userId,
    serial_number: certificate.serialNumber,
    node_id: certificate.nodeId,
    ek_digest: certificate.ekDigest,
    authority_version: certificate.authorityVersion,
    issued_at: certificate.issuedAt,
    not_after: certificate.notAfter,
    revoked_at: certificate.revokedAt,
    reason: certificate.reason,
  }
}
