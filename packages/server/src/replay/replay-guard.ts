/**
 * Refuses a signed request that was accepted before: (appid, timestamp, nonce) at most once, across restarts and servers.
 *
 * - A server that is alone on its store remembers requests in memory. A durable *fence* per app lies above every stamp that it has
 *   accepted: it is written two seconds ahead, once a second for all apps together, and a stamp beyond it waits for that write. After a
 *   start, stamps at or below the fence are refused, since what was accepted there is forgotten.
 * - When another server joins, it raises the store's epoch and reads all fences in one transaction, and refuses what lies at or below
 *   them. The first server can't raise a fence under the old epoch, so whatever it accepts on its own the other refuses. From then on both
 *   record what they accept beyond their fences in the store ("shared").
 * - A server that the others consider dead is expelled; it notices with its next write and rejoins. So a wrong guess costs time, not
 *   safety.
 */
import { hash } from 'node:crypto'
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import type { Storage } from '../storage/index.ts'
import { ReplayWindow } from './replay-window.ts'
import { isGone, newServerId } from './server-id.ts'

/** Requests are accepted this long after their timestamp … */
export const PAST_MS = 30 * 60 * 1000
/** … and this long before it. */
export const FUTURE_MS = 10 * 60 * 1000

/** How far beyond the newest stamp a fence is written. */
const AHEAD_MS = 2_000
const TICK_MS = 1_000
const SWEEP_TICKS = 30
/** Longer than any accepted request remains relevant. */
const MEMORY_MS = PAST_MS + FUTURE_MS + 60_000
/** Records in the store remain relevant for longer: the wall clocks of servers may differ, or step, by an hour. */
const RECORD_MS = MEMORY_MS + 60 * 60 * 1000
/** A server whose heartbeat stands still for this long is expelled. */
const DEAD_MS = 15_000
/** Memory of one app: room for over a million requests with a nonce. */
export const MAX_APP_BYTES = 24 * 1024 * 1024
/** Memory in all: room for over four million. */
export const MAX_TOTAL_BYTES = 96 * 1024 * 1024
const PURGE_BATCH = 10_000
const PURGE_MS = 2_000

interface Waiter {
  appId: string
  stamp: number
  nonce: string | undefined
  resolve: () => void
  reject: (reason: unknown) => void
}

export interface ReplayGuardOptions {
  storage: Storage
  runtime: Runtime
  log: Log
  /** The revision of the domain keys that this server uses, which its heartbeat reports to the others. */
  domainRevision?: () => number
  limits?: { appBytes: number; totalBytes: number }
}

export class ReplayGuard implements AsyncDisposable {
  readonly #storage: Storage
  readonly #runtime: Runtime
  readonly #log: Log
  readonly #limits: { appBytes: number; totalBytes: number }
  readonly #domainRevision: () => number
  readonly #secret: string
  readonly #windows = new Map<string, ReplayWindow>()
  /** The stamp up to which memory alone decides: the app's durable fence. */
  readonly #fences = new Map<string, number>()
  readonly #active = new Set<string>()
  readonly #heartbeats = new Map<string, { heartbeat: number; since: number }>()
  #serverId = ''
  #epoch = 0
  #shared = false
  #aloneSince = 0
  #waiting: Waiter[] = []
  #joining: Promise<void> | undefined
  #flushing: Promise<void> | undefined
  #stopped = false
  #ticking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #ticks = 0
  #bytes = 0
  narrowings = 0

  constructor({
    storage,
    runtime,
    log,
    domainRevision = () => 0,
    limits = { appBytes: MAX_APP_BYTES, totalBytes: MAX_TOTAL_BYTES },
  }: ReplayGuardOptions) {
    this.#storage = storage
    this.#runtime = runtime
    this.#log = log
    this.#limits = limits
    this.#domainRevision = domainRevision
    this.#secret = runtime.randomBytes(16).toString('hex')
  }

  /** Joins the servers of this store. */
  async start(): Promise<void> {
    // Servers of this machine that were killed left their entries behind.
    const { servers } = await this.#storage.heartbeat({ id: '' })
    for (const { id, heartbeat } of servers) if (isGone(id)) await this.#storage.expelServer({ id, heartbeat })
    await this.#join()
    this.#timer = setInterval(() => void this.tick(), TICK_MS)
    this.#timer.unref()
  }

  /** Rejoins after an expulsion: once, however many writes notice it. */
  async #rejoin(expelledId: string): Promise<void> {
    if (this.#serverId !== expelledId) return
    this.#joining ??= this.#join().finally(() => (this.#joining = undefined))
    await this.#joining
  }

