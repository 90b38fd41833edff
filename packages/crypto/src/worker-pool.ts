/**
 * A bounded pool of worker threads that do one job at a time each. Threads are started when a job first needs them, keep the process
 * alive only while they work, and are replaced when they die; what they were doing then is rejected, what was waiting is not.
 *
 * Jobs are our own code on inputs of bounded size, so that they need neither turns nor an end by force: that is what sets this pool apart from
 * the server's for appraisals.
 */
import { Worker } from 'node:worker_threads'
import type { Transferable } from 'node:worker_threads'
import { CryptoBusyError } from './errors.ts'

export interface WorkerPool<Job, Reply> {
  /**
   * Posts `job` to a free worker, or queues it; what is in `transfer` moves there, the rest is copied. Rejects with `CryptoBusyError`
   * when the queue is full, with another error when its worker dies or the pool is closed.
   */
  run(job: Job, transfer?: readonly Transferable[]): Promise<Reply>
  /** Jobs waiting for a worker. */
  readonly queued: number
  /** Rejects what is waiting or under way and stops the threads. */
  close(): Promise<void>
}

export interface WorkerPoolOptions {
  script: URL
  workers: number
  maxQueue: number
}

interface Task<Job, Reply> {
  job: Job
  transfer: readonly Transferable[]
  resolve: (reply: Reply) => void
  reject: (error: Error) => void
}

interface Slot<Job, Reply> {
  worker: Worker
  task: Task<Job, Reply> | undefined
}

export function createWorkerPool<Job, Reply>({ script, workers, maxQueue }: WorkerPoolOptions): WorkerPool<Job, Reply> {
  const slots = new Set<Slot<Job, Reply>>()
  const queue: Task<Job, Reply>[] = []
  let closed = false

  function start(): Slot<Job, Reply> {
    // Neither the environment nor the process's own flags are the worker's business.
    const worker = new Worker(script, { env: {}, execArgv: [], name: 'crypto' })
    const slot: Slot<Job, Reply> = { worker, task: undefined }
    worker.unref()
    worker.on('message', (reply: Reply) => {
      const { task } = slot
      slot.task = undefined
      worker.unref()
      task?.resolve(reply)
      dispatch()
    })
    worker.on('messageerror', () => void worker.terminate())
    let reason = 'exit'
    worker.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.name // Not its message, which may quote what it was working on. 'exit' follows.
    })
    worker.on('exit', () => {
      slots.delete(slot)
      slot.task?.reject(new Error(`a crypto worker stopped while it was working: ${reason}`))
      dispatch()
    })
    slots.add(slot)
    return slot
  }

  function freeSlot(): Slot<Job, Reply> | undefined {
    for (const slot of slots) if (slot.task === undefined) return slot
    return slots.size < workers ? start() : undefined
  }

  function dispatch(): void {
    for (let task = queue[0]; task !== undefined && !closed; task = queue[0]) {
      let slot: Slot<Job, Reply> | undefined
      try {
        slot = freeSlot()
        if (slot === undefined) return
        slot.worker.postMessage(task.job, task.transfer)
        slot.task = task
        slot.worker.ref()
      } catch (error) {
        task.reject(error instanceof Error ? error : new Error('a crypto worker could not be asked'))
      }
      queue.shift()
    }
  }

  return {
    run(job, transfer = []) {
      if (closed) return Promise.reject(new Error('the crypto workers are closed'))
      return new Promise((resolve, reject) => {
        queue.push({ job, transfer, resolve, reject })
        dispatch()
        // Only what no worker has taken counts against the bound.
        if (queue.length > maxQueue) queue.pop()?.reject(new CryptoBusyError())
      })
    },
    get queued() {
      return queue.length
    },
    async close() {
      closed = true
      for (const task of queue.splice(0)) task.reject(new Error('the crypto workers are closed'))
      await Promise.all([...slots].map(({ worker }) => worker.terminate()))
    },
  }
}
