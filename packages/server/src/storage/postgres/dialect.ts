// Kysely over a pg pool. Unlike Kysely's own driver, this one tells a connection that failed from a statement that did, and never puts a
// connection back into the pool that may still be busy or inside a transaction.
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import { DatabaseError, type Pool, type PoolClient } from 'pg'
import type { Schema } from '../tables/index.ts'
import { ConnectionError } from './errors.ts'

class PostgresConnection implements DatabaseConnection {
  readonly #client: PoolClient
  #broken = false

  constructor(client: PoolClient) {
    this.#client = client
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, rowCount } = await this.command(query)
    return { rows: rows as R[], numAffectedRows: BigInt(rowCount ?? 0) }
  }

  /** As executeQuery, with the command tag of what was done. */
  async command({ sql, parameters }: CompiledQuery): Promise<{ command: string; rows: unknown[]; rowCount: number | null }> {
    try {
      return await this.#client.query(sql, [...parameters])
    } catch (error) {
      if (error instanceof DatabaseError) throw error
      this.#broken = true
      throw new ConnectionError('the connection to the database failed', { cause: error })
    }
  }

  breakOff(): void {
    this.#broken = true
  }

  release(): void {
    this.#client.release(this.#broken)
  }

  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('streaming is not supported')
  }
}

class PostgresDriver implements Driver {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PostgresConnection> {
    try {
      return new PostgresConnection(await this.#pool.connect())
    } catch (error) {
      if (error instanceof DatabaseError) throw error
      throw new ConnectionError('cannot connect to the database', { cause: error })
    }
  }

  async beginTransaction(connection: PostgresConnection): Promise<void> {
    await connection.command(CompiledQuery.raw('start transaction isolation level read committed read write'))
  }

  async commitTransaction(connection: PostgresConnection): Promise<void> {
    const { command } = await connection.command(CompiledQuery.raw('commit'))
    // PostgreSQL answers the COMMIT of a transaction in which a statement failed with ROLLBACK, not with an error.
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back instead of committed')
  }

  async rollbackTransaction(connection: PostgresConnection): Promise<void> {
    try {
      await connection.command(CompiledQuery.raw('rollback'))
    } catch {
      // The caller is told of the error before this one; without its connection the transaction ends by itself.
      connection.breakOff()
    }
  }

  async releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.release()
  }

  async destroy(): Promise<void> {}
}

/** A Kysely over the pool, which stays the caller's to end. */
export function kyselyOverPostgres(pool: Pool): Kysely<Schema> {
  const dialect: Dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver(pool),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  }
  return new Kysely<Schema>({ dialect })
}
