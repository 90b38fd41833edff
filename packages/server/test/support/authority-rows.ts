// Rows of the attestation authority for tests: plausible ones, of which a test states what matters to it.
import type { SigningKeyRow, UserCredentialRow } from '../../src/storage/index.ts'

export function userCredentialRow(row: Partial<UserCredentialRow> = {}): UserCredentialRow {
  return {
    id: 'credential',
    userId: 'user',
    kind: 'api-key',
    fingerprint: new Uint8Array([1]),
    role: 'owner',
    nodeId: null,
    madeFrom: null,
    label: '',
    createdAt: 1_000,
    expiresAt: null,
    seal: new Uint8Array([4, 0, 5]),
    domainVersion: 1,
    ...row,
  }
}

export function signingKeyRow(row: Partial<SigningKeyRow> = {}): SigningKeyRow {
  return {
    name: 'TSK',
    version: 1,
    algorithm: 'rsa_3072',
    sealed: new Uint8Array([6, 0, 7]),
    domainVersion: 1,
    createdAt: 1_000,
    ...row,
  }
}
