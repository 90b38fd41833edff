export { ClockWatch } from './clock-watch.ts'
export {
  ERROR_CODES,
  ServiceError,
  invalid,
  invalidParameter,
  isServerFault,
  kindOf,
  messageOf,
  type ErrorCode,
  type ErrorFacts,
  type ErrorKind,
} from './errors.ts'
export { KeyedMutex } from './keyed-mutex.ts'
export type { Log } from './log.ts'
export { MacKey } from './mac-key.ts'
export { onceThere } from './once-there.ts'
export { pages } from './paging.ts'
export { PerAppLimit } from './per-app-limit.ts'
export { ReadThroughCache, type ReadThroughCacheOptions } from './read-through-cache.ts'
export { replaceFile } from './replace-file.ts'
export { systemRuntime, type Runtime } from './runtime.ts'
export { sha256 } from './sha256.ts'
export { SharedAmounts, type Shared } from './shared-amounts.ts'
export { SharedHeap, TOP_BLOCK_BYTES } from './shared-heap.ts'
export { LOCK_WORDS, MAX_THREADS, SharedLock } from './shared-lock.ts'
export { ThreadCalls, type Callable } from './thread-calls.ts'
