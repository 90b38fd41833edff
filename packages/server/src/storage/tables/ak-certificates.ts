import { integer, nullable, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const akCertificates = table(
  'ak_certificates',
  {
    userId: text(),
    /** Lower-case hex. */
    serialNumber: text(),
    nodeId: text(),
    ekDigest: text(),
    /** The version of the CA. */
    authorityVersion: integer(),
    issuedAt: integer(),
    notAfter: integer(),
    revokedAt: nullable(integer()),
    /** A reason of RFC 5280 §5.3.1, where it was revoked with one. */
    reason: nullable(text()),
  },
  {
    primaryKey: ['userId', 'serialNumber'],
    statements: [
      'create index ak_certificates_by_node on ak_certificates (user_id, node_id, serial_number)',
      'create index ak_certificates_by_key on ak_certificates (user_id, ek_digest)',
      'create index ak_certificates_by_expiry on ak_certificates (not_after)',
      'create index ak_certificates_revoked on ak_certificates (user_id) where revoked_at is not null',
    ],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

/** A certificate that was issued for an attestation key. */
export interface AkCertificateRow extends RowOf<typeof akCertificates> {}
