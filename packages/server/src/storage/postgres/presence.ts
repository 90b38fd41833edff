// The one connection that a process holds for its life: it carries the presence lock and listens for changes.
import type { Client } from 'pg'
import { CHANGE_CHANNEL } from '../operations/record.ts'
import { connectAlone, disconnect } from './connection.ts'
import type { StoreState } from '../store-state.ts'
import { acquirePresence } from './locks.ts'

/** How often the connection is tried, so that one that died silently is noticed. */
const CHECK_MS = 2_000
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5_000

/**
 * Without its connection a process does not hold the presence lock, and an operator command may have the store: the state then says that it is
 * not reachable, and no operation may run. A server connects again by itself; an operator command does not, since a server may have written meanwhile.
 */
export class Presence {
  readonly #url: string
  readonly #role: 'server' | 'operator'
  readonly #state: StoreState
  readonly #onChange: () => void
  #client: Client | undefined
  #timer: NodeJS.Timeout | undefined
  #retryMs = FIRST_RETRY_MS
  #closed = false

  private constructor(url: string, role: 'server' | 'operator', state: StoreState, onChange: () => void) {
    this.#url = url
    this.#role = role
    this.#state = state
    this.#onChange = onChange
  }

  /** `onChange` is called when a change was announced, and after a time without connection. */
  static async open(url: string, role: 'server' | 'operator', state: StoreState, onChange: () => void): Promise<Presence> {
    const presence = new Presence(url, role, state, onChange)
    await presence.#connect()
    return presence
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    if (this.#client !== undefined) await disconnect(this.#client)
  }

  async #connect(): Promise<void> {
    const client = await connectAlone(this.#url, (ended) => this.#lost(ended))
    try {
      await acquirePresence(client, this.#role)
      client.on('notification', () => this.#onChange())
      await client.query(`listen ${CHANGE_CHANNEL}`)
    } catch (error) {
      await disconnect(client)
      throw error
    }
    if (this.#closed) {
      await disconnect(client)
      return
    }
    this.#client = client
    this.#state.reachable = true
    this.#retryMs = FIRST_RETRY_MS
    this.#timer = setTimeout(() => void this.#check(client), CHECK_MS)
  }

  async #check(client: Client): Promise<void> {
    try {
      await client.query('select 1')
      if (this.#client === client && !this.#closed) this.#timer = setTimeout(() => void this.#check(client), CHECK_MS)
    } catch {
      // No answer: the connection is given up without waiting for the other side.
      this.#lost(client)
      client.connection.stream.destroy()
    }
  }

  #lost(client: Client): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#state.reachable = false
    clearTimeout(this.#timer)
    if (this.#role === 'server') this.#retry()
  }

  #retry(): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#connect().then(
        () => this.#onChange(),
        () => this.#retry(),
      )
    }, this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
  }
}
