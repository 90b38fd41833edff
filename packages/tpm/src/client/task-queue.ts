/** Runs tasks one at a time, in the order in which they were given. */
export class TaskQueue {
  #last: Promise<unknown> = Promise.resolve()

  /**
   * The result of the task. When the signal aborts, the caller gets its reason at once; a task that has begun still runs to its end before the next, since
   * a TPM can't be interrupted.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = this.#last.then(() => {
      signal?.throwIfAborted()
      return task()
    })
    this.#last = turn.catch(() => undefined)
    return signal === undefined ? turn : untilAborted(turn, signal)
  }
}

async function untilAborted<T>(turn: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort)
  try {
    return await Promise.race([turn, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
