// Rows of the policies and baselines that users store. What rows.ts says of all rows holds here too.
import type { RowSignatureColumns } from './certificate-rows.ts'

/** A policy without its text. Its signature covers the text by its hash, so that a new signature needs no look at it. */
export interface PolicySummary extends RowSignatureColumns {
  /** Of the row. */
  id: string
  /** The User-Id; it may have no row among the users. */
  userId: string
  /** What the user calls it by: one of a kind among the user's policies. */
  policyId: string
  /** One of a kind too. */
  name: string
  description: string | null
  /** The kinds of evidence that it decides about. */
  attesterTypes: string[]
  /** It was given as a JWT. */
  isJwt: boolean
  /** The certificate that verified the JWT; null when none did. */
  signerId: string | null
  /** It applies where no policies are asked for. */
  isDefault: boolean
  /** SHA-256 of the text, hex. */
  contentHash: string
  /** Counts from 1 with each change. */
  version: number
  createdAt: number
  updatedAt: number
}

export interface PolicyRow extends PolicySummary {
  /** Rego. */
  content: string
}

/** A baseline without its content, which its signature covers by hashes. */
export interface BaselineRow extends RowSignatureColumns {
  id: string
  userId: string
  /** One of a kind among the user's baselines. */
  name: string
  description: string | null
  attesterType: string
  isDefault: boolean
  /** The certificate that verified it. */
  signerId: string
  /** SHA-256 of the JWT's text, hex. */
  contentHash: string
  contentLength: number
  /** SHA-256 of the digest set, hex. */
  digestsHash: string
  /** Bytes of the digest set. */
  digestsLength: number
  /** How many reference values the JWT lists. */
  valueCount: number
  version: number
  createdAt: number
  updatedAt: number
}

export interface BaselineContent {
  /** The JWT as it was given. */
  content: string
  /** Its reference values as a digest set. */
  digests: Uint8Array
}
