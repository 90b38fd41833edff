// What the two databases have in common: every call is counted, timed, and fails with a StorageError and nothing else.
import { type AlteredRow, StorageError } from './error.ts'
import type { Args, OperationName, Result } from './operation.ts'
import { operationNames } from './operations/index.ts'
import type { Storage, StorageControl, StorageOperations, StorageOptions } from './port.ts'

/** What an operation returned, and the altered rows that it left out. */
export interface Execution<R> {
  result: R
  alteredRows: readonly AlteredRow[]
}

/** One database. Its functions may throw what the database threw; `toStorageError` says what that means. */
export interface Backend extends Omit<StorageControl, keyof AsyncDisposable> {
  execute<K extends OperationName>(name: K, args: Args<K>): Promise<Execution<Result<K>>>
  toStorageError(error: unknown): StorageError
  /** Called once, when no operation is under way. */
  close(): Promise<void>
}

/** The storage port over one database. Disposing waits for the operations under way; later ones are refused. */
export function storageOver(backend: Backend, { observe, onAltered }: Pick<StorageOptions, 'observe' | 'onAltered'>): Storage {
  const underWay = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  async function guard<T>(name: string | null, run: () => Promise<T>): Promise<T> {
    if (closing !== undefined) throw new StorageError('unavailable', 'the store is closed')
    const start = performance.now()
    const running = run()
    underWay.add(running)
    let ok = false
    try {
      const result = await running
      ok = true
      return result
    } catch (error) {
      const known = error instanceof StorageError ? error : backend.toStorageError(error)
      if (known.row !== undefined) onAltered?.(known.row)
      throw known
    } finally {
      underWay.delete(running)
      if (name !== null) observe?.(name, (performance.now() - start) / 1000, ok)
    }
  }

  async function execute<K extends OperationName>(name: K, args: Args<K>): Promise<Result<K>> {
    const { result, alteredRows } = await backend.execute(name, args)
    for (const row of alteredRows) onAltered?.(row)
    return result
  }

  async function close(): Promise<void> {
    await Promise.allSettled(underWay)
    await backend.close()
  }

  const bound = operationNames.map((name) => [name, (args: Args<typeof name>) => guard(name, () => execute(name, args))])
  return {
    ...(Object.fromEntries(bound) as StorageOperations),
    kind: backend.kind,
    process: backend.process,
    authenticateWith: (keys) => backend.authenticateWith(keys),
    // What `fn` itself throws reaches the caller unchanged.
    withInitLock: (fn) => backend.withInitLock(fn),
    openSnapshot: () => guard(null, () => backend.openSnapshot()),
    onChange: (listener) => backend.onChange(listener),
    ping: () => guard(null, () => backend.ping()),
    state: backend.state,
    link: (threads) => backend.link(threads),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}

/** Only the storage that a process opened first is handed on. */
export function notLinkable(): never {
  throw new StorageError('internal', 'a linked store cannot be linked again')
}
