/**
 * Refuses a signed request that was accepted before, across restarts and servers. A request is its MAC, as the server computed it: whatever else
 * a copy changes (the action, a signature in capitals, a field that the signed text leaves out), it is the same request.
 *
 * - A server that is alone on its store remembers requests in memory. A durable *fence* per app lies above the stamps that it has accepted,
 *   though never more than two seconds ahead of the server's clock: it is written that far ahead, once a second for all apps together, and a
 *   stamp beyond it waits for that write. A stamp further ahead is recorded in the store by itself, so that one fast clock doesn't move the
 *   fence. After a start, stamps at or below the fence are refused, since what was accepted there is forgotten; the records are read.
 * - A clean stop saves what memory holds and lowers the fences to where memory begins, so that its successor refuses nothing new.
 * - When another server joins, it raises the store's epoch and reads all fences in one transaction, and refuses what lies at or below
 *   them. The first server can't raise a fence under the old epoch, so whatever it accepts on its own the other refuses. From then on both
 *   record what they accept beyond their fences in the store ("shared").
 * - A server that the others consider dead is expelled; it notices with its next write and rejoins. So a wrong guess costs time, not
 *   safety.
 */
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import type { ReplayRecord, SavedWindow, Storage } from '../storage/index.ts'
import { ReplayWindow } from './replay-window.ts'
import { isGone, newServerId } from './server-id.ts'

/** Requests are accepted this long after their timestamp … */
export const PAST_MS = 30 * 60 * 1000
/** … and this long before it. */
export const FUTURE_MS = 10 * 60 * 1000

/** How far beyond the newest stamp, or the server's clock if that is earlier, a fence is written. */
const AHEAD_MS = 2_000
const TICK_MS = 1_000
const SWEEP_TICKS = 30
/** Longer than any accepted request remains relevant. */
const MEMORY_MS = PAST_MS + FUTURE_MS + 60_000
/** Records in the store remain relevant for longer: the wall clocks of servers may differ, or step, by an hour. */
const RECORD_MS = MEMORY_MS + 60 * 60 * 1000
/** A server whose heartbeat stands still for this long is expelled. */
const DEAD_MS = 15_000
/** So many records are read at a start; with more, the server goes on asking the store until they have lost their relevance. */
const MAX_RECORDS_READ = 50_000
/** Of a record's MAC, the part that is kept in the store. */
const RECORD_BYTES = 16
/** Saved windows are written in transactions of about this size. */
const SAVED_AT_ONCE_BYTES = 4 * 1024 * 1024
/** Memory of one app: room for over a million requests. */
export const MAX_APP_BYTES = 24 * 1024 * 1024
/** Memory in all: room for over four million. */
export const MAX_TOTAL_BYTES = 96 * 1024 * 1024
const PURGE_BATCH = 10_000
const PURGE_MS = 2_000

