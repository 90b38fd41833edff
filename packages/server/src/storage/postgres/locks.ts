// Session advisory locks: they end with the connection that holds them, whatever ends it.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, DatabaseError } from 'pg'
import { INIT_LOCK, PRESENCE_LOCK } from '../advisory-locks.ts'
import { StorageError } from '../error.ts'
import { connectAlone, disconnect } from './connection.ts'
import { ConnectionError, toStorageError } from './errors.ts'

/** How long the presence lock is tried for: the database may not have noticed yet that a process has ended. */
const PRESENCE_PATIENCE_MS = 1_000
const INIT_PATIENCE_MS = 60_000
const RETRY_MS = 25

type Kind = 'shared' | 'exclusive'

const TRY_LOCK: Record<Kind, string> = {
  shared: 'select pg_try_advisory_lock_shared($1) as held',
  exclusive: 'select pg_try_advisory_lock($1) as held',
}

async function acquire(client: Client, lock: number, kind: Kind, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    if (await tryAcquire(client, lock, kind)) return true
    if (performance.now() >= deadline) return false
    await sleep(RETRY_MS)
  }
}

async function tryAcquire(client: Client, lock: number, kind: Kind): Promise<boolean> {
  try {
    const { rows } = await client.query<{ held: boolean }>(TRY_LOCK[kind], [lock])
    return rows[0]?.held === true
  } catch (error) {
    if (error instanceof DatabaseError) throw error
    throw new ConnectionError('the connection to the database failed', { cause: error })
  }
}

/** Takes the presence lock on this connection: shared for a server, exclusive for an operator command. Throws `locked`. */
export async function acquirePresence(client: Client, role: 'server' | 'operator'): Promise<void> {
  if (await acquire(client, PRESENCE_LOCK, role === 'server' ? 'shared' : 'exclusive', PRESENCE_PATIENCE_MS)) return
  const serverRuns = role === 'operator' && (await tryAcquire(client, PRESENCE_LOCK, 'shared'))
  throw new StorageError('locked', `${serverRuns ? 'a server' : 'an operator command'} is running on this store`)
}

/** Runs `fn` while holding the initialisation lock. Throws `unavailable` when it was not to be had, or was lost before `fn` ended. */
export async function withInitLock<T>(url: string, fn: () => Promise<T>): Promise<T> {
  let lost = false
  const client = await acquireInitLock(url, () => (lost = true))
  try {
    const result = await fn()
    if (lost) throw new StorageError('unavailable', 'the initialisation lock was lost')
    return result
  } finally {
    await disconnect(client)
  }
}

async function acquireInitLock(url: string, onLost: () => void): Promise<Client> {
  let client: Client | undefined
  try {
    client = await connectAlone(url, onLost)
    if (await acquire(client, INIT_LOCK, 'exclusive', INIT_PATIENCE_MS)) return client
    throw new StorageError('unavailable', 'another process is initialising this store and does not finish')
  } catch (error) {
    if (client !== undefined) await disconnect(client)
    throw toStorageError(error)
  }
}
