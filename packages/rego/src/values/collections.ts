/** Sets and objects of any keys: hash maps by a key of the value, with an ordering that is computed on first use. */
import type { Value } from './value.ts'

/** What a Map holds a value by: equal for equal values only. Composite values and odd strings begin with NUL. */
export type HashKey = string | number | bigint | boolean | null

export class RegoSet {
  readonly members: ReadonlyMap<HashKey, Value>
  /** Members in Rego's order; see `sortedMembers`. */
  ordered: readonly Value[] | undefined
  hash: string | undefined

  constructor(members: ReadonlyMap<HashKey, Value>) {
    this.members = members
  }

  get size(): number {
    return this.members.size
  }
}

export class RegoObject {
  readonly entries: ReadonlyMap<HashKey, readonly [Value, Value]>
  /** Entries in the order of their keys; see `sortedEntries`. */
  ordered: readonly (readonly [Value, Value])[] | undefined
  hash: string | undefined

  constructor(entries: ReadonlyMap<HashKey, readonly [Value, Value]>) {
    this.entries = entries
  }

  get size(): number {
    return this.entries.size
  }
}

export function isRegoSet(value: unknown): value is RegoSet {
  return value instanceof RegoSet
}

export function isRegoObject(value: unknown): value is RegoObject {
  return value instanceof RegoObject
}
