/**
 * What one evaluation may use. Evaluation is synchronous, so the budget under way is a variable of this module: built-ins and values charge
 * it without handing it around. Exceeding a limit throws `LimitError`, which names it.
 */
import { LimitError } from '../errors.ts'

export interface Limits {
  /** Expressions evaluated, elements visited, and work inside built-ins, of which a step is at most some 100 ns. */
  steps: number
  /** Wall time. */
  milliseconds: number
  /** Length of the result as JSON text, in UTF-16 units. */
  resultBytes: number
  /** Rules and functions that are under way inside one another. */
  depth: number
  /** Sum over all regular expressions of pattern length × text length. */
  regexWork: number
  /** Bytes taken for collections and strings, as the engine stores them; what is freed again counts too. */
  memory: number
}

export const DEFAULT_LIMITS: Limits = {
  steps: 10_000_000,
  milliseconds: 5_000,
  resultBytes: 16 * 1024 * 1024,
  depth: 100_000,
  regexWork: 100_000_000,
  memory: 256 * 1024 * 1024,
}

/** What an element of an array takes; one of a set or an object is an entry of a hash table besides. */
const ITEM_BYTES = 24
const ENTRY_BYTES = 120
/** Elements of an array that are copied for one step. */
const ITEMS_PER_STEP = 8
/** What a string takes besides its characters. */
const STRING_BYTES = 24
/** Characters that are compared, copied or searched for one step. */
const CHARACTERS_PER_STEP = 64
/** Longest integer, in hexadecimal digits. */
const MAX_INTEGER_DIGITS = 65_536
/** Steps between two looks at the clock. */
const CLOCK_INTERVAL = 2048
/** Milliseconds that a step inside a built-in may take: what cannot end before the deadline is not begun. */
const STEP_MILLISECONDS = 0.0001

export class Budget {
  readonly limits: Limits
  readonly deadline: number
  steps = 0
  /** Steps at which `check` must be called. */
  checkAt: number
  depth = 0
  regexWork = 0
  memory = 0
  /** What was worked out about objects of the input, for the length of the evaluation: afterwards the caller may change them. */
  readonly notes = new WeakMap<object, unknown>()

  constructor(limits: Limits) {
    this.limits = limits
    this.deadline = performance.now() + limits.milliseconds
    this.checkAt = Math.min(CLOCK_INTERVAL, limits.steps)
  }

  /** Called when `steps` has passed `checkAt`; `ahead` are those whose work is still to be done. */
  check(ahead = 0): void {
    if (this.steps > this.limits.steps) throw new LimitError('steps', this.limits.steps)
    const forecast = ahead > CLOCK_INTERVAL ? ahead * STEP_MILLISECONDS : 0
    if (performance.now() + forecast > this.deadline) throw new LimitError('milliseconds', this.limits.milliseconds)
    this.checkAt = Math.min(this.steps + CLOCK_INTERVAL, this.limits.steps)
  }

  spend(steps: number): void {
    this.steps += steps
    if (this.steps > this.checkAt) this.check(steps)
  }

  enter(): void {
    if (++this.depth > this.limits.depth) throw new LimitError('depth', this.limits.depth)
  }

  leave(): void {
    this.depth--
  }
}

let current: Budget | undefined

/** Runs `work` under a budget. */
export function underBudget<T>(budget: Budget, work: () => T): T {
  const outer = current
  current = budget
  try {
    return work()
  } finally {
    current = outer
  }
}

/** A memory about objects that lasts as long as the evaluation; undefined outside of one. */
export function evaluationNotes(): WeakMap<object, unknown> | undefined {
  return current?.notes
}

/** Charges steps for work inside a value or a built-in, before it is done. */
export function spend(steps: number): void {
  current?.spend(steps)
}

/** Charges reading so many characters or bytes once, by code of the engine's own. */
export function spendCharacters(count: number): void {
  if (count >= CHARACTERS_PER_STEP) current?.spend(Math.ceil(count / CHARACTERS_PER_STEP))
}

/** Charges elements of arrays before they are made. */
export function allocateItems(count: number): void {
  allocate(count * ITEM_BYTES)
  if (count >= ITEMS_PER_STEP) spend(count / ITEMS_PER_STEP)
}

/** Charges members of sets and entries of objects before they are made. */
export function allocateEntries(count: number): void {
  allocate(count * ENTRY_BYTES)
  spend(count)
}

const WIDE = /[^\0-\xff]/

/** Charges a string of `length` units before it is made of others, of which `like` are some: those of wide characters take twice as much. */
export function allocateText(length: number, ...like: readonly string[]): void {
  if (current === undefined) return
  spendCharacters(length)
  allocate(STRING_BYTES + (length > STRING_BYTES && like.some((text) => WIDE.test(text)) ? 2 * length : length))
}

/** Charges a string that has been made of operands which were charged, and returns it. */
export function charged(text: string): string {
  allocateText(text.length, text)
  return text
}

/** Charges memory before it is taken, in bytes. */
export function allocate(bytes: number): void {
  if (current === undefined) return
  current.memory += bytes
  if (current.memory > current.limits.memory) throw new LimitError('memory', current.limits.memory)
}

/** Charges for an integer by its number of hexadecimal digits; very long ones are refused, as arithmetic on them cannot be interrupted. */
export function allocateInteger(digits: number): void {
  if (digits > MAX_INTEGER_DIGITS) throw new LimitError('memory', MAX_INTEGER_DIGITS)
  spend(1 + (digits >> 2))
  allocate(STRING_BYTES + (digits >> 1))
}

/** Looks at the clock now, where a single piece of work may take long. */
export function lookAtClock(): void {
  current?.check()
}

/** Charges a search of a text of `length` with a pattern of `size`. */
export function chargeRegex(size: number, length: number): void {
  if (current === undefined) return
  current.regexWork += (size + 1) * (length + 1)
  if (current.regexWork > current.limits.regexWork) throw new LimitError('regexWork', current.limits.regexWork)
  spendCharacters(length)
  current.spend(1)
}