  async #join(): Promise<void> {
    const id = newServerId(this.#runtime, this.#storage.process)
    const now = this.#runtime.now()
    const { epoch, peers, fences, newestRecord } = await this.#storage.registerServer({ id, at: now })
    this.#serverId = id
    this.#epoch = epoch
    for (const [appId, stamp] of fences) {
      this.#fences.set(appId, stamp)
      const window = this.#windows.get(appId)
      if (window) this.#shrink(window, () => window.raiseFloor(stamp))
    }
    this.#aloneSince = this.#runtime.monotonic()
    this.#share(peers.length > 0 || (newestRecord !== null && newestRecord > now - RECORD_MS))
  }

  /**
   * Accepts a request whose signature has verified, once. Synchronous where memory decides; otherwise once the store has answered.
   * @throws {ServiceError} `replayed` for a replay, `stamp_fenced` if that can no longer be determined
   */
  accept(appId: string, stamp: number, nonce: string | undefined): void | Promise<void> {
    if (this.#stopped) throw new ServiceError('busy', { detail: 'the server is stopping' })
    let window = this.#windows.get(appId)
    if (!window) {
      // Requests accepted up to the fence are not in this memory.
      window = new ReplayWindow(this.#fences.get(appId) ?? -1)
      this.#windows.set(appId, window)
    }
    const bytes = window.bytes
    const newest = window.newest
    const outcome = window.add(stamp, nonce, this.#secret, this.#runtime.monotonic())
    if (window.bytes !== bytes) this.#account(window, window.bytes - bytes)
    if (outcome === 'below-floor') throw new ServiceError('stamp_fenced')
    if (outcome === 'seen') throw new ServiceError('replayed')
    if (stamp > newest && !this.#shared) this.#active.add(appId)
    if (stamp <= (this.#fences.get(appId) ?? -1)) return
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appId, stamp, nonce, resolve, reject })
      void this.#flush()
    })
  }

  /** Keeps memory bounded at the cost of the app that uses most of it. */
  #account(window: ReplayWindow, added: number): void {
    this.#bytes += added
    if (window.bytes > this.#limits.appBytes) this.#narrow(window, this.#limits.appBytes)
    while (this.#bytes > this.#limits.totalBytes) {
      let largest = window
      for (const other of this.#windows.values()) if (other.bytes > largest.bytes) largest = other
      if (largest.bytes === 0) return
      this.#narrow(largest, largest.bytes)
    }
  }

  #narrow(window: ReplayWindow, limit: number): void {
    this.#shrink(window, () => window.narrow(Math.floor(limit * 0.9)))
    this.narrowings++
  }

  #shrink(window: ReplayWindow, work: () => void): void {
    const before = window.bytes
    work()
    this.#bytes -= before - window.bytes
  }

  #flush(): Promise<void> {
    this.#flushing ??= this.#drain()
    return this.#flushing
  }

