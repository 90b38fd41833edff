import { Pool, type ClientBase } from 'pg'
import { type Backend, type Execution, storageOver } from '../backend.ts'
import { StorageError } from '../error.ts'
import { migrate } from '../migrations/migrate.ts'
import { type Args, type StorageOperation, type OperationName, type Result, operationContext } from '../operation.ts'
import { operations } from '../operations/index.ts'
import type { Storage, StorageOptions } from '../port.ts'
import { RowAuthenticator } from '../row-authenticator.ts'
import { finishWrite } from '../operations/finish-write.ts'
import { WriterNumbers } from '../writer-numbers.ts'
import { connectionConfig } from './connection.ts'
import { kyselyOverPostgres } from './dialect.ts'
import { isCollision, toStorageError } from './errors.ts'
import { withInitLock } from './locks.ts'
import { Presence } from './presence.ts'
import { openPostgresSnapshot } from './snapshot.ts'

const DEFAULT_POOL_SIZE = 10
/** Tries of a transaction that collides with others: each lost to one that went through. */
const MAX_TRIES = 5

/** Opens the store in the database `url`, in the first schema of its search path. */
export async function openPostgres(url: string, { role, poolSize, ...listening }: StorageOptions): Promise<Storage> {
  await using resources = new AsyncDisposableStack()
  try {
    const listeners: (() => void)[] = []
    const presence = resources.adopt(await Presence.open(url, role, () => listeners.forEach((listener) => listener())), (open) =>
      open.close(),
    )
    const pool = resources.adopt(openPool(url, poolSize ?? DEFAULT_POOL_SIZE), (open) => open.end())
    const db = kyselyOverPostgres(pool)
    const authenticator = new RowAuthenticator()
    const services = { authenticator, numbers: new WriterNumbers() }
    await withInitLock(url, () => migrate(db, 'postgres'))
    const ownership = resources.move()

    const backend: Backend = {
      kind: 'postgres',
      process: services.numbers.process,
      async execute<K extends OperationName>(name: K, args: Args<K>): Promise<Execution<Result<K>>> {
        const operation = operations[name] as StorageOperation<Args<K>, Result<K>>
        for (let tries = 1; ; tries++) {
          if (!presence.held) throw new StorageError('unavailable')
          const context = operationContext('postgres', services)
          try {
            const result =
              operation.mode === 'write'
                ? await db.transaction().execute(async (transaction) => {
                    const changed = await operation.run(transaction, args, context)
                    await finishWrite(transaction, context, name, args)
                    return changed
                  })
                : await operation.run(db, args, context)
            services.numbers.committed(context.takenNumbers)
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
        if (!presence.held) throw new StorageError('unavailable')
        await operations.latestChange.run(db, undefined, operationContext('postgres', services))
      },
      close: () => ownership.disposeAsync(),
    }
    return storageOver(backend, listening)
  } catch (error) {
    throw toStorageError(error)
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
