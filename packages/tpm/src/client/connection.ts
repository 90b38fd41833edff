// The connection to one TPM: what is sent, in which order, and what must be flushed at the end.
// Always true: one command is under way at a time; a handle that a scope's commands made is in its set until it is flushed; after a
// transport error nothing more is sent.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { TpmError } from '../error.ts'
import { parseTpmAddress } from './address.ts'
import type { TpmAddress } from './address.ts'
import { commandName } from './command-codes.ts'
import { openDeviceTransport } from './device-transport.ts'
import { flushCommand } from './flush-command.ts'
import { decodeResponse, encodeCommand, responseCode, responseHandle } from './message.ts'
import { TpmResponseError, isRetryable } from './response-code.ts'
import { openSocketTransport } from './socket-transport.ts'
import { TaskQueue } from './task-queue.ts'
import type { Tpm, TpmCommand, TpmResponse } from './tpm.ts'
import type { TpmTransport } from './transport.ts'

export interface TpmOptions {
  /** Milliseconds for a command to end, and for a connection to come about; 180,000 unless given: slow TPMs take minutes for an RSA key. */
  timeout?: number
  /** How often a command is sent again when the TPM says that it was busy; 12 unless given, with growing pauses (about eight seconds in all). */
  retries?: number
}

/** A connection to a TPM. `close` flushes the transient objects and sessions that were made through it and are still there. */
export interface TpmConnection extends Tpm, AsyncDisposable {
  close(): Promise<void>
}

const DEFAULT_TIMEOUT = 180_000
const DEFAULT_RETRIES = 12
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 1000

/**
 * Connects to a TPM: `/dev/tpmrm0`, `swtpm:host:port`, `swtpm:/path`, the same as an object, or a transport of the caller's. Sends nothing yet.
 * Throws TpmError.
 *
 * @example
 * await using tpm = await openTpm(address) // '/dev/tpmrm0'
 * const random = await tpm2.getRandom(tpm, 16)
 * random.length // → 16
 */
export async function openTpm(
  address: string | TpmAddress | TpmTransport,
  { timeout = DEFAULT_TIMEOUT, retries = DEFAULT_RETRIES }: TpmOptions = {},
): Promise<TpmConnection> {
  const place = typeof address === 'string' ? parseTpmAddress(address) : address
  const transport =
    'exchange' in place ? place : 'device' in place ? await openDeviceTransport(place.device) : await openSocketTransport(place, timeout)
  const line = new Line(transport, timeout, retries)
  const root = new Scope(line)
  const close = async () => {
    await root.end()
    await line.close()
  }
  return {
    execute: (command) => root.execute(command),
    exclusive: (work, options) => root.exclusive(work, options),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The scopes in which this flow of execution began: it must not wait for the end of one of them. */
const held = new AsyncLocalStorage<readonly Scope[]>()

class Scope implements Tpm {
  readonly #line: Line
  readonly #parent: Scope | undefined
  readonly #signal: AbortSignal | undefined
  readonly #queue = new TaskQueue()
  readonly #made = new Set<number>()
  #ended = false

  constructor(line: Line, parent?: Scope, signal?: AbortSignal) {
    this.#line = line
    this.#parent = parent
    this.#signal = signal
  }

  execute(command: TpmCommand): Promise<TpmResponse> {
    return this.#enter(() => this.#send(command), this.#signal)
  }

  exclusive<T>(work: (tpm: Tpm) => Promise<T>, { signal }: { signal?: AbortSignal } = {}): Promise<T> {
    const signals = [this.#signal, signal].filter((each) => each !== undefined)
    const both = signals.length < 2 ? signals[0] : AbortSignal.any(signals)
    return this.#enter(async () => {
      const scope = new Scope(this.#line, this, both)
      try {
        return await held.run([...(held.getStore() ?? []), scope], () => work(scope))
      } finally {
        await scope.end()
      }
    }, both)
  }

  /** Waits for what is under way, then flushes. */
  async end(): Promise<void> {
    this.#refuseFromInside()
    await this.#queue.run(async () => {
      this.#ended = true
      for (const handle of this.#made) {
        try {
          await this.#line.send(flushCommand(handle), this.#made)
        } catch {
          // It is gone, or the TPM is: nothing is left to do about it.
        }
      }
      this.#made.clear()
    })
  }

  async #enter<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    this.#refuseFromInside()
    return await this.#queue.run(async () => {
      if (this.#ended)
        throw new TpmError(this.#parent === undefined ? 'the connection to the TPM is closed' : 'the exclusive use has ended')
      return await task()
    }, signal)
  }

  #refuseFromInside(): void {
    if (held.getStore()?.some((inner) => inner.#parent === this && !inner.#ended))
      throw new TpmError('inside exclusive(), use the TPM that is given to the function: this one waits for its end')
  }

  async #send(command: TpmCommand): Promise<TpmResponse> {
    const response = await this.#line.send(command, this.#made, this.#signal)
    if (command.flushes !== undefined) this.#forget(command.flushes)
    return response
  }

  #forget(handle: number): void {
    if (!this.#made.delete(handle) && this.#parent !== undefined) this.#parent.#forget(handle)
  }
}

/** Sends commands and reads responses, one at a time; knows whether the connection still stands. */
class Line {
  readonly #transport: TpmTransport
  readonly #timeout: number
  readonly #retries: number
  #lost: TpmError | undefined

  constructor(transport: TpmTransport, timeout: number, retries: number) {
    this.#transport = transport
    this.#timeout = timeout
    this.#retries = retries
  }

  /** `made` takes the handle that the command makes. */
  async send(command: TpmCommand, made: Set<number>, signal?: AbortSignal): Promise<TpmResponse> {
    const encoded = encodeCommand(command)
    let wait = FIRST_PAUSE
    for (let tries = 0; ; tries++) {
      const bytes = await this.#exchange(encoded.bytes, command.code)
      const code = responseCode(bytes)
      if (code === 0) {
        const handle = responseHandle(bytes, command)
        if (handle !== undefined) made.add(handle)
        return decodeResponse(bytes, command, encoded)
      }
      if (!isRetryable(code) || tries >= this.#retries) throw new TpmResponseError(code, command.code)
      await pause(wait, undefined, signal === undefined ? {} : { signal })
      wait = Math.min(2 * wait, LONGEST_PAUSE)
    }
  }

  async #exchange(command: Uint8Array, code: number): Promise<Uint8Array> {
    if (this.#lost !== undefined)
      throw new TpmError(`the connection to the TPM was lost: ${this.#lost.message}`, { field: 'connection', cause: this.#lost })
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      late.reject(new TpmError(`no response within ${this.#timeout} ms`, { field: 'connection' }))
    }, this.#timeout)
    try {
      return await Promise.race([this.#transport.exchange(command), late.promise])
    } catch (error) {
      const cause = error as Error
      this.#lost = new TpmError(`${commandName(code)}: ${cause.message}`, { field: 'connection', cause })
      // A late response must never be taken for that of the next command.
      void this.#transport.close().catch(() => undefined)
      throw this.#lost
    } finally {
      clearTimeout(timer)
    }
  }

  async close(): Promise<void> {
    if (this.#lost !== undefined) return
    this.#lost = new TpmError('closed', { field: 'connection' })
    await this.#transport.close()
  }
}
