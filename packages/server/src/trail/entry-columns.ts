/** The columns of an entry from which queries answer: they repeat what its leaf says, and a column that was altered must not go unnoticed. */
import type { Json, Leaf } from '@vouchsafe/audit-log'
import { isDeepStrictEqual } from 'node:util'
import { detailOf, type TrailLeaf } from '../storage/index.ts'

/** Whether the columns of an entry say what its leaf says. */
export function repeats(entry: TrailLeaf, leaf: Leaf): boolean {
  const { actor, action, object, result, requestId, detail } = columnsOf(leaf)
  return (
    entry.at === leaf.time &&
    entry.actor === actor &&
    entry.action === action &&
    entry.object === object &&
    entry.result === result &&
    entry.requestId === requestId &&
    isDetail(entry.detail, detail)
  )
}

function columnsOf(leaf: Leaf): Pick<TrailLeaf, 'actor' | 'action' | 'object' | 'result' | 'requestId'> & { detail?: Json } {
  const own = { actor: 'system', object: '', result: 'ok', requestId: '' }
  if (leaf.kind === 'batch') return { ...own, action: 'RecordCalls', detail: { count: leaf.count } }
  if (leaf.kind === 'gap') return { ...own, action: 'RecordGap', object: leaf.missing.server }
  if (leaf.kind === 'epoch') return { ...own, action: 'BeginEpoch', actor: leaf.actor }
  const { actor, action, object, outcome, code, request: requestId, detail } = leaf
  return { actor, action, object, result: code ?? outcome, requestId, ...(detail && { detail }) }
}

function isDetail(column: string | null, detail: Json | undefined): boolean {
  if (column === null || detail === undefined) return column === null && detail === undefined
  try {
    return isDeepStrictEqual(detailOf(column), detail)
  } catch {
    return false
  }
}
