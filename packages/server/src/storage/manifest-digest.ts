/** What a tenant's manifest stands for: the set of rows that decide, each in its newest revision. */
import { createHash } from 'node:crypto'

/** A row that is a member of its tenant's manifest. */
export interface ManifestMember {
  table: string
  /** The values of its primary key, with spaces between them. */
  id: string
  revision: number
  /** SHA-256 over its authenticated columns, lower-case hex (row-authenticator.ts). */
  digest: string
}

/** A member before and after a change; null where it is not there. */
export interface MemberChange {
  tenant: string
  table: string
  id: string
  before: ManifestMember | null
  after: ManifestMember | null
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

const LABEL = 'vouchsafe manifest 1\n'

/**
 * The digest of a set of members: SHA-256, lower-case hex, over the label `vouchsafe manifest 1` and a line for each member, in the order of
 * table and id by their UTF-8 bytes. A line is the JSON array of table, id, revision and digest.
 */
export function manifestDigest(members: readonly ManifestMember[]): string {
  const hash = createHash('sha256').update(LABEL)
  const sorted = members.toSorted((a, b) => byBytes(a.table, b.table) || byBytes(a.id, b.id))
  for (const { table, id, revision, digest } of sorted) hash.update(`${JSON.stringify([table, id, revision, digest])}\n`)
  return hash.digest('hex')
}

/** The members as they were before some changes, given in their order. */
export function membersBefore(members: readonly ManifestMember[], changes: readonly MemberChange[]): ManifestMember[] {
  const nameOf = ({ table, id }: { table: string; id: string }) => JSON.stringify([table, id])
  const before = new Map(members.map((member) => [nameOf(member), member]))
  for (const change of changes.toReversed()) {
    if (change.before === null) before.delete(nameOf(change))
    else before.set(nameOf(change), change.before)
  }
  return [...before.values()]
}
