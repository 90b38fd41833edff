import { StorageError, type Storage, type StorageOperations } from '../../src/storage/index.ts'

type Name = keyof StorageOperations

export interface WatchedStorage {
  storage: Storage
  /** The operations that were called, in order. */
  calls: Name[]
  /** Those that fail as if the database were away. */
  failing: Set<Name>
  /** Holds the answers to an operation back, from now until the function that it gives is called. */
  hold(name: Name): () => void
}

/** Storage that goes through to the real one, watched, and made to fail or to wait where a test says so. */
export function watchStorage(real: Storage): WatchedStorage {
  const calls: Name[] = []
  const failing = new Set<Name>()
  const held = new Map<Name, Promise<void>>()
  const storage = new Proxy(real, {
    get(target, property) {
      const name = property as Name
      const operation: unknown = Reflect.get(target, property)
      if (
        typeof operation !== 'function' ||
        typeof property === 'symbol' ||
        ['withInitLock', 'onChange', 'ping', 'authenticateWith'].includes(property)
      ) {
        return operation
      }
      return async (args: unknown) => {
        calls.push(name)
        if (failing.has(name)) throw new StorageError('unavailable')
        const result: unknown = await operation(args)
        await held.get(name)
        return result
      }
    },
  })
  return {
    storage,
    calls,
    failing,
    hold(name) {
      const gate = Promise.withResolvers<void>()
      held.set(name, gate.promise)
      return () => {
        held.delete(name)
        gate.resolve()
      }
    },
  }
}
