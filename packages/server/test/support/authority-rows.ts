// Rows of the attestation authority for tests: plausible ones, of which a test states what matters to it.
import type { SigningKeyRow, UserCredentialRow } from '../../src/storage/index.ts'
import { signingKeys } from '../../src/storage/tables/signing-keys.ts'
import { userCredentials } from '../../src/storage/tables/user-credentials.ts'
import { plausibleRow } from './plausible-row.ts'

export function userCredentialRow(row: Partial<UserCredentialRow> = {}): UserCredentialRow {
  return plausibleRow(
    userCredentials,
    { id: 'credential', userId: 'user', kind: 'api-key', fingerprint: new Uint8Array([1]), role: 'owner', createdAt: 1_000 },
    row,
  )
}

export function signingKeyRow(row: Partial<SigningKeyRow> = {}): SigningKeyRow {
  return plausibleRow(signingKeys, { name: 'TSK', algorithm: 'rsa_3072', createdAt: 1_000 }, row)
}
