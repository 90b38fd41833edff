import { ServiceError, type ErrorCode } from './errors.ts'

/** What one thread lets another call, by name. Arguments and results travel by structured clone. */
export type Callable = Record<string, (...args: never[]) => unknown>

/** Where messages to the other thread go. */
interface Port {
  postMessage(message: unknown): void
}

type Message =
  | { call: string; args: readonly unknown[]; id: number | null }
  | { id: number; result: unknown }
  | { id: number; failure: { code: ErrorCode | undefined; message: string; detail: string | undefined } }

/**
 * Calls between two threads, each with what it offers. An error arrives as a {@link ServiceError} if it was one, otherwise as a plain error; when
 * the other thread has gone, whatever is under way fails.
 */
export class ThreadCalls<Theirs extends Callable> {
  readonly #port: Port
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  readonly #ours: Callable
  #next = 1
  #gone = false

  /** @param port call {@link receive} with each of its messages, and {@link end} when the other thread has gone */
  constructor(port: Port, ours: Callable) {
    this.#port = port
    this.#ours = ours
  }

  /** Calls a function of the other thread. */
  call<K extends keyof Theirs & string>(name: K, ...args: Parameters<Theirs[K]>): Promise<Awaited<ReturnType<Theirs[K]>>> {
    if (this.#gone) return Promise.reject(new ServiceError('busy', { detail: 'the other thread has ended' }))
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject })
      this.#port.postMessage({ call: name, args, id } satisfies Message)
    })
  }

  /** Calls a function of the other thread whose end nobody waits for; it must not throw. */
  tell<K extends keyof Theirs & string>(name: K, ...args: Parameters<Theirs[K]>): void {
    this.#port.postMessage({ call: name, args, id: null } satisfies Message)
  }

  receive(message: unknown): void {
    const received = message as Message
    if ('call' in received) void this.#run(received)
    else {
      const waiting = this.#waiting.get(received.id)
      this.#waiting.delete(received.id)
      if ('failure' in received) {
        const { code, message: text, detail } = received.failure
        waiting?.reject(
          code === undefined ? new Error(text) : new ServiceError(code, { message: text, ...(detail !== undefined && { detail }) }),
        )
      } else waiting?.resolve(received.result)
    }
  }

  /** The other thread has gone. */
  end(): void {
    this.#gone = true
    for (const { reject } of this.#waiting.values()) reject(new ServiceError('busy', { detail: 'the other thread has ended' }))
    this.#waiting.clear()
  }

  async #run({ call, args, id }: Extract<Message, { call: string }>): Promise<void> {
    try {
      const result = await this.#ours[call]!(...(args as never[]))
      if (id !== null) this.#port.postMessage({ id, result } satisfies Message)
    } catch (error) {
      if (id === null) throw error
      const { message } = error as Error
      const known = error instanceof ServiceError ? error : undefined
      this.#port.postMessage({ id, failure: { code: known?.code, message, detail: known?.detail } } satisfies Message)
    }
  }
}
