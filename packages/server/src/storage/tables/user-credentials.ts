import { blob, integer, nullable, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

/** What a credential allows: `attester` (challenge, attest, verify tokens), `auditor` (queries), `owner` (everything). */
export type UserRole = 'attester' | 'auditor' | 'owner'

export const userCredentials = table(
  'user_credentials',
  {
    id: text(),
    userId: text('references users (id)'),
    kind: text<'api-key' | 'certificate'>(),
    /** SHA-256 of the API key's text, or of the certificate's DER. */
    fingerprint: blob(),
    role: text<UserRole>(),
    /** The one node that an attester may attest. */
    nodeId: nullable(text()),
    /** The id of the API key that the user replaced with this one; it may be gone. */
    madeFrom: nullable(text()),
    /** For people. */
    label: text(),
    createdAt: integer(),
    expiresAt: nullable(integer()),
    /** Binds the row's fields to the domain key: someone with write access to the store cannot forge or change credentials. */
    seal: sealedBlob(),
    domainVersion: integer(),
  },
  {
    primaryKey: ['id'],
    statements: [
      'create unique index user_credentials_by_fingerprint on user_credentials (fingerprint)',
      'create index user_credentials_by_user on user_credentials (user_id, id)',
      'create index user_credentials_by_expiry on user_credentials (expires_at) where expires_at is not null',
      // Revoking an API key revokes those that were made from it.
      'create index user_credentials_by_parent on user_credentials (made_from) where made_from is not null',
    ],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

/** One way to identify a user: an API key, or a TLS client certificate, by its SHA-256 digest. */
export interface UserCredentialRow extends RowOf<typeof userCredentials> {}
