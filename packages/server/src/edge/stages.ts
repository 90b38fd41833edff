/**
 * What every edge does with a request, as a list of stages: listener facts → identify → limits → authorise → handle, and then, whatever the
 * outcome, record → answer → observe. An edge adds the stages that are specific to its protocol (what is signed, how bodies are read);
 * those that all edges share are here.
 */
import { authorise, type Call, type Right } from '../access/index.ts'
import type { CallNotes } from '../trail/index.ts'
import type { ListenerFacts } from './listener-facts.ts'

/** The properties of an operation that the shared stages need from an edge's table. */
export interface EdgeOperation {
  name: string
  /** The right that the caller needs; null where listener and settings decide. */
  right: Right | null
}

/** A request on its way, filled in by its stages. */
export interface RequestState {
  /** Monotonic milliseconds. */
  readonly started: number
  readonly requestId: string
  readonly listener: ListenerFacts
  /** Undefined for an operation that doesn't exist. */
  readonly operation: EdgeOperation | undefined
  /** Undefined until the caller is identified. */
  call: Call | undefined
  /** The identity that the caller claimed, if it was not proved. */
  claimed: string | undefined
  result: unknown
}

/** A stage ends the request by throwing; one that need not wait returns nothing. */
export type Stage<S> = (state: S) => void | Promise<void>

/** Runs the stages in order; waits only for those that return a promise, and returns one only then. A stage that throws before ends it there and then. */
export function runStages<S>(stages: readonly Stage<S>[], state: S): void | Promise<void> {
  for (let next = 0; next < stages.length; next++) {
    const pending = stages[next]!(state)
    if (pending !== undefined) return runRest(stages, state, next + 1, pending)
  }
}

async function runRest<S>(stages: readonly Stage<S>[], state: S, from: number, pending: Promise<void>): Promise<void> {
  await pending
  for (let next = from; next < stages.length; next++) {
    const waiting = stages[next]!(state)
    if (waiting !== undefined) await waiting
  }
}

/** Runs before anything is looked up: what other threads were told is done must hold here too. */
export function awaitChanges(changes: { readonly upToDate: boolean; catchUp(): Promise<void> }): Stage<RequestState> {
  return () => (changes.upToDate ? undefined : changes.catchUp())
}

/** Runs before anything else: an operation that cannot be recorded is not performed. */
export function awaitTrail(trail: CallNotes): Stage<RequestState> {
  return () => (trail.hasRoom ? undefined : trail.room())
}

/** Checks the caller's right to the operation, before anything is looked up for it. */
export const authoriseCall: Stage<RequestState> = ({ call, operation }) => authorise(call!.principal, operation!.right)

/**
 * Records how a request ended.
 * @param outcome `ok`, or the code of the error
 * @param objects the objects it concerned; called only if there is a record to make
 */
export function record(
  trail: CallNotes,
  { call, claimed, operation, requestId }: RequestState,
  outcome: string,
  objects: () => string,
): void {
  if (call) trail.note(call, objects(), outcome)
  else if (claimed !== undefined) trail.noteRefusal({ claimed, action: operation?.name ?? 'unknown', outcome, requestId })
}
