import type { Compilable, CompiledQuery, Kysely, SelectQueryBuilder } from 'kysely'
import type { AlteredRow } from './error.ts'
import type { MemberChange } from './manifest-digest.ts'
import type { StorageOperations } from './port.ts'
import type { RowAuthenticator } from './row-authenticator.ts'
import type { Schema } from './tables/index.ts'
import type { AuditRow } from './tables/trail-entries.ts'
import type { WriterNumbers } from './writer-numbers.ts'

export type Dialect = 'sqlite' | 'postgres'
export type Db = Kysely<Schema>

/**
 * - `read`: one statement (another where altered rows were left out of a page), well under a millisecond; on SQLite it runs inline, on the
 *   caller's thread
 * - `scan`: one statement that may take longer; on SQLite it runs on the storage thread
 * - `write`: exactly one transaction; it may run again after a deadlock, so `run` touches nothing but the database. An error must leave
 *   `run`: PostgreSQL would roll back what goes on after it.
 */
export type OperationMode = 'read' | 'scan' | 'write'

/** A row that an operation changed, as the trail names it. */
export interface RowReference {
  table: string
  /** The values of its primary key, with spaces between them. */
  id: string
  /** A row that was deleted counts that as a change. */
  revision: number
  /** Lower-case hex of {@link digestOf}; null for a row that was deleted. */
  digest: string | null
}

/** What an operation runs with, made anew for each try. */
export interface OperationContext {
  readonly dialect: Dialect
  readonly authenticator: RowAuthenticator
  /** The authenticated rows that this transaction has changed so far, in order. */
  readonly changedRows: RowReference[]
  /** What it changed of the members of manifests, in order. */
  readonly memberChanges: MemberChange[]
  /** The altered rows that were left out so far. */
  readonly alteredRows: AlteredRow[]
  /** What the trail is to record of this transaction when it ends, with the rows that it changed. */
  readonly records: AuditRow[]
  /** This process's numbers in the trail. */
  readonly numbers: WriterNumbers
  /** The number after those that this transaction gave to entries; 0 if it made none. */
  takenNumbers: number
}

/** What all operations of one process share. */
export interface OperationServices {
  readonly authenticator: RowAuthenticator
  readonly numbers: WriterNumbers
}

export function operationContext(dialect: Dialect, { authenticator, numbers }: OperationServices): OperationContext {
  return { dialect, authenticator, changedRows: [], memberChanges: [], alteredRows: [], records: [], numbers, takenNumbers: 0 }
}

export interface StorageOperation<A, R> {
  mode: OperationMode
  run(db: Db, args: A, context: OperationContext): Promise<R>
}

export type OperationName = keyof StorageOperations
export type Args<K extends OperationName> = Parameters<StorageOperations[K]>[0]
export type Result<K extends OperationName> = Awaited<ReturnType<StorageOperations[K]>>
export type OperationTable = { [K in OperationName]: StorageOperation<Args<K>, Result<K>> }

/** Rows in one INSERT or IN list: far below the bound parameters that both databases allow (32,766 and 65,535). */
const CHUNK = 500

export function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK)
}

/** How many rows a query finds. */
export async function countRows<T extends keyof Schema>(query: SelectQueryBuilder<Schema, T, object>): Promise<number> {
  const { count } = await query.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirstOrThrow()
  return count
}

/**
 * A query that is built and compiled once for each dialect, for reads that a request waits for. `build` sets its parameters to arbitrary
 * values; the call supplies the real ones, in the order in which they occur in the SQL text.
 */
export function compiledOnce<R>(build: (db: Db) => Compilable<R>): (db: Db, dialect: Dialect, parameters: unknown[]) => Promise<R[]> {
  const compiled = new Map<Dialect, CompiledQuery<R>>()
  return async (db, dialect, parameters) => {
    let query = compiled.get(dialect)
    if (query === undefined) {
      query = build(db).compile()
      compiled.set(dialect, query)
    }
    const { rows } = await db.executeQuery<R>({ ...query, parameters })
    return rows
  }
}
