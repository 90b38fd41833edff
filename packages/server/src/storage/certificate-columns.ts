// Between the columns and the rows of certificates and CRLs.
import type { CertificateRow, CrlRow } from './certificate-rows.ts'
import { bytes, flag } from './columns.ts'
import type { CertificatesTable, CrlsTable } from './schema.ts'

export function certificateFromColumns(row: CertificatesTable): CertificateRow {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    description: row.description,
    types: JSON.parse(row.types) as string[],
    isDefault: row.is_default === null ? null : row.is_default === 1,
    content: row.content,
    notAfter: row.not_after,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    signature: bytes(row.signature),
    keyVersion: row.key_version,
    altered: row.altered === 1,
  }
}

export function certificateToColumns(certificate: CertificateRow): CertificatesTable {
  return {
    id: certificate.id,
    user_id: certificate.userId,
    name: certificate.name,
    description: certificate.description,
    types: JSON.stringify(certificate.types),
    is_default: certificate.isDefault === null ? null : flag(certificate.isDefault),
    content: certificate.content,
    not_after: certificate.notAfter,
    version: certificate.version,
    created_at: certificate.createdAt,
    updated_at: certificate.updatedAt,
    signature: certificate.signature,
    key_version: certificate.keyVersion,
    altered: flag(certificate.altered),
  }
}

export function crlFromColumns(row: CrlsTable): CrlRow {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    content: row.content,
    nextUpdate: row.next_update,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    signature: bytes(row.signature),
    keyVersion: row.key_version,
    altered: row.altered === 1,
  }
}

export function crlToColumns(crl: CrlRow): CrlsTable {
  return {
    id: crl.id,
    user_id: crl.userId,
    name: crl.name,
    content: crl.content,
    next_update: crl.nextUpdate,
    version: crl.version,
    created_at: crl.createdAt,
    updated_at: crl.updatedAt,
    signature: crl.signature,
    key_version: crl.keyVersion,
    altered: flag(crl.altered),
  }
}
