import type { GapLeaf, Leaf } from '../leaf.ts'
import type { Faults } from './fault.ts'

interface Range {
  from: number
  /** Inclusive. */
  to: number
  /** Where it was noticed. */
  index: number
}

interface Server {
  /** The number that its next leaf has; Infinity once a gap leaf says that it ended. */
  next: number
  missing: Range[]
}

/** Of servers and of their unexplained gaps, together. */
const MAX_KEPT = 200_000

/** Follows the numbers of every server: each once, growing, without gaps but those that gap leaves name, whether before or afterwards. */
export class Sequences {
  readonly #faults: Faults
  readonly #servers = new Map<string, Server>()
  /** What a server that is seen for the first time begins with; undefined if what came before is not known. */
  #first: number | undefined
  #kept = 0
  #isOverfull = false

  /** `isWhole`: from the log's first leaf on. */
  constructor(faults: Faults, isWhole: boolean) {
    this.#faults = faults
    this.#first = isWhole ? 0 : undefined
  }

  leaf(leaf: Leaf, index: number): void {
    this.#number(leaf, index)
    if (leaf.kind === 'gap') this.#gap(leaf, index)
  }

  /** Something unreadable stands here: what follows says nothing about what came before. */
  interrupt(): void {
    this.#servers.clear()
    this.#kept = 0
    this.#first = undefined
  }

  /** Tells of gaps that nothing has explained. */
  finish(): void {
    const gaps = [...this.#servers].flatMap(([server, { missing }]) => missing.map((range) => ({ server, ...range })))
    for (const { server, from, to, index } of gaps.toSorted((a, b) => a.index - b.index))
      this.#faults.add({ code: 'sequence_gap', index, detail: `${numbers(from, to)} of server ${server} are missing before it` })
  }

  #number({ server: name, seq }: Leaf, index: number): void {
    const server = this.#server(name, seq)
    if (server === undefined) return
    if (seq < server.next) {
      const wasMissing = server.next !== Infinity && server.missing.some(({ from, to }) => from <= seq && seq <= to)
      if (wasMissing) {
        this.#explain(server, seq, seq)
        this.#faults.add({ code: 'reordered', index, detail: `number ${seq} of server ${name} comes after later ones` })
      } else if (server.next === Infinity) {
        this.#faults.add({ code: 'sequence_gap', index, detail: `server ${name} was said to have ended` })
      } else {
        this.#faults.add({ code: 'duplicate', index, detail: `number ${seq} of server ${name} is there, or was said to be lost` })
      }
      return
    }
    if (seq > server.next) this.#miss(server, { from: server.next, to: seq - 1, index })
    server.next = seq + 1
  }

  #gap({ missing: { server: name, from, to } }: GapLeaf, index: number): void {
    const server = this.#server(name, from)
    if (server === undefined) return
    const last = to ?? Infinity
    const contradiction = { code: 'sequence_gap', index, detail: `server ${name}: what is said to be lost is there` } as const
    if (from < server.next) {
      const isMissing = this.#explain(server, from, Math.min(last, server.next - 1))
      if (!isMissing) this.#faults.add(contradiction)
    } else if (from > server.next) {
      this.#miss(server, { from: server.next, to: from - 1, index })
    }
    if (last >= server.next) server.next = last === Infinity ? Infinity : last + 1
  }

  /** Takes numbers out of what is missing; whether all of them were in it. */
  #explain(server: Server, from: number, to: number): boolean {
    let explained = 0
    const rest: Range[] = []
    for (const range of server.missing) {
      const [first, last] = [Math.max(range.from, from), Math.min(range.to, to)]
      if (first > last) {
        rest.push(range)
        continue
      }
      explained += last - first + 1
      if (range.from < first) rest.push({ ...range, to: first - 1 })
      if (range.to > last) rest.push({ ...range, from: last + 1 })
    }
    this.#kept += rest.length - server.missing.length
    server.missing = rest
    return explained === to - from + 1
  }

  #miss(server: Server, range: Range): void {
    if (!this.#room(range.index)) return
    server.missing.push(range)
    this.#kept++
  }

  #server(name: string, seq: number): Server | undefined {
    const known = this.#servers.get(name)
    if (known !== undefined) return known
    if (!this.#room(undefined)) return undefined
    const server = { next: this.#first ?? seq, missing: [] }
    this.#servers.set(name, server)
    this.#kept++
    return server
  }

  #room(index: number | undefined): boolean {
    if (this.#kept < MAX_KEPT) return true
    if (!this.#isOverfull)
      this.#faults.add({ code: 'too_many_servers', ...(index === undefined ? {} : { index }), detail: `more than ${MAX_KEPT}` })
    this.#isOverfull = true
    return false
  }
}

function numbers(from: number, to: number): string {
  return from === to ? `number ${from}` : `numbers ${from} to ${to}`
}
