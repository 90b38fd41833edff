import { randomBytes, randomUUID } from 'node:crypto'

/** Time, randomness and ids: injected, so that tests can pin them. */
export interface Runtime {
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Milliseconds, never stepping back; the same clock in all threads of a process. */
  monotonic(): number
  randomBytes(size: number): Buffer
  /** A random UUID (version 4). */
  uuid(): string
}

/** `performance.now` begins with each thread; from this on, its times are those of the machine's clock, the same in all threads. */
const THREAD_START_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => THREAD_START_MS + performance.now(),
  randomBytes: (size) => randomBytes(size),
  uuid: () => randomUUID(),
}
