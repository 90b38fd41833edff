/**
 * The index of a group: where many rules compare one part of the input, or one parameter, with a constant, only those whose constant it is
 * are evaluated. Rules with `else` branches, and those that compare something else, are always evaluated.
 */
import type { Expr, Term } from '../syntax/ast.ts'
import { hashKey } from '../values/operations.ts'
import type { HashKey } from '../values/collections.ts'
import type { Value } from '../values/value.ts'
import { constantOf } from './code-terms.ts'

/** Groups with fewer rules are not worth an index. */
const MIN_RULES = 3

/** What a rule's condition compares: the path of an input value or a parameter, and the constant. */
export interface Condition {
  /** `input.a.b`, or `#0` for a parameter. */
  readonly subject: string
  readonly term: Term
  readonly constant: Value
}

export interface Indexable<T> {
  readonly rule: T
  readonly conditions: readonly Condition[]
}

export interface RuleIndex<T> {
  readonly subject: Term
  /** The parameter that the subject is, by its place. */
  readonly parameter: number | undefined
  readonly matching: ReadonlyMap<HashKey, readonly T[]>
  /** Rules that the subject says nothing about. */
  readonly others: readonly T[]
}

/** Conditions that a body surely has: equalities of constants with what `parameters` or the input hold. */
export function conditionsOf(body: readonly Expr[], parameters: ReadonlyMap<string, number>): Condition[] {
  return body.flatMap((expr) => {
    if (expr.negated || expr.with.length > 0) return []
    const sides = sidesOf(expr)
    if (!sides) return []
    const [left, right] = sides
    const [term, other] = subjectOf(left, parameters) === undefined ? [right, left] : [left, right]
    const subject = subjectOf(term, parameters)
    const constant = constantOf(other)
    return subject === undefined || constant === undefined ? [] : [{ subject, term, constant }]
  })
}

function sidesOf(expr: Expr): [Term, Term] | undefined {
  if (expr.type === 'unify') return [expr.left, expr.right]
  if (expr.type !== 'term' || expr.term.type !== 'call' || expr.term.name !== 'equal') return undefined
  const [left, right] = expr.term.args
  return left && right ? [left, right] : undefined
}

function subjectOf(term: Term, parameters: ReadonlyMap<string, number>): string | undefined {
  if (term.type === 'var') {
    const index = parameters.get(term.name)
    return index === undefined ? undefined : `#${index}`
  }
  if (term.type !== 'ref' || term.head.type !== 'var' || term.head.name !== 'input') return undefined
  const names = term.path.map((key) => (key.type === 'scalar' && typeof key.value === 'string' ? key.value : undefined))
  return names.includes(undefined) ? undefined : JSON.stringify(names)
}

/** The index over the subject that most rules compare, or undefined where it would not help. */
export function buildIndex<T>(rules: readonly Indexable<T>[]): RuleIndex<T> | undefined {
  if (rules.length < MIN_RULES) return undefined
  const counts = new Map<string, { count: number; term: Term }>()
  for (const { conditions } of rules) {
    for (const [subject, term] of new Map(conditions.map((each) => [each.subject, each.term]))) {
      const known = counts.get(subject)
      if (known) known.count++
      else counts.set(subject, { count: 1, term })
    }
  }
  const [best] = [...counts].sort((a, b) => b[1].count - a[1].count)
  if (!best || best[1].count < 2) return undefined
  const [subject, { term }] = best
  const matching = new Map<HashKey, T[]>()
  const others: T[] = []
  for (const { rule, conditions } of rules) {
    const condition = conditions.find((each) => each.subject === subject)
    if (!condition) {
      others.push(rule)
      continue
    }
    const key = hashKey(condition.constant)
    const same = matching.get(key)
    if (same) same.push(rule)
    else matching.set(key, [rule])
  }
  return { subject: term, parameter: subject.startsWith('#') ? Number(subject.slice(1)) : undefined, matching, others }
}

const NONE: readonly never[] = []

/** The rules that may succeed for a value of the subject. */
export function candidates<T>({ matching }: RuleIndex<T>, value: Value | undefined): readonly T[] {
  return value === undefined ? NONE : (matching.get(hashKey(value)) ?? NONE)
}
