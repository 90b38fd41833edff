/**
 * What an entry of the log says. An entry is the canonical JSON (RFC 8785) of one of four kinds of leaf, at most 65,535 bytes, never with content:
 * claims, reasons and rows are named by their digests.
 */
import type { Json } from './canonical-json.ts'

/** What every leaf has. */
interface LeafOrigin {
  /** Version of the format. */
  v: 1
  /** 16 random bytes in base64, so that the hash in another's proof cannot be guessed back into this leaf. */
  salt: string
  /** Milliseconds since 1970 UTC, by the server's clock. */
  time: number
  /** Id of the server's run: a new one at each start, and in each epoch. */
  server: string
  /** Counts the server's leaves from 0, without gaps. */
  seq: number
}

/** A policy that took part in a decision. */
export interface LeafPolicy {
  id: string
  version: number
  /** SHA-256 of its text, base64. */
  digest: string
}

/** What policies decided, and on what; claims and reasons are kept apart. */
export interface LeafDecision {
  allow: boolean
  /** SHA-256 of the claims, base64. */
  claims: string
  /** SHA-256 of the reasons, base64. */
  reasons: string
}

/** A row of the store as a change left it. */
export interface LeafRow {
  table: string
  id: string
  /** Grows with each change of the row. */
  revision: number
  /** SHA-256 of the row's authenticated columns, base64; null if the change removed the row. */
  digest: string | null
}

/** Who did what to which object, with what outcome. It is the one kind of leaf that has no `kind`. */
export interface RecordLeaf extends LeafOrigin {
  kind?: never
  /** '' for what belongs to no tenant. */
  tenant: string
  actor: string
  action: string
  /** Id or name; '' if there is none. */
  object: string
  outcome: 'ok' | 'refused' | 'failed'
  /** Why it was refused, or why it failed: a word in lower case. */
  code?: string
  /** Id of the request; '' if there is none. */
  request: string
  /** How many identical refusals the record stands for, if more than one. */
  count?: number
  /** Those that applied: 1 to 64. */
  policy?: readonly LeafPolicy[]
  decision?: LeafDecision
  /** What else there is to say of a change, by name, such as the version that it made; never content. At most 8,192 characters of JSON. */
  detail?: { readonly [name: string]: Json }
  row?: LeafRow
  /** Further rows that it changed: 1 to 200. */
  rows?: readonly LeafRow[]
}

/**
 * Plain uses of one server: its records are kept apart, and this leaf holds the root of the Merkle tree whose leaves they are (RFC 6962). Each is
 * encoded as a record leaf with the batch's `server` and `seq`, and a salt of its own.
 */
export interface BatchLeaf extends LeafOrigin {
  kind: 'batch'
  /** Root of the records' tree, base64. */
  root: string
  /** How many records, at least 1. */
  count: number
}

/** Leaves that a server had numbered and that are lost. */
export interface GapLeaf extends LeafOrigin {
  kind: 'gap'
  missing: {
    server: string
    /** First number lost. */
    from: number
    /** Last number lost; null if that is unknown because the server ended without saying so: nothing of it may follow. */
    to: number | null
  }
  /** A word in lower case, such as `crash`. */
  reason: string
}

/** The first leaf of a log. An epoch other than a store's first names the last checkpoint known of the one before, and who accepted its end. */
export interface EpochLeaf extends LeafOrigin {
  kind: 'epoch'
  epoch: number
  /** Who began it: the operator who accepted the restore or the loss. */
  actor: string
  /** A word in lower case: `first`, `restore`, `promotion`. */
  reason: string
  previous?: {
    origin: string
    size: number
    /** Base64. */
    root: string
  }
}

/** An entry of the log, by `kind`; a record has none. */
export type Leaf = RecordLeaf | BatchLeaf | GapLeaf | EpochLeaf
