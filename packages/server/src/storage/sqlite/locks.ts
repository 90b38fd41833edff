// Locks between processes, each on an empty database of its own: SQLite's locks end with the process that holds them, whatever ends it.
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { StorageError } from '../error.ts'
import { isBusy, toStorageError } from './errors.ts'
import { createPrivateFile } from './files.ts'

/** How long the presence lock is tried for: a process that was just ended may still be about to let go of it. */
const PRESENCE_PATIENCE_MS = 1_000
const INIT_PATIENCE_MS = 60_000
const RETRY_MS = 25

/** A transaction that has read holds a shared lock; BEGIN EXCLUSIVE holds the only one. */
const BEGIN = {
  shared: 'begin; select count(*) from sqlite_master',
  exclusive: 'begin exclusive',
} as const

type Kind = keyof typeof BEGIN

/** The lock, held until it is disposed; null if another process held it throughout. */
async function acquire(path: string, kind: Kind, patienceMs: number): Promise<Disposable | null> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const lock = tryAcquire(path, kind)
    if (lock !== null || performance.now() >= deadline) return lock
    await sleep(RETRY_MS)
  }
}

function tryAcquire(path: string, kind: Kind): Disposable | null {
  let lock: DatabaseSync | undefined
  try {
    createPrivateFile(path)
    lock = new DatabaseSync(path, { timeout: 0 })
    lock.exec(BEGIN[kind])
    return lock
  } catch (error) {
    lock?.close()
    if (isBusy(error)) return null
    throw toStorageError(error)
  }
}

/** The presence lock, held until it is disposed: shared by servers, exclusive for an operator command. Throws `locked`. */
export async function acquirePresence(path: string, role: 'server' | 'operator'): Promise<Disposable> {
  const lock = await acquire(path, role === 'server' ? 'shared' : 'exclusive', PRESENCE_PATIENCE_MS)
  if (lock !== null) return lock
  using shared = role === 'operator' ? tryAcquire(path, 'shared') : null
  throw new StorageError('locked', `${shared === null ? 'an operator command' : 'a server'} is running on this store`)
}

/** Runs `fn` while holding the initialisation lock. Throws `unavailable` when it was not to be had. */
export async function withInitLock<T>(path: string, fn: () => Promise<T>): Promise<T> {
  using lock = await acquire(path, 'exclusive', INIT_PATIENCE_MS)
  if (lock === null) throw new StorageError('unavailable', 'another process is initialising this store and does not finish')
  return await fn()
}
