import { blob, integer, nullable, text } from '../column.ts'
import { type RowOf, table } from '../table.ts'

export const enrollTokens = table(
  'enroll_tokens',
  {
    id: text(),
    /** SHA-256 of the token, which is not stored. */
    tokenHash: blob(),
    label: text(),
    createdAt: integer(),
    expiresAt: integer(),
    usedAt: nullable(integer()),
    /** The app that was enrolled with it. */
    appId: nullable(text()),
  },
  {
    primaryKey: ['id'],
    statements: [
      'create unique index enroll_tokens_by_hash on enroll_tokens (token_hash)',
      'create index enroll_tokens_by_expiry on enroll_tokens (expires_at)',
    ],
    authenticated: { by: 'mac' },
    backup: { held: true },
  },
)

export const enrollToken = enrollTokens.without('usedAt', 'appId')
export const enrollTokenSummary = enrollTokens.without('tokenHash')

/** A right to enrol one app. */
export interface EnrollTokenRow extends RowOf<typeof enrollToken> {}
/** An enrolment token as lists return it. */
export interface EnrollTokenSummary extends RowOf<typeof enrollTokenSummary> {}
