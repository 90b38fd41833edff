/** A compiled program: the tree of rules, as it is looked into at run time. */
import type { Value } from '../values/value.ts'
import type { Context, Session } from './context.ts'

export type GroupKind = 'complete' | 'function' | 'set' | 'object'

/** All rules of one path. */
export interface Group {
  readonly id: number
  readonly path: readonly string[]
  readonly name: string
  readonly kind: GroupKind
  /** Parameters of a function; undefined where nothing is written as one. `f() = 1` is a rule that can be called, too. */
  arity: number | undefined
  /** The value of the rules, or of the function for arguments. */
  evaluate: (c: Context, args: readonly Value[]) => Value | undefined
}

/** A place in the tree of rules: a package, part of one, or a group. */
export interface DocNode {
  readonly path: readonly string[]
  readonly children: Map<string, DocNode>
  group: Group | undefined
}

/** What `with` puts in the place of a function: another one, or a value. */
export type Replacement = { group: Group } | { builtin: Builtin } | { value: Value }

/** A built-in as the evaluator calls it. Throws BuiltinError; undefined where the call has no value. */
export interface Builtin {
  readonly name: string
  readonly arity: number
  /** Whether the result is an array of solutions. */
  readonly isRelation: boolean
  /** Arguments without a value are given as `<undefined>`. */
  readonly isVariadic: boolean
  readonly call: (args: readonly Value[], session: Session) => Value | undefined
}
