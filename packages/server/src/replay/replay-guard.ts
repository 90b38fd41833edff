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
 *
 * A process has one guard, which alone talks to the store, and a `ReplayGate` in each of its threads. What they decide by is in shared memory, and
 * each decision is one critical section there:
 * - A gate adds the request, and compares its stamp with the fence. Only a stamp beyond it goes to the guard.
 * - When the guard joins anew, an app's floor and its fence rise together: no gate sees the one without the other. A request that has come into
 *   memory before, and reaches the guard afterwards, is refused there if its stamp lies below the floor by then, or if another server has
 *   accepted it.
 * - Once a stop is noted, no gate adds anything: what it accepted before is saved.
 */
import { ServiceError, type Log, type Runtime } from '../foundation/index.ts'
import type { ReplayRecord, SavedWindow, Storage } from '../storage/index.ts'
import { AHEAD_MS, ReplayGate } from './replay-gate.ts'
import { MAX_APP_BYTES, MAX_TOTAL_BYTES, ReplayMemory, type ReplayLimits } from './replay-memory.ts'
import { halfOf, type ReplayWindow } from './replay-window.ts'
import { isGone, newServerId } from './server-id.ts'

/** Requests are accepted this long after their timestamp … */
export const PAST_MS = 30 * 60 * 1000
/** … and this long before it. */
export const FUTURE_MS = 10 * 60 * 1000

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
const PURGE_BATCH = 10_000
const PURGE_MS = 2_000

interface Waiter {
  appId: string
  window: ReplayWindow
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
  limits?: ReplayLimits
}

