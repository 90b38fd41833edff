import type { Compilable, CompiledQuery, Kysely, SelectQueryBuilder } from 'kysely'
import type { StorageOperations } from './port.ts'
import type { Schema } from './tables/index.ts'

export type Dialect = 'sqlite' | 'postgres'
export type Db = Kysely<Schema>

/**
 * - `read`: one statement, well under a millisecond; on SQLite it runs inline, on the caller's thread
 * - `scan`: one statement that may take longer; on SQLite it runs on the storage thread
 * - `write`: exactly one transaction; it may run again after a deadlock, so `run` touches nothing but the database. An error must leave
 *   `run`: PostgreSQL would roll back what goes on after it.
 */
export type OperationMode = 'read' | 'scan' | 'write'

export interface StorageOperation<A, R> {
  mode: OperationMode
  run(db: Db, args: A, dialect: Dialect): Promise<R>
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
