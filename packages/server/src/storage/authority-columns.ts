// Between the columns and the rows of the attestation authority's tables.
import type { SigningKeyRow, UserCredentialRow } from './authority-rows.ts'
import { bytes } from './columns.ts'
import type { SigningKeysTable, UserCredentialsTable } from './schema.ts'

export function userCredentialFromColumns(row: UserCredentialsTable): UserCredentialRow {
  return {
    id: row.id,
    userId: row.user_id,
    kind: row.kind,
    fingerprint: bytes(row.fingerprint),
    role: row.role,
    nodeId: row.node_id,
    madeFrom: row.made_from,
    label: row.label,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    seal: bytes(row.seal),
    domainVersion: row.domain_version,
  }
}

export function userCredentialToColumns(credential: UserCredentialRow): UserCredentialsTable {
  return {
    id: credential.id,
    user_id: credential.userId,
    kind: credential.kind,
    fingerprint: credential.fingerprint,
    role: credential.role,
    node_id: credential.nodeId,
    made_from: credential.madeFrom,
    label: credential.label,
    created_at: credential.createdAt,
    expires_at: credential.expiresAt,
    seal: credential.seal,
    domain_version: credential.domainVersion,
  }
}

export function signingKeyFromColumns(row: SigningKeysTable): SigningKeyRow {
  return {
    name: row.name,
    version: row.version,
    algorithm: row.algorithm,
    sealed: bytes(row.sealed),
    domainVersion: row.domain_version,
    createdAt: row.created_at,
  }
}

export function signingKeyToColumns(key: SigningKeyRow): SigningKeysTable {
  return {
    name: key.name,
    version: key.version,
    algorithm: key.algorithm,
    sealed: key.sealed,
    domain_version: key.domainVersion,
    created_at: key.createdAt,
  }
}
