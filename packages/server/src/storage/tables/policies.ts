import { flag, integer, json, nullable, text } from '../column.ts'
import { SIGNATURE_COLUMNS, SIGNATURE_EXCEPTIONS } from '../row-signature.ts'
import { type RowOf, type StoredOf, snakeCase, table } from '../table.ts'

/** The signature covers the text by its hash, so that a new signature needs no look at it. */
export const policies = table(
  'policies',
  {
    /** Of the row. */
    id: text(),
    /** The User-Id; it may have no row among the users. */
    userId: text(),
    /** What the user calls it by: one of a kind among the user's policies. */
    policyId: text(),
    /** One of a kind too. */
    name: text(),
    description: nullable(text()),
    /** The kinds of evidence that it applies to. */
    attesterTypes: json<string[]>(),
    /** Whether it was given as a JWT. */
    isJwt: flag(),
    /** The certificate that verified the JWT; null when none did. */
    signerId: nullable(text()),
    /** Whether it applies if no policies are requested. */
    isDefault: flag(),
    /** SHA-256 of the text, hex. */
    contentHash: text(),
    /** Counts from 1 with each change. */
    version: integer(),
    createdAt: integer(),
    updatedAt: integer(),
    ...SIGNATURE_COLUMNS,
    /** Rego. It comes last, as it may be long. */
    content: text(),
  },
  {
    primaryKey: ['id'],
    statements: [
      'create unique index policies_by_policy_id on policies (user_id, policy_id)',
      'create unique index policies_by_name on policies (user_id, name)',
      'create index policies_by_key_version on policies (key_version, id) where altered = 0',
    ],
    authenticated: { by: 'mac', except: { ...SIGNATURE_EXCEPTIONS, content: 'contentHash, which is covered, is its hash' } },
    backup: { held: true, rowsAtOnce: 20 },
  },
)

export const policySummary = policies.without('content')
/** The columns of a policy without its text, with those of its MAC. */
export const storedSummary = (Object.keys(policies.stored) as (keyof typeof policies.stored)[])
  .filter((name) => name !== 'content')
  .map(snakeCase) as Exclude<keyof StoredOf<typeof policies>, 'content'>[]

export interface PolicyRow extends RowOf<typeof policies> {}
/** A policy without its text. */
export interface PolicySummary extends RowOf<typeof policySummary> {}