  /** Writes fences or records until no request waits. */
  async #drain(): Promise<void> {
    do {
      const waiting = this.#waiting
      this.#waiting = []
      const active = [...this.#active]
      this.#active.clear()
      try {
        await (this.#shared ? this.#record(waiting) : this.#raise(waiting, active))
      } catch (error) {
        this.#log.error({ err: error }, 'the replay guard cannot write to the store')
        for (const appId of active) this.#active.add(appId)
        for (const waiter of waiting) waiter.reject(new ServiceError('storage_unavailable', { cause: error }))
      }
    } while (this.#waiting.length > 0)
    // Immediately, not a few microtasks later: a request that waits from now on starts a drain of its own.
    this.#flushing = undefined
  }

  /** Alone: raises the fences of all apps with newer stamps, two seconds ahead. */
  async #raise(waiting: Waiter[], active: string[]): Promise<void> {
    const wanted = new Map<string, number>()
    for (const appId of active) wanted.set(appId, this.#windows.get(appId)!.newest + AHEAD_MS)
    for (const { appId, stamp } of waiting) wanted.set(appId, Math.max(wanted.get(appId) ?? 0, stamp + AHEAD_MS))
    const fences = [...wanted].filter(([appId, stamp]) => stamp > (this.#fences.get(appId) ?? -1))
    const serverId = this.#serverId
    const outcome = fences.length === 0 ? 'ok' : await this.#storage.raiseFences({ serverId, epoch: this.#epoch, fences })
    if (outcome === 'ok') {
      for (const [appId, stamp] of fences) this.#fences.set(appId, stamp)
      for (const waiter of waiting) waiter.resolve()
    } else {
      if (outcome === 'epoch') this.#share(true)
      else await this.#rejoin(serverId)
      this.#retry(waiting)
    }
  }

  /** Shared: a request beyond the fences is accepted by the server that records it first. */
  async #record(waiting: Waiter[]): Promise<void> {
    if (waiting.length === 0) return
    const records = waiting.map(({ appId, stamp, nonce }): [string, number, Buffer] => [appId, stamp, recordFingerprint(stamp, nonce)])
    const serverId = this.#serverId
    const outcome = await this.#storage.insertReplayRecords({ serverId, records })
    if (outcome === 'expelled') {
      await this.#rejoin(serverId)
      this.#retry(waiting)
    } else {
      waiting.forEach((waiter, i) => (outcome[i] ? waiter.resolve() : waiter.reject(new ServiceError('replayed'))))
    }
  }

  /** After rejoining or a change of mode: requests below the new floors are refused, the rest waits for the next round. */
  #retry(waiting: Waiter[]): void {
    for (const waiter of waiting) {
      if (waiter.stamp <= this.#windows.get(waiter.appId)!.floor) waiter.reject(new ServiceError('stamp_fenced'))
      else this.#waiting.push(waiter)
    }
  }

  #share(shared: boolean): void {
    if (shared === this.#shared) return
    this.#shared = shared
    this.#active.clear()
    this.#log.info({ shared }, shared ? 'another server uses this store: replay records go through it' : 'alone on this store again')
  }

  /** Once a second: fences ahead, heartbeat, and occasionally deletes what is no longer relevant. */
  tick(): Promise<void> {
    this.#ticking ??= this.#tick()
      .catch((error: unknown) => this.#log.warn({ err: error }, "the replay guard's heartbeat failed"))
      .finally(() => (this.#ticking = undefined))
    return this.#ticking
  }

  async #tick(): Promise<void> {
    if (this.#active.size > 0 || this.#waiting.length > 0) await this.#flush()
    await this.#heartbeat()
    if (++this.#ticks % SWEEP_TICKS === 0) {
      this.#sweep()
      await this.#purge()
    }
  }

  /** In batches, so that no transaction is long, and for a moment only, so that the heartbeat isn't held up: the rest waits for the next sweep. */
  async #purge(): Promise<void> {
    const before = this.#runtime.now() - RECORD_MS
    const started = this.#runtime.monotonic()
    while ((await this.#storage.purgeReplayRecords({ before, limit: PURGE_BATCH })) === PURGE_BATCH) {
      if (this.#runtime.monotonic() - started > PURGE_MS) return
    }
  }

  async #heartbeat(): Promise<void> {
    const serverId = this.#serverId
    const { registered, epoch, servers } = await this.#storage.heartbeat({ id: serverId, domainRevision: this.#domainRevision() })
    if (!registered) return this.#rejoin(serverId)
    // An answer about an earlier registration of this server is out of date.
    if (serverId !== this.#serverId) return
    const now = this.#runtime.monotonic()
    const others = servers.filter(({ id }) => id !== this.#serverId)
    // A server joined or left: until the window has passed, the requests it accepted are relevant.
    if (epoch !== this.#epoch || others.length > 0) {
      this.#share(true)
      this.#aloneSince = now
    }
    this.#epoch = epoch
    for (const id of this.#heartbeats.keys()) if (!others.some((other) => other.id === id)) this.#heartbeats.delete(id)
    for (const { id, heartbeat } of others) {
      const known = this.#heartbeats.get(id)
      if (known?.heartbeat !== heartbeat) this.#heartbeats.set(id, { heartbeat, since: now })
      else if (now - known.since > DEAD_MS) await this.#storage.expelServer({ id, heartbeat })
    }
    if (this.#shared && now - this.#aloneSince > RECORD_MS) this.#share(false)
  }

  #sweep(): void {
    const oldest = this.#runtime.now() - PAST_MS
    const touchedBefore = this.#runtime.monotonic() - MEMORY_MS
    for (const [appId, window] of this.#windows) {
      this.#shrink(window, () => window.expire(oldest, touchedBefore))
      // A floor above the fence must outlive its window, or what it refuses could be accepted.
      if (window.isEmpty && window.newest < oldest) {
        this.#fences.set(appId, Math.max(this.#fences.get(appId) ?? -1, window.floor))
        this.#windows.delete(appId)
      }
    }
  }

  /** For metrics. */
  statistics(): { bytes: number; entries: number; apps: number; shared: boolean } {
    let entries = 0
    for (const window of this.#windows.values()) entries += window.entries
    return { bytes: this.#bytes, entries, apps: this.#windows.size, shared: this.#shared }
  }

  /** A clean stop: once no request is under way, the fences become exact, so that the next start refuses no new request. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A request that outlived the drain must not be accepted behind the exact fences.
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#ticking
    await this.#flushing
    if (this.#serverId === '') return
    const fences = this.#shared ? [] : [...this.#windows].map(([appId, window]): [string, number] => [appId, window.newest])
    await this.#storage.unregisterServer({ id: this.#serverId, fences: fences.filter(([, stamp]) => stamp >= 0) })
  }
}

/**
 * Identifies a request in the store; servers must agree on it, so it isn't keyed. Computed over the nonce's UTF-8, like the signature:
 * texts that sign alike (unpaired surrogates do) are one request.
 */
function recordFingerprint(stamp: number, nonce: string | undefined): Buffer {
  return hash('sha256', nonce === undefined ? String(stamp) : `${stamp}:${nonce}`, 'buffer').subarray(0, 16)
}
