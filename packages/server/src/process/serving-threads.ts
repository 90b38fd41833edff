/** The serving threads of a server: started, replaced when they die, reloaded, and drained at the end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { AggregatorRegistry, type MetricObject } from 'prom-client'
import { systemCall } from '../access/index.ts'
import type { Config } from '../config/index.ts'
import { ThreadCalls, type Callable } from '../foundation/index.ts'
import type { ReplayGuard } from '../replay/index.ts'
import type { RootKey } from '../root-key/index.ts'
import { ThreadState, forgetThread, type SharedMemory } from '../serving/index.ts'
import type { StorageLink } from '../storage/index.ts'
import { changeRecord, type Trail } from '../trail/index.ts'
import type { AppContext } from './context.ts'
import type { Readiness, Unready } from './readiness.ts'

/** What a serving thread is started with. */
export interface ThreadData {
  /** From 1. */
  number: number
  config: Config
  /** The API's address, with its port. */
  url: string
  issuer: string | undefined
  link: StorageLink
  state: SharedArrayBuffer
  memory: SharedMemory
  root: RootKey
  /** Where the root key lies, for messages. */
  rootKeyPlace: string
}

/** What a serving thread asks the process for. */
export interface ProcessCalls extends Callable {
  rootKey(id: string): Promise<RootKey>
  /** Accepts a request that shared memory alone can't accept. */
  accept(appId: string, stamp: number, mac: Uint8Array): Promise<void>
  calls(texts: string[]): void
  room(): Promise<void>
  unready(): Promise<Unready[]>
  findings(): string[]
  checkpoint(): string | undefined
  metrics(): Promise<string>
  ready(): void
}

/** What the process asks a serving thread for. */
export interface ServingThreadCalls extends Callable {
  metrics(): Promise<MetricObject[]>
  reload(config: Config): Promise<void>
  /** Hands over what calls it has noted. */
  flush(): void
  stop(): Promise<void>
}

export interface ServingThreadServices extends Pick<
  AppContext,
  'storage' | 'envelope' | 'metrics' | 'sequencer' | 'issuer' | 'rootKeyPlace' | 'runtime' | 'log'
> {
  trail: Trail
  /** With room for the main thread, too. */
  memory: SharedMemory
  replay: Pick<ReplayGuard, 'defer'>
  readiness: Pick<Readiness, 'check' | 'findings'>
}

interface Thread {
  worker: Worker
  calls: ThreadCalls<ServingThreadCalls>
  exited: Promise<void>
}

/** A thread that dies at its start is tried again after this long, and twice as long each time. */
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 30_000
/** One that ran for so long did not die at its start. */
const SETTLED_MS = 10_000
/** How often threads are told whether the trail has room. */
const TRAIL_MS = 50

export class ServingThreads implements AsyncDisposable {
  readonly #services: ServingThreadServices
  readonly #url: string
  readonly #state: ThreadState
  readonly #threads = new Map<number, Thread>()
  readonly #replacements = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #config: Config
  #stopping = false
  /** Threads that died, for metrics. */
  replaced = 0

  private constructor(services: ServingThreadServices, config: Config, url: string) {
    this.#services = services
    this.#config = config
    this.#url = url
    this.#state = ThreadState.of(config.threads)
    this.#timer = setInterval(() => (this.#state.trailFull = !services.trail.hasRoom), TRAIL_MS)
    this.#timer.unref()
  }

