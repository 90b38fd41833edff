import { parseLeaf } from '@vouchsafe/audit-log'
import type { AuditRow, Storage } from '../../src/storage/index.ts'
import { operationNames } from '../../src/storage/operations/index.ts'

/** What an operation of storage is called where nobody gave its change a record. */
const UNNAMED: ReadonlySet<string> = new Set(
  operationNames.map((name) => `${name[0]!.toUpperCase()}${name.slice(1)}`).filter((name) => name !== 'DestroySecret'),
)

export type StoredRecord = AuditRow & { seq: number; detail: string | null }

/**
 * The records that callers gave to the trail, in order, counted from 1; not those that begin an epoch, or that the store makes by itself for
 * changes which nobody recorded.
 */
export async function listRecords(storage: Storage, { after, limit }: { after: number; limit: number }): Promise<StoredRecord[]> {
  const all = await storage.readTrail({ epoch: 1, from: 0, limit: 10_000 })
  const records = all.flatMap(({ leaf: bytes, epoch: _, position: __, ...entry }) => {
    const leaf = parseLeaf(bytes)
    const isGiven = leaf.kind === undefined && !(leaf.actor === 'system' && UNNAMED.has(leaf.action))
    return isGiven ? [{ ...entry, tenant: leaf.tenant }] : []
  })
  return records.map((record, i) => ({ seq: i + 1, ...record })).slice(after, after + limit)
}
