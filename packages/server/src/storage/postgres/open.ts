import { threadId } from 'node:worker_threads'
import type { Kysely } from 'kysely'
import { Pool, type ClientBase } from 'pg'
import { type Backend, type Execution, notLinkable, storageOver } from '../backend.ts'
import { StorageError } from '../error.ts'
import { migrate } from '../migrations/migrate.ts'
import { type Args, type StorageOperation, type OperationName, type Result, operationContext } from '../operation.ts'
import { operations } from '../operations/index.ts'
import type { Storage, StorageLink, StorageOptions } from '../port.ts'
import { RowAuthenticator } from '../row-authenticator.ts'
import { StoreState } from '../store-state.ts'
import type { Schema } from '../tables/index.ts'
import { finishWrite } from '../operations/finish-write.ts'
import { WriterNumbers } from '../writer-numbers.ts'
import { connectionConfig } from './connection.ts'
import { kyselyOverPostgres } from './dialect.ts'
import { isCollision, toStorageError } from './errors.ts'
import { withInitLock } from './locks.ts'
import { Presence } from './presence.ts'
import { openPostgresSnapshot } from './snapshot.ts'
import { WriteSlots } from './write-slots.ts'

const DEFAULT_POOL_SIZE = 10
/** Room for a change, and for reads beside it. */
const MIN_POOL_SIZE = 4
/** The share of the pool that changes may hold; the rest is for reads. */
const WRITING_SHARE = 0.6
/** Tries of a transaction that collides with others: each lost to one that went through. */
const MAX_TRIES = 5

/** Opens the store in the database `url`, in the first schema of its search path. */
export async function openPostgres(url: string, { role, poolSize = DEFAULT_POOL_SIZE, ...listening }: StorageOptions): Promise<Storage> {
  await using resources = new AsyncDisposableStack()
  try {
    const state = new StoreState()
    const listeners: (() => void)[] = []
    const announce = (): void => {
      state.changed()
      listeners.forEach((listener) => listener())
    }
    resources.adopt(await Presence.open(url, role, state, announce), (open) => open.close())
    const pool = resources.adopt(openPool(url, poolSize), (open) => open.end())
    const db = kyselyOverPostgres(pool)
    await withInitLock(url, () => migrate(db, 'postgres'))
    const numbers = new WriterNumbers()
    const backend = postgresBackend({ url, db, poolSize, numbers, state, listeners }, resources.move())
    const link = (threads: number): StorageLink => ({
      kind: 'postgres',
      url,
      poolSize: Math.max(MIN_POOL_SIZE, Math.ceil(poolSize / threads)),
      process: numbers.process,
      state: state.memory,
    })
    return storageOver({ ...backend, link: (threads) => ({ link: link(threads), transfer: [] }) }, listening)
  } catch (error) {
    throw toStorageError(error)
  }
}

/** Opens the store on another thread of the process that has opened it, which holds the presence lock. */
export function openLinkedPostgres(
  { url, poolSize, process, state: memory }: StorageLink & { kind: 'postgres' },
  listening: Pick<StorageOptions, 'observe' | 'onAltered'>,
): Storage {
  const resources = new AsyncDisposableStack()
  const state = new StoreState(memory)
  const pool = resources.adopt(openPool(url, poolSize), (open) => open.end())
  const numbers = new WriterNumbers(process, `-${threadId}`)
  return storageOver(postgresBackend({ url, db: kyselyOverPostgres(pool), poolSize, numbers, state, listeners: [] }, resources), listening)
}

interface Parts {
  url: string
  db: Kysely<Schema>
  poolSize: number
  numbers: WriterNumbers
  state: StoreState
  listeners: (() => void)[]
}

/** What every thread has of the store: a pool of its own. */
function postgresBackend({ url, db, poolSize, numbers, state, listeners }: Parts, ownership: AsyncDisposableStack): Backend {
  const authenticator = new RowAuthenticator()
  const services = { authenticator, numbers }
  const writes = new WriteSlots(Math.max(1, Math.floor(poolSize * WRITING_SHARE)))
  return {
    kind: 'postgres',
    process: numbers.process,
    state,
    async execute<K extends OperationName>(name: K, args: Args<K>): Promise<Execution<Result<K>>> {
      const operation = operations[name] as StorageOperation<Args<K>, Result<K>>
      for (let tries = 1; ; tries++) {
        if (!state.reachable) throw new StorageError('unavailable')
        const context = operationContext('postgres', services)
        try {
          if (operation.mode !== 'write') return { result: await operation.run(db, args, context), alteredRows: context.alteredRows }
          const result = await writes.run(() =>
            db.transaction().execute(async (transaction) => {
              const changed = await operation.run(transaction, args, context)
              await finishWrite(transaction, context, name, args)
              return changed
            }),
          )
          numbers.committed(context.takenNumbers)
          state.changed()
          return { result, alteredRows: context.alteredRows }
        } catch (error) {
          if (!isCollision(error) || tries === MAX_TRIES) throw error
        }
      }
    },
    authenticateWith: (keys) => authenticator.use(keys),
    toStorageError,
    withInitLock: (fn) => withInitLock(url, fn),
    onChange: (listener) => void listeners.push(listener),
    openSnapshot: () => openPostgresSnapshot(url),
    async ping() {
      if (!state.reachable) throw new StorageError('unavailable')
      await operations.latestChange.run(db, undefined, operationContext('postgres', services))
    },
    link: () => notLinkable(),
    close: () => ownership.disposeAsync(),
  }
}

function openPool(url: string, max: number): Pool {
  const pool = new Pool({ ...connectionConfig(url), max, onConnect: requireDurableCommits })
  // A connection that fails takes its query with it, or is replaced when it was idle.
  pool.on('error', () => {})
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool
}

/** A database may be set to acknowledge a commit before it is on the disk; ours must not. */
async function requireDurableCommits(client: ClientBase): Promise<void> {
  await client.query(`select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`)
}
