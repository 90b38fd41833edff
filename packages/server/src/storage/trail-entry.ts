// Entries of the trail as a transaction makes them: the record that a caller gave, the row that it changed, and the writer's next number.
import { randomBytes } from 'node:crypto'
import { leafHash as hashOfLeaf, type LeafRow, type RecordLeaf } from '@vouchsafe/audit-log'
import { sha256 } from '../foundation/index.ts'
import type { AuditRow } from './tables/trail-entries.ts'

/** The hash of an entry in the tree. */
export const leafHash = (leaf: Uint8Array): Uint8Array => hashOfLeaf(sha256, leaf)

const MAX_CHARS = 4_096
const MAX_DETAIL_CHARS = 8_192

/** What every leaf has but its writer and number. */
export function leafOrigin(time: number, server: string, seq: number) {
  return { v: 1, salt: randomBytes(16).toString('base64'), time, server, seq } as const
}

/** The action of entries that restate the rows of entries that are removed. */
export const PRUNE_ACTION = 'PruneTrail'

/** The leaf of a record. Text that is longer than a leaf allows is cut: ids and names that we make are far shorter. */
export function recordLeaf(audit: AuditRow, server: string, seq: number, [row, ...rows]: readonly LeafRow[]): RecordLeaf {
  const { at, tenant, actor, action, object, result, requestId, detail } = audit
  return {
    ...leafOrigin(at, server, seq),
    tenant,
    actor: cut(actor),
    action,
    object: cut(object),
    ...(result === 'ok' ? { outcome: 'ok' } : { outcome: 'refused', code: result }),
    request: requestId,
    ...(typeof detail === 'string' && { detail: detailOf(detail) }),
    ...(row !== undefined && { row }),
    ...(rows.length > 0 && { rows }),
  }
}

function cut(text: string): string {
  return text.slice(0, MAX_CHARS).toWellFormed()
}

/** What a leaf has of an entry's detail. */
export function detailOf(json: string): NonNullable<RecordLeaf['detail']> {
  if (json.length > MAX_DETAIL_CHARS) return { omitted: json.length }
  // Names may hold lone surrogates, which canonical JSON (RFC 8785 §3.2.2.2) doesn't take.
  return JSON.parse(json, (_name, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)) as NonNullable<
    RecordLeaf['detail']
  >
}

/** What the MAC of a waiting entry covers. */
export function entryText(epoch: number, position: number, leaf: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`vouchsafe trail entry\n${epoch}\n${position}\n`), leaf])
}

/** What the MAC of a head covers. */
export function headText(epoch: number, size: number, root: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`vouchsafe trail head\n${epoch}\n${size}\n`), root])
}