  /** Starts them all; they serve when the promise resolves. */
  static async start(services: ServingThreadServices, config: Config, url: string): Promise<ServingThreads> {
    const threads = new ServingThreads(services, config, url)
    try {
      services.trail.collectWith(() => threads.#flush())
      const started = await Promise.allSettled(Array.from({ length: config.threads }, (_, i) => threads.#startThread(i + 1)))
      for (const one of started) if (one.status === 'rejected') throw one.reason
      return threads
    } catch (error) {
      await threads[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Threads that serve now. */
  get serving(): number {
    return this.#threads.size
  }

  /** Ends a thread at once, as a crash would; it is replaced. */
  async end(number: number): Promise<void> {
    await this.#threads.get(number)?.worker.terminate()
  }

  leastDomainRevision(own: number): number {
    return this.#state.leastDomainRevision(own)
  }

  /** The metrics of the process and its threads, summed. */
  async metrics(): Promise<string> {
    const { registry } = this.#services.metrics
    const own = registry.getMetricsAsJSON()
    // One that dies meanwhile is missing, as it is from then on.
    const theirs = [...this.#threads.values()].map(({ calls }) => calls.call('metrics').catch(() => []))
    return AggregatorRegistry.aggregate(await Promise.all([own, ...theirs])).metrics()
  }

  /** @throws {Error} what the first of them could not take over */
  async reload(config: Config): Promise<void> {
    this.#config = config
    await Promise.all([...this.#threads.values()].map(({ calls }) => calls.call('reload', config)))
  }

  /** Has the trail take over what calls were noted before. */
  async #flush(): Promise<void> {
    await Promise.all([...this.#threads.values()].map(({ calls }) => calls.call('flush').catch(() => {})))
  }

  async #startThread(number: number): Promise<void> {
    const { storage, envelope, memory, issuer, rootKeyPlace, log } = this.#services
    const { link, transfer } = storage.link(this.#config.threads)
    this.#state.setDomainRevision(number, 0)
    const workerData: ThreadData = {
      ...{ number, config: this.#config, url: this.#url, issuer: issuer.url, link, rootKeyPlace },
      ...{ state: this.#state.memory, memory, root: envelope.root },
    }
    const worker = new Worker(new URL('./serving-thread.ts', import.meta.url), {
      workerData,
      transferList: transfer,
      name: `serving ${number}`,
    })
    const ready = Promise.withResolvers<void>()
    const calls = new ThreadCalls<ServingThreadCalls>(worker, this.#callsOf(ready.resolve))
    worker.on('message', (message) => calls.receive(message))
    worker.on('error', (err) => {
      log.error({ err, thread: number }, 'a serving thread failed')
      ready.reject(err)
    })
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        calls.end()
        ready.reject(new Error('a serving thread ended before it served'))
        resolve()
      })
    })
    try {
      await ready.promise
    } catch (error) {
      await worker.terminate()
      await exited
      this.#forget(number)
      throw error
    }
    this.#threads.set(number, { worker, calls, exited })
    void this.#watch(number, exited)
  }

  /** Replaces the thread when it ends. */
  async #watch(number: number, exited: Promise<void>): Promise<void> {
    const { runtime } = this.#services
    const started = runtime.monotonic()
    await exited
    this.#threads.delete(number)
    this.#forget(number)
    if (this.#stopping) return
    const replacement = this.#replace(number, runtime.monotonic() - started > SETTLED_MS ? 0 : FIRST_RETRY_MS)
    this.#replacements.add(replacement)
    await replacement
    this.#replacements.delete(replacement)
  }

  /** Gives back what a thread held that has ended. */
  #forget(number: number): void {
    this.#state.gone(number)
    forgetThread(this.#services.memory, number)
  }

  async #replace(number: number, pause: number): Promise<void> {
    const { storage, runtime, log } = this.#services
    this.replaced++
    log.error(
      { thread: number },
      'a serving thread died and is replaced: what it was serving is cut off, and records of its last calls may be missing',
    )
    // What it had not handed over is gone: the trail says so.
    await storage
      .appendAudit({ rows: [changeRecord(systemCall('ReplaceThread'), String(number), runtime.now())] })
      .catch((err: unknown) => log.error({ err }, 'the death of a serving thread could not be recorded'))
    for (let wait = pause; !this.#stopping; wait = Math.min(Math.max(2 * wait, FIRST_RETRY_MS), LONGEST_RETRY_MS)) {
      await sleep(wait)
      if (this.#stopping) return
      try {
        await this.#startThread(number)
        log.info({ thread: number }, 'the serving thread was replaced')
        return
      } catch (err) {
        log.error({ err, thread: number }, 'a serving thread cannot be started; it is tried again')
      }
    }
  }

  #callsOf(ready: () => void): ProcessCalls {
    const { envelope, trail, replay, readiness, sequencer } = this.#services
    return {
      rootKey: (id) => envelope.rootKey(id),
      accept: (appId, stamp, mac) => replay.defer(appId, stamp, mac),
      calls: (texts) => trail.adopt(texts),
      room: () => trail.notes.room(),
      unready: () => readiness.check(),
      findings: () => readiness.findings,
      checkpoint: () => sequencer.checkpoint,
      metrics: () => this.metrics(),
      ready,
    }
  }

  /** Drains them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    await Promise.all(
      [...this.#threads.values()].map(async ({ worker, calls, exited }) => {
        await calls.call('stop').catch((err: unknown) => this.#services.log.warn({ err }, 'a serving thread did not stop cleanly'))
        await worker.terminate()
        await exited
      }),
    )
    await Promise.all(this.#replacements)
  }
}
