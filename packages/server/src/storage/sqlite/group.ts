// Group commit: operations that wait together share one transaction and one fsync.
import type { DatabaseSync } from 'node:sqlite'
import { type AlteredRow, StorageError, type StorageErrorCode } from '../error.ts'
import {
  type Db,
  type StorageOperation,
  type OperationContext,
  type OperationName,
  type OperationServices,
  operationContext,
} from '../operation.ts'
import { operations } from '../operations/index.ts'
import { finishWrite } from '../operations/finish-write.ts'
import { toStorageError } from './errors.ts'

export interface Call {
  name: OperationName
  args: unknown
}

/** What became of one operation, as it crosses between threads: an Error would lose its code. */
export type Outcome = { result: unknown; alteredRows: AlteredRow[] } | { error: Failure }

interface Failure {
  code: StorageErrorCode
  message: string
  cause: string | undefined
  row: AlteredRow | undefined
}

/**
 * Runs the calls in order in one transaction, each in its own savepoint: one that fails is undone alone. Returns the outcomes, in order,
 * after the commit; if the commit fails, or SQLite abandoned the whole transaction, all have failed.
 */
export async function runGroup(database: DatabaseSync, db: Db, services: OperationServices, calls: readonly Call[]): Promise<Outcome[]> {
  try {
    database.exec('begin immediate')
    const outcomes: Outcome[] = []
    const contexts: OperationContext[] = []
    for (const call of calls) {
      const context = operationContext('sqlite', services)
      outcomes.push(await runInSavepoint(database, db, context, call))
      contexts.push(context)
    }
    database.exec('commit')
    for (const [i, { takenNumbers }] of contexts.entries()) if ('result' in outcomes[i]!) services.numbers.committed(takenNumbers)
    return outcomes
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    return calls.map(() => failure(error))
  }
}

async function runInSavepoint(database: DatabaseSync, db: Db, context: OperationContext, { name, args }: Call): Promise<Outcome> {
  const operation = operations[name] as StorageOperation<unknown, unknown>
  database.exec('savepoint operation')
  try {
    const result = await operation.run(db, args, context)
    if (operation.mode === 'write') await finishWrite(db, context, name, args)
    database.exec('release operation')
    return { result, alteredRows: context.alteredRows }
  } catch (error) {
    // After a full disk or an I/O error, SQLite may have rolled back everything: the calls before this one are gone as well.
    if (!database.isTransaction) throw error
    database.exec('rollback to operation; release operation')
    return failure(error)
  }
}

function failure(error: unknown): Outcome {
  const { code, message, cause, row } = toStorageError(error)
  return { error: { code, message, cause: cause instanceof Error ? cause.message : undefined, row } }
}

export function fromFailure({ code, message, cause, row }: Failure): StorageError {
  return new StorageError(code, message, cause === undefined ? undefined : new Error(cause), row)
}
