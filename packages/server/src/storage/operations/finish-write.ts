import type { Db, OperationContext } from '../operation.ts'
import { updateManifests } from './manifests.ts'
import { recordEntries } from './trail-appending.ts'

/** What every write ends with, in its own transaction: the manifests of what it changed, and the trail's entries. */
export async function finishWrite(db: Db, context: OperationContext, operation: string, args?: unknown): Promise<void> {
  await updateManifests(db, context)
  await recordEntries(db, context, operation, args)
}