export class ReplayGuard implements AsyncDisposable {
  /** What the gates of other threads need. */
  readonly memory: SharedArrayBuffer
  /** The gate of the guard's own thread, which has number 0. */
  readonly gate: ReplayGate
  readonly #memory: ReplayMemory
  readonly #storage: Storage
  readonly #runtime: Runtime
  readonly #log: Log
  readonly #domainRevision: () => number
  /** The apps that have a fence, or have waited for one, by where their record is. Of others nothing was accepted. */
  readonly #apps = new Map<number, { appId: string; window: ReplayWindow }>()
  readonly #heartbeats = new Map<string, { heartbeat: number; since: number }>()
  #serverId = ''
  #epoch = 0
  #aloneSince = 0
  #waiting: Waiter[] = []
  /** Requests that others have accepted, as this server learned when it joined anew, and that were in its memory already. */
  #contested = new Set<string>()
  #joining: Promise<void> | undefined
  #flushing: Promise<void> | undefined
  #ticking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #ticks = 0
  #wroteAt: number
  #writeFailing = false

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
    this.#domainRevision = domainRevision
    this.#wroteAt = runtime.monotonic()
    this.memory = ReplayMemory.create(runtime, limits)
    this.#memory = new ReplayMemory(this.memory, 0)
    const defer = this.defer.bind(this)
    this.gate = new ReplayGate({ memory: this.#memory, threadNumber: 0, runtime, defer })
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
      const window = this.#windowOf(appId)
      this.#memory.locked(() => {
        window.raiseFloor(stamp)
        window.fence = stamp
      })
    }
    this.#remember(windows, records ?? [])
    this.#aloneSince = this.#runtime.monotonic()
    this.#share(peers.length > 0 || records === null)
  }

  /** Takes over what others have accepted above the fences. */
  #remember(saved: readonly SavedWindow[], records: readonly ReplayRecord[]): void {
    const monotonic = this.#runtime.monotonic()
    this.#contested = new Set()
    for (const { appId, newest, pages } of saved) {
      const window = this.#windowOf(appId)
      this.#memory.locked(() => {
        if (!window.isOpen) window.open()
        window.load(pages, newest, monotonic, (high, low) => this.#contested.add(`${window.at} ${high} ${low}`))
        this.#memory.bound(window)
      })
    }
    for (const [appId, stamp, mac] of records) {
      const window = this.#windowOf(appId)
      const outcome = this.#memory.locked(() => this.#memory.add(window, stamp, mac, monotonic))
      if (outcome === 'seen') this.#contested.add(nameOf(window, mac))
    }
  }

  #windowOf(appId: string): ReplayWindow {
    const window = this.#memory.window(appId)
    if (!this.#apps.has(window.at)) this.#apps.set(window.at, { appId, window })
    return window
  }

  /** As `ReplayGate.accept`, in the guard's own thread. */
  accept(appId: string, stamp: number, mac: Uint8Array): void | Promise<void> {
    return this.gate.accept(appId, stamp, mac)
  }

  /**
   * Accepts a request that a gate has added to memory and whose stamp lies beyond the app's fence, once the store has answered.
   * @throws {ServiceError} as `ReplayGate.accept`
   */
  async defer(appId: string, stamp: number, mac: Uint8Array): Promise<void> {
    if (this.#memory.stopped) throw new ServiceError('busy', { detail: 'the server is stopping' })
    const window = this.#windowOf(appId)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appId, window, stamp, mac, resolve, reject })
      void this.#flush()
    })
  }

  #flush(): Promise<void> {
    this.#flushing ??= this.#drain()
    return this.#flushing
  }

  /** Writes fences or records until no request waits. */
  async #drain(): Promise<void> {
    do {
      const waiting = this.#waiting.filter((waiter) => this.#holds(waiter))
      this.#waiting = []
      const active = this.#takeActive()
      try {
        await (this.#memory.shared ? this.#record(waiting) : this.#raise(waiting, active))
      } catch (error) {
        this.#log.error({ err: error }, 'the replay guard cannot write to the store')
        for (const [window, stamp] of active) this.#memory.locked(() => this.#memory.setActive(window, stamp))
        for (const waiter of waiting) waiter.reject(new ServiceError('storage_unavailable', { cause: error }))
      }
    } while (this.#waiting.length > 0)
    // Immediately, not a few microtasks later: a request that waits from now on starts a drain of its own.
    this.#flushing = undefined
  }

  /** Refuses a request that this server may no longer accept: since it came into memory, the floor has risen over it, or another server has it. */
  #holds({ window, stamp, mac, reject }: Waiter): boolean {
    const floor = this.#memory.locked(() => window.floor)
    if (stamp > floor && !this.#contested.has(nameOf(window, mac))) return true
    reject(new ServiceError(stamp > floor ? 'replayed' : 'stamp_fenced'))
    return false
  }

  /** The apps whose fences are to be raised, with the stamps to raise them over. */
  #takeActive(): [window: ReplayWindow, stamp: number][] {
    const active: [ReplayWindow, number][] = []
    const stamp = new Float64Array(1)
    const take = (): number => this.#memory.takeActive(stamp)
    for (let at; (at = this.#memory.locked(take)) !== 0;) {
      const app = this.#apps.get(at)
      if (app) active.push([app.window, stamp[0]!])
    }
    return active
  }

  /** Alone: raises the fences of all apps with newer stamps, and records the stamps that are too far ahead for that. */
  async #raise(waiting: Waiter[], active: [window: ReplayWindow, stamp: number][]): Promise<void> {
    const now = this.#runtime.now()
    const isAhead = ({ stamp }: Waiter): boolean => stamp > now + AHEAD_MS
    const fenced = waiting.filter((waiter) => !isAhead(waiter))
    const wanted = new Map<ReplayWindow, number>()
    for (const [window, stamp] of [...active, ...fenced.map(({ window, stamp }) => [window, stamp] as const)]) {
      wanted.set(window, Math.max(wanted.get(window) ?? 0, Math.min(stamp, now) + AHEAD_MS))
    }
    const raised = [...wanted].filter(([window, stamp]) => stamp > this.#memory.locked(() => window.fence))
    const fences = raised.map(([window, stamp]): [string, number] => [this.#apps.get(window.at)!.appId, stamp])
    const serverId = this.#serverId
    const outcome = fences.length === 0 ? 'ok' : await this.#storage.raiseFences({ serverId, epoch: this.#epoch, fences })
    if (outcome === 'ok') {
      for (const [window, stamp] of raised) this.#memory.locked(() => (window.fence = Math.max(window.fence, stamp)))
      for (const waiter of fenced) waiter.resolve()
      await this.#record(waiting.filter(isAhead))
    } else {
      if (outcome === 'epoch') this.#share(true)
      else await this.#rejoin(serverId)
      this.#waiting.push(...waiting)
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
      this.#waiting.push(...waiting)
    } else {
      waiting.forEach((waiter, i) => (outcome[i] ? waiter.resolve() : waiter.reject(new ServiceError('replayed'))))
    }
  }

  #share(shared: boolean): void {
    if (shared === this.#memory.shared) return
    this.#memory.locked(() => (this.#memory.shared = shared))
    this.#takeActive()
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
    if (this.#memory.hasActive || this.#waiting.length > 0) await this.#flush()
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
    if (this.#memory.shared && now - this.#aloneSince > RECORD_MS) this.#share(false)
  }

  #sweep(): void {
    const oldest = this.#runtime.now() - PAST_MS
    const touchedBefore = this.#runtime.monotonic() - MEMORY_MS
    for (const window of this.#memory.windows()) {
      this.#memory.locked(() => {
        window.expire(oldest, touchedBefore)
        if (window.isEmpty && window.newest < oldest) window.close()
      })
    }
  }

  /** The heartbeat is the server's regular write: how many milliseconds ago the last one succeeded, and whether one has failed since. */
  get lastWrite(): { ageMs: number; failing: boolean } {
    return { ageMs: this.#runtime.monotonic() - this.#wroteAt, failing: this.#writeFailing }
  }

  /** For metrics. */
  statistics(): { bytes: number; entries: number; apps: number; shared: boolean } {
    const { bytes, entries, apps } = this.#memory.statistics
    return { bytes, entries, apps, shared: this.#memory.shared }
  }

  get narrowings(): number {
    return this.#memory.statistics.narrowings
  }

  /** A clean stop: once no request is under way, memory is saved and the fences end where it begins: the next start refuses no new request. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A request that outlived the drain must not be accepted behind what is saved.
    this.#memory.locked(() => (this.#memory.stopped = true))
    clearInterval(this.#timer)
    await this.#ticking
    await this.#flushing
    if (this.#serverId === '') return
    // Whatever another server has accepted lies below the floors or is recorded in the store, so this one's memory completes it. The store sets the
    // fences only if this server is registered and the last.
    const open = [...this.#apps.values()].filter(({ window }) => window.isOpen)
    const fences = (await this.#save(open)) ? open.map(({ appId, window }): [string, number] => [appId, window.floor]) : []
    await this.#storage.unregisterServer({ id: this.#serverId, fences })
  }

  /** Saves every window; false if this server was expelled. */
  async #save(apps: { appId: string; window: ReplayWindow }[]): Promise<boolean> {
    const save = async (windows: SavedWindow[]): Promise<boolean> =>
      (await this.#storage.saveReplayWindows({ serverId: this.#serverId, windows })) === 'ok'
    let windows: SavedWindow[] = []
    let bytes = 0
    for (const { appId, window } of apps) {
      const pages = this.#memory.locked(() => window.save())
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

/** What a request is called among those that are contested. */
function nameOf(window: ReplayWindow, mac: Uint8Array): string {
  return `${window.at} ${halfOf(mac, 0)} ${halfOf(mac, 4)}`
}
