import { ServiceError, type Runtime } from '../foundation/index.ts'
import { ReplayMemory } from './replay-memory.ts'
import type { Outcome } from './replay-window.ts'

/** How far beyond the newest stamp, or the server's clock if that is earlier, a fence is written. */
export const AHEAD_MS = 2_000

export interface ReplayGateOptions {
  /** The guard's. */
  memory: SharedArrayBuffer | ReplayMemory
  /** Of the calling thread; the guard's has 0. */
  threadNumber: number
  runtime: Pick<Runtime, 'now' | 'monotonic'>
  /** Asks the process's guard; rejects with the ServiceError that the guard does. */
  defer: (appId: string, stamp: number, mac: Uint8Array) => Promise<void>
}

/** The replay guard of one thread: decides by what is in shared memory as long as that suffices, which it does for nearly all requests. */
export class ReplayGate {
  readonly #memory: ReplayMemory
  readonly #runtime: Pick<Runtime, 'now' | 'monotonic'>
  readonly #defer: ReplayGateOptions['defer']

  constructor({ memory, threadNumber, runtime, defer }: ReplayGateOptions) {
    this.#memory = memory instanceof ReplayMemory ? memory : new ReplayMemory(memory, threadNumber)
    this.#runtime = runtime
    this.#defer = defer
  }

  /**
   * Accepts a request whose signature has verified, once. Synchronous where memory decides; otherwise once the store has answered.
   * @param mac the MAC's bytes, 16 or more, as the server computed them: it covers the stamp
   * @throws {ServiceError} `replayed` for a replay, `stamp_fenced` if that can no longer be determined
   */
  accept(appId: string, stamp: number, mac: Uint8Array): void | Promise<void> {
    const memory = this.#memory
    const window = memory.window(appId)
    const monotonic = this.#runtime.monotonic()
    let outcome: Outcome | 'stopped' = 'stopped'
    let fence = -1
    memory.lock.acquire()
    try {
      if (!memory.stopped) {
        outcome = memory.add(window, stamp, mac, monotonic)
        if (outcome === 'new') {
          fence = window.fence
          if (stamp + AHEAD_MS > fence && !memory.shared && stamp <= this.#runtime.now() + AHEAD_MS) memory.setActive(window, stamp)
        }
      }
    } catch (error) {
      memory.lock.abandon()
      throw error
    }
    memory.lock.release()
    if (outcome === 'stopped') throw new ServiceError('busy', { detail: 'the server is stopping' })
    if (outcome === 'no-memory') throw new ServiceError('busy', { detail: 'the replay guard has no memory' })
    if (outcome === 'below-floor') throw new ServiceError('stamp_fenced')
    if (outcome === 'seen') throw new ServiceError('replayed')
    if (stamp > fence) return this.#defer(appId, stamp, mac)
  }
}
