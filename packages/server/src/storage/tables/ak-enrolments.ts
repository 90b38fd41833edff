import { integer, sealedBlob, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const akEnrolments = table(
  'ak_enrolments',
  {
    userId: text(),
    /** SHA-256 of the endorsement key's SubjectPublicKeyInfo, lower-case hex. */
    ekDigest: text(),
    nodeId: text(),
    createdAt: integer(),
    /** Nothing, sealed to the row's other columns: someone with write access to the database cannot forge an enrolment. */
    seal: sealedBlob(),
    domainVersion: integer(),
  },
  {
    primaryKey: ['userId', 'ekDigest'],
    statements: ['create unique index ak_enrolments_by_node on ak_enrolments (user_id, node_id)'],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

/** The node that an endorsement key belongs to, as recorded by an owner: one node has one key. */
export interface AkEnrolmentRow extends RowOf<typeof akEnrolments> {}
