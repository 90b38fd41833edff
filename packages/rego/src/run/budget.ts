/**
 * What one evaluation may use. Evaluation is synchronous, so the budget under way is a variable of this module: built-ins and values charge
 * it without handing it around. Exceeding a limit throws `LimitError`, which names it.
 */
import { LimitError } from '../errors.ts'

export interface Limits {
  /** Expressions evaluated and elements visited. */
  steps: number
  /** Wall time. */
  milliseconds: number
  /** Length of the result as JSON text, in UTF-16 units. */
  resultBytes: number
  /** Rules and functions that are under way inside one another. */
  depth: number
  /** Sum over all regular expressions of pattern length × text length. */
  regexWork: number
  /** Bytes taken for collections and strings, roughly; what is freed again counts too. */
  memory: number
}

export const DEFAULT_LIMITS: Limits = {
  steps: 10_000_000,
  milliseconds: 5_000,
  resultBytes: 16 * 1024 * 1024,
  depth: 256,
  regexWork: 100_000_000,
  memory: 256 * 1024 * 1024,
}

/** What an element of a collection counts for. */
const ITEM_BYTES = 32
/** Longest integer, in hexadecimal digits. */
const MAX_INTEGER_DIGITS = 65_536
/** Steps between two looks at the clock. */
const CLOCK_INTERVAL = 2048

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

  /** Called when `steps` has passed `checkAt`. */
  check(): void {
    if (this.steps > this.limits.steps) throw new LimitError('steps', this.limits.steps)
    if (performance.now() > this.deadline) throw new LimitError('milliseconds', this.limits.milliseconds)
    this.checkAt = Math.min(this.steps + CLOCK_INTERVAL, this.limits.steps)
  }

  spend(steps: number): void {
    this.steps += steps
    if (this.steps > this.checkAt) this.check()
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

/** Charges steps for work inside a value or a built-in. */
export function spend(steps: number): void {
  current?.spend(steps)
}

/** Charges elements of collections before they are made. */
export function allocateItems(count: number): void {
  allocate(count * ITEM_BYTES)
}

/** Charges memory before it is taken, in bytes; characters count as one. */
export function allocate(units: number): void {
  if (current === undefined) return
  current.memory += units
  if (current.memory > current.limits.memory) throw new LimitError('memory', current.limits.memory)
}

/** Charges for an integer by its number of hexadecimal digits; very long ones are refused, as arithmetic on them cannot be interrupted. */
export function allocateInteger(digits: number): void {
  if (digits > MAX_INTEGER_DIGITS) throw new LimitError('memory', MAX_INTEGER_DIGITS)
  spend(digits >> 6)
  allocate(digits)
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
  current.spend(1)
}
