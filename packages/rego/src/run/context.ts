/** What an evaluation sees: the documents, what `with` replaced of them, and what was computed so far. */
import type { Value } from '../values/value.ts'
import type { Budget } from './budget.ts'
import type { Replacement } from './program.ts'
import type { DocNode } from './program.ts'

/** What `with data… as` put in place, as a tree beside the rules'. Where `isSet`, no rule counts any more; the value itself is in the base. */
export interface Overlay {
  isSet: boolean
  readonly children: ReadonlyMap<string, Overlay>
}

/** What stays the same for a whole evaluation. */
export interface Session {
  readonly budget: Budget
  readonly root: DocNode
  /** Whether errors of built-ins stop the evaluation; otherwise their calls are undefined. */
  readonly strict: boolean
  /** Nanoseconds since 1970, the same for the whole evaluation. */
  readonly now: bigint
  /** Seeds `rand.intn` and `uuid.rfc4122`. */
  readonly seed: string
  /** What built-ins keep for the length of the evaluation. */
  readonly memory: Map<string, unknown>
  /** Receives what the policy prints. */
  readonly print: (text: string) => void
}

export class Context {
  readonly session: Session
  readonly budget: Budget
  readonly input: Value | undefined
  readonly data: Value
  readonly overlay: Overlay | undefined
  readonly mocks: ReadonlyMap<string, Replacement> | undefined
  /** Values of rules by their group's number; `UNDEFINED` for those that have none. */
  readonly values: (Value | typeof UNDEFINED | undefined)[] = []
  /** The context that a `with` or a call of a replacement set aside. */
  readonly outer: Context | undefined

  constructor(
    session: Session,
    input: Value | undefined,
    data: Value,
    overlay: Overlay | undefined,
    mocks: ReadonlyMap<string, Replacement> | undefined,
    outer: Context | undefined,
  ) {
    this.session = session
    this.budget = session.budget
    this.input = input
    this.data = data
    this.overlay = overlay
    this.mocks = mocks
    this.outer = outer
  }
}

export const UNDEFINED: unique symbol = Symbol('undefined')

/** The variables of one rule under way, by slot. */
export type Frame = (Value | undefined)[]
/** Goes on with the variables bound so far; true stops the search for further solutions. */
export type Step = (f: Frame, c: Context) => boolean
/** One expression, linked to what comes after it. */
export type Link = (next: Step) => Step
export type Getter = (f: Frame, c: Context) => Value | undefined
