/** The syntax tree. Positions are offsets into the module's source; `locate` turns one into a row and a column. */
import type { Value } from '../values/value.ts'

export type Version = 'v0' | 'v1'

interface Node {
  /** Where it begins and ends in the source. */
  at: number
  end: number
}

export interface Scalar extends Node {
  type: 'scalar'
  value: Value
}
/** A variable; after resolving, locals have unique names, and only `input` and `data` stand for documents. */
export interface Var extends Node {
  type: 'var'
  name: string
}
export interface Ref extends Node {
  type: 'ref'
  head: Term
  path: Term[]
}
/** A call: `name` is dotted, `infix` the operator that it was written with. */
export interface Call extends Node {
  type: 'call'
  name: string
  args: Term[]
  infix?: string
}
export interface ArrayTerm extends Node {
  type: 'array'
  items: Term[]
}
export interface SetTerm extends Node {
  type: 'set'
  items: Term[]
}
export interface ObjectTerm extends Node {
  type: 'object'
  entries: [Term, Term][]
}
export interface ArrayComprehension extends Node {
  type: 'array-comprehension'
  term: Term
  body: Expr[]
}
export interface SetComprehension extends Node {
  type: 'set-comprehension'
  term: Term
  body: Expr[]
}
export interface ObjectComprehension extends Node {
  type: 'object-comprehension'
  key: Term
  value: Term
  body: Expr[]
}
/** `$"…{expression}…"`: strings and expressions in turn; `raw` for backticks. */
export interface Template extends Node {
  type: 'template'
  parts: (string | Expr)[]
  raw: boolean
}

export type Comprehension = ArrayComprehension | SetComprehension | ObjectComprehension
export type Term = Scalar | Var | Ref | Call | ArrayTerm | SetTerm | ObjectTerm | Comprehension | Template

export interface With extends Node {
  target: Term
  value: Term
  /** The built-in that the value names, once resolved. */
  builtin?: string
}

interface ExprBase extends Node {
  negated: boolean
  with: With[]
}
export interface TermExpr extends ExprBase {
  type: 'term'
  term: Term
}
/** `left = right`. */
export interface UnifyExpr extends ExprBase {
  type: 'unify'
  /** It was a call with one more argument than the function has, which takes the result. */
  isCaptured?: true
  left: Term
  right: Term
}
/** `left := right`; resolving turns it into a unification of fresh variables. */
export interface AssignExpr extends ExprBase {
  type: 'assign'
  left: Term
  right: Term
}
export interface SomeExpr extends ExprBase {
  type: 'some'
  names: Var[]
}
export interface SomeInExpr extends ExprBase {
  type: 'some-in'
  key: Term | undefined
  value: Term
  domain: Term
}
export interface EveryExpr extends ExprBase {
  type: 'every'
  key: Term | undefined
  value: Term
  domain: Term
  body: Expr[]
}
/** What stands on a side of `and` or `or`, or behind `not`: succeeds where it has a solution. Outside of braces, it binds nothing. */
export interface Operand {
  body: Expr[]
  inBraces: boolean
}
/** `{ … } and …`, `… or …`, and `not …` where that keyword is imported: what is bound in an operand stays in it. */
export interface LogicExpr extends ExprBase {
  type: 'logic'
  operator: 'and' | 'or' | 'not'
  operands: Operand[]
}
export type Expr = TermExpr | UnifyExpr | AssignExpr | SomeExpr | SomeInExpr | EveryExpr | LogicExpr

export interface RuleBody extends Node {
  /** The value of the rule where this body succeeds; true where nothing is said. */
  value: Term | undefined
  body: Expr[]
}

export interface Rule extends Node {
  default: boolean
  /** The rule's name and what follows it, without a partial set's key. */
  ref: Term[]
  /** Parameters of a function. */
  args: Term[] | undefined
  /** The member that a partial set's rule adds. */
  member: Term | undefined
  /** The rule itself, then its `else` branches. */
  branches: RuleBody[]
  /** How the value was written: the formatter keeps it. */
  assign: ':=' | '=' | undefined
}

export interface Import extends Node {
  path: string[]
  alias: string | undefined
}

export interface Comment {
  at: number
  text: string
}

export interface Module {
  file: string
  source: string
  version: Version
  package: string[]
  packageAt: number
  imports: Import[]
  /** Keywords besides those of v1 that were imported. */
  operators: ('and' | 'or' | 'not')[]
  rules: Rule[]
  comments: Comment[]
}
