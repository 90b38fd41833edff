/**
 * What every edge does with a request, as a list of stages: listener facts → identify → limits → authorise → handle, and then, whatever came of
 * them, record → answer → observe. An edge brings the stages that its wire makes its own (what is signed, how bodies are read); those that
 * all share are here.
 */
import { authorise, type Call, type Right } from '../access/index.ts'
import type { Trail } from '../trail/index.ts'
import type { ListenerFacts } from './listener-facts.ts'

/** What an edge's table says of an operation, as far as the shared stages need it. */
export interface EdgeOperation {
  name: string
  /** What the caller needs; null where listener and settings decide. */
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
  /** Who the caller said it was, where that wasn't proved. */
  claimed: string | undefined
  result: unknown
}

/** Ends the request by throwing; one that need not wait returns nothing. */
export type Stage<S> = (state: S) => void | Promise<void>

/** Runs the stages one after the other; waits only for those that return a promise. */
export async function runStages<S>(stages: readonly Stage<S>[], state: S): Promise<void> {
  for (const stage of stages) {
    const pending = stage(state)
    if (pending !== undefined) await pending
  }
}

/** Before anything is done: what can't be recorded isn't. */
export function awaitTrail(trail: Trail): Stage<RequestState> {
  return () => (trail.hasRoom ? undefined : trail.room())
}

/** The caller may do what the operation needs; before anything is looked up for it. */
export const authoriseCall: Stage<RequestState> = ({ call, operation }) => authorise(call!.principal, operation!.right)

/**
 * Records how a request ended.
 * @param outcome `ok`, or the code of the error
 * @param objects what it was about; asked for only when there is a record to make
 */
export function record(trail: Trail, { call, claimed, operation, requestId }: RequestState, outcome: string, objects: () => string): void {
  if (call) trail.note(call, objects(), outcome)
  else if (claimed !== undefined) trail.noteRefusal({ claimed, action: operation?.name ?? 'unknown', outcome, requestId })
}
