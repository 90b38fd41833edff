import type { Log } from '../foundation/index.ts'
import type { AlteredRow } from '../storage/index.ts'

/** Rows whose finding is remembered; beyond it some may be reported again. */
const MAX_REMEMBERED = 10_000

/** Reports each row of the store that was found altered: once, however often it is met. */
export class AlteredRows {
  readonly #log: Log
  readonly #count: (table: string) => void
  readonly #reported = new Set<string>()

  constructor(log: Log, count: (table: string) => void) {
    this.#log = log
    this.#count = count
  }

  readonly note = ({ table, id }: AlteredRow): void => {
    const name = JSON.stringify([table, id])
    if (this.#reported.has(name)) return
    if (this.#reported.size === MAX_REMEMBERED) this.#reported.clear()
    this.#reported.add(name)
    this.#count(table)
    this.#log.error({ table, row: id }, 'a row of the store was altered by someone else, and is not used')
  }
}
