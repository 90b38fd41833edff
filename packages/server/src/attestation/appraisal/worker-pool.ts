/**
 * Worker threads that each run one job at a time, under a hard stop: a job that takes too long, or too much memory, ends with its thread,
 * and a new thread takes its place. The queue is bounded, in all and for each owner. Owners take turns, and those with fewer jobs under way
 * come first: an owner with slow jobs may occupy all threads while no one else needs them, but after that only those that others leave
 * free.
 *
 * This pool is not shared with the crypto package: these jobs run code written by tenants, so they need turns, limits and termination. The
 * jobs of the other pool are our own, short and of bounded size, and on the path of every SM2 operation: a plain queue is enough, and a
 * timer for each would be costly.
 */
import { Worker, type Transferable } from 'node:worker_threads'
import { ServiceError } from '../../foundation/index.ts'

export interface WorkerPoolOptions {
  script: URL
  workers: number
  maxWaiting: number
  maxWaitingOfOwner: number
  /** Milliseconds that a job may take once a thread has started it. */
  hardStop: number
  /** Heap of a thread. */
  heapMegabytes: number
}

/** A job that was terminated; the message says why, and is public. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError'
}

interface Task<Job, Reply> {
  owner: string
  job: Job
  moved: readonly Transferable[]
  resolve: (reply: Reply) => void
  reject: (error: Error) => void
}

interface Slot<Job, Reply> {
  worker: Worker
  task: Task<Job, Reply> | undefined
  timer: NodeJS.Timeout | undefined
  /** Why the thread is being terminated. */
  reason: string | undefined
}

export class WorkerPool<Job, Reply> implements AsyncDisposable {
  readonly #options: WorkerPoolOptions
  readonly #slots = new Set<Slot<Job, Reply>>()
  /** Owners with waiting jobs, in the order of their turns. */
  readonly #queues = new Map<string, Task<Job, Reply>[]>()
  #waiting = 0
  #closed = false
  /** Jobs that were terminated, since start. */
  stopped = 0

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Threads at work. */
  get busy(): number {
    return [...this.#slots].filter(({ task }) => task !== undefined).length
  }

  /**
   * Runs a job; the contents of `moved` are transferred to the thread, the rest is copied.
   * @throws {ServiceError} `busy` if too many jobs wait
   * @throws {StoppedError} if it took too long or too much memory
   */
  run(owner: string, job: Job, moved: readonly Transferable[] = []): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new ServiceError('busy', { detail: 'the server stops' })
      const queue = this.#queues.get(owner) ?? []
      const { maxWaiting, maxWaitingOfOwner, workers } = this.#options
      const free = this.busy < workers
      if (!free && (this.#waiting >= maxWaiting || queue.length >= maxWaitingOfOwner)) {
        throw new ServiceError('busy', { detail: 'too many appraisals wait' })
      }
      queue.push({ owner, job, moved, resolve, reject })
      this.#queues.set(owner, queue)
      this.#waiting++
      this.#dispatch()
    })
  }

  #dispatch(): void {
    while (this.#waiting > 0 && !this.#closed) {
      const slot = this.#freeSlot()
      if (!slot) return
      const task = this.#next()
      try {
        slot.worker.postMessage(task.job, task.moved)
      } catch (error) {
        task.reject(error as Error)
        continue
      }
      slot.task = task
      slot.worker.ref()
      const { hardStop } = this.#options
      slot.timer = setTimeout(() => this.#end(slot, `it took longer than ${hardStop / 1000} seconds`), hardStop)
    }
  }

  /** The first job of the owner whose turn it is, among those with the fewest jobs under way. */
  #next(): Task<Job, Reply> {
    let [owner, queue] = this.#queues.entries().next().value!
    let fewest = Infinity
    for (const [each, waiting] of this.#queues) {
      const running = [...this.#slots].filter(({ task }) => task?.owner === each).length
      if (running < fewest) [owner, queue, fewest] = [each, waiting, running]
      // There are no more owners with running jobs than threads, so this comes soon.
      if (fewest === 0) break
    }
    const task = queue.shift()!
    this.#queues.delete(owner)
    if (queue.length > 0) this.#queues.set(owner, queue)
    this.#waiting--
    return task
  }

  #freeSlot(): Slot<Job, Reply> | undefined {
    for (const slot of this.#slots) if (slot.task === undefined && slot.reason === undefined) return slot
    return this.#slots.size < this.#options.workers ? this.#start() : undefined
  }

  #start(): Slot<Job, Reply> {
    const { script, heapMegabytes } = this.#options
    // The thread needs neither the environment nor the process's flags.
    const worker = new Worker(script, {
      env: {},
      execArgv: [],
      name: 'appraisal',
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    })
    const slot: Slot<Job, Reply> = { worker, task: undefined, timer: undefined, reason: undefined }
    worker.unref()
    worker.on('message', (reply: Reply) => {
      if (slot.reason !== undefined) return
      const { task } = slot
      clearTimeout(slot.timer)
      slot.task = undefined
      worker.unref()
      task?.resolve(reply)
      this.#dispatch()
    })
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const outOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      slot.reason ??= outOfMemory ? 'it needed more memory than it may' : `its thread failed (${error.code ?? error.name})`
    })
    worker.on('exit', () => {
      clearTimeout(slot.timer)
      this.#slots.delete(slot)
      if (slot.task) {
        this.stopped++
        slot.task.reject(new StoppedError(`the appraisal was stopped: ${slot.reason ?? 'its thread ended'}`))
      }
      this.#dispatch()
    })
    this.#slots.add(slot)
    return slot
  }

  #end(slot: Slot<Job, Reply>, reason: string): void {
    slot.reason = reason
    void slot.worker.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const queue of this.#queues.values())
      for (const task of queue) task.reject(new ServiceError('busy', { detail: 'the server stops' }))
    this.#queues.clear()
    this.#waiting = 0
    for (const slot of this.#slots) slot.reason ??= 'the server stops'
    await Promise.all([...this.#slots].map(({ worker }) => worker.terminate()))
  }
}