interface Waiter {
  appId: string
  stamp: number
  mac: Uint8Array
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
  readonly #windows = new Map<string, ReplayWindow>()
  /** The stamp up to which memory alone decides: the app's durable fence. */
  readonly #fences = new Map<string, number>()
  /** The newest stamp of each app that its fence is to be raised over. */
  readonly #active = new Map<string, number>()
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
  #wroteAt: number
  #writeFailing = false
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
    this.#wroteAt = runtime.monotonic()
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
    const registration = { id, at: now, recordLimit: MAX_RECORDS_READ }
    const { epoch, peers, fences, records, windows } = await this.#storage.registerServer(registration)
    this.#serverId = id
    this.#epoch = epoch
    for (const [appId, stamp] of fences) {
      this.#fences.set(appId, stamp)
      const window = this.#windows.get(appId)
      if (window) this.#shrink(window, () => window.raiseFloor(stamp))
    }
    this.#remember(windows, records ?? [])
    this.#aloneSince = this.#runtime.monotonic()
    this.#share(peers.length > 0 || records === null)
  }

  /** Takes over what others have accepted above the fences. */
  #remember(saved: readonly SavedWindow[], records: readonly ReplayRecord[]): void {
    const monotonic = this.#runtime.monotonic()
    const take = (appId: string, work: (window: ReplayWindow) => void): void => {
      const window = this.#window(appId)
      const before = window.bytes
      work(window)
      if (window.bytes !== before) this.#account(window, window.bytes - before)
    }
    for (const { appId, newest, pages } of saved) take(appId, (window) => window.load(pages, newest, monotonic))
    for (const [appId, stamp, mac] of records) take(appId, (window) => window.add(stamp, mac, monotonic))
  }

  #window(appId: string): ReplayWindow {
    let window = this.#windows.get(appId)
    if (!window) {
      // Requests accepted up to the fence are not in this memory.
      window = new ReplayWindow(this.#fences.get(appId) ?? -1)
      this.#windows.set(appId, window)
    }
    return window
  }

  /**
   * Accepts a request whose signature has verified, once. Synchronous where memory decides; otherwise once the store has answered.
   * @param mac the MAC's bytes, 16 or more, as the server computed them: it covers the stamp
   * @throws {ServiceError} `replayed` for a replay, `stamp_fenced` if that can no longer be determined
   */
  accept(appId: string, stamp: number, mac: Uint8Array): void | Promise<void> {
    if (this.#stopped) throw new ServiceError('busy', { detail: 'the server is stopping' })
    const window = this.#window(appId)
    const bytes = window.bytes
    const outcome = window.add(stamp, mac, this.#runtime.monotonic())
    if (window.bytes !== bytes) this.#account(window, window.bytes - bytes)
    if (outcome === 'below-floor') throw new ServiceError('stamp_fenced')
    if (outcome === 'seen') throw new ServiceError('replayed')
    const fence = this.#fences.get(appId) ?? -1
    if (!this.#shared && stamp + AHEAD_MS > fence && stamp <= this.#runtime.now() + AHEAD_MS) {
      if (stamp > (this.#active.get(appId) ?? -1)) this.#active.set(appId, stamp)
    }
    if (stamp <= fence) return
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appId, stamp, mac, resolve, reject })
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
        for (const [appId, stamp] of active) if (stamp > (this.#active.get(appId) ?? -1)) this.#active.set(appId, stamp)
        for (const waiter of waiting) waiter.reject(new ServiceError('storage_unavailable', { cause: error }))
      }
    } while (this.#waiting.length > 0)
    // Immediately, not a few microtasks later: a request that waits from now on starts a drain of its own.
    this.#flushing = undefined
  }

  /** Alone: raises the fences of all apps with newer stamps, and records the stamps that are too far ahead for that. */
  async #raise(waiting: Waiter[], active: [appId: string, stamp: number][]): Promise<void> {
    const now = this.#runtime.now()
    const isAhead = ({ stamp }: Waiter): boolean => stamp > now + AHEAD_MS
    const fenced = waiting.filter((waiter) => !isAhead(waiter))
    const wanted = new Map<string, number>()
    for (const [appId, stamp] of [...active, ...fenced.map(({ appId, stamp }) => [appId, stamp] as const)]) {
      wanted.set(appId, Math.max(wanted.get(appId) ?? 0, Math.min(stamp, now) + AHEAD_MS))
    }
    const fences = [...wanted].filter(([appId, stamp]) => stamp > (this.#fences.get(appId) ?? -1))
    const serverId = this.#serverId
    const outcome = fences.length === 0 ? 'ok' : await this.#storage.raiseFences({ serverId, epoch: this.#epoch, fences })
    if (outcome === 'ok') {
      for (const [appId, stamp] of fences) this.#fences.set(appId, stamp)
      for (const waiter of fenced) waiter.resolve()
      await this.#record(waiting.filter(isAhead))
    } else {
      if (outcome === 'epoch') this.#share(true)
      else await this.#rejoin(serverId)
      this.#retry(waiting)
    }
  }

  /** A request beyond the fences is accepted by the server that records it first. */
  async #record(waiting: Waiter[]): Promise<void> {
    if (waiting.length === 0) return
    const records = waiting.map(({ appId, stamp, mac }): ReplayRecord => [appId, stamp, mac.subarray(0, RECORD_BYTES)])
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
      .catch((error: unknown) => {
        this.#writeFailing = true
        this.#log.warn({ err: error }, "the replay guard's heartbeat failed")
      })
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
    this.#wroteAt = this.#runtime.monotonic()
    this.#writeFailing = false
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

  /** The heartbeat is the server's regular write: how many milliseconds ago the last one succeeded, and whether one has failed since. */
  get lastWrite(): { ageMs: number; failing: boolean } {
    return { ageMs: this.#runtime.monotonic() - this.#wroteAt, failing: this.#writeFailing }
  }

  /** For metrics. */
  statistics(): { bytes: number; entries: number; apps: number; shared: boolean } {
    let entries = 0
    for (const window of this.#windows.values()) entries += window.entries
    return { bytes: this.#bytes, entries, apps: this.#windows.size, shared: this.#shared }
  }

  /** A clean stop: once no request is under way, memory is saved and the fences end where it begins: the next start refuses no new request. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A request that outlived the drain must not be accepted behind what is saved.
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#ticking
    await this.#flushing
    if (this.#serverId === '') return
    // Whatever another server has accepted lies below the floors or is recorded in the store, so this one's memory completes it. The store sets the
    // fences only if this server is registered and the last.
    const fences = (await this.#save()) ? [...this.#windows].map(([appId, { floor }]): [string, number] => [appId, floor]) : []
    await this.#storage.unregisterServer({ id: this.#serverId, fences })
  }

  /** Saves every window; false if this server was expelled. */
  async #save(): Promise<boolean> {
    const save = async (windows: SavedWindow[]): Promise<boolean> =>
      (await this.#storage.saveReplayWindows({ serverId: this.#serverId, windows })) === 'ok'
    let windows: SavedWindow[] = []
    let bytes = 0
    for (const [appId, window] of this.#windows) {
      const pages = window.save()
      windows.push({ appId, newest: window.newest, pages })
      bytes += pages.length
      if (bytes < SAVED_AT_ONCE_BYTES) continue
      if (!(await save(windows))) return false
      windows = []
      bytes = 0
    }
    return windows.length === 0 || (await save(windows))
  }
}
