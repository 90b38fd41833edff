import { randomBytes, randomUUID } from 'node:crypto'

/** Time, randomness and ids: injected, so that tests can pin them. */
export interface Runtime {
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Milliseconds, never stepping back. */
  monotonic(): number
  randomBytes(size: number): Buffer
  /** A random UUID (version 4). */
  uuid(): string
}

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  randomBytes: (size) => randomBytes(size),
  uuid: () => randomUUID(),
}
