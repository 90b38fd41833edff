/** Reordering of bodies, so that every expression comes after those that bind what it needs; otherwise in the order of the source. */
import { spend } from '../run/budget.ts'
import type { Expr, Term } from '../syntax/ast.ts'
import { Flow, pairsOf } from './flow.ts'
import type { Visibility } from './flow.ts'
import { mentions } from './variables.ts'

export interface Ordered {
  readonly exprs: readonly Expr[]
  /** What is bound at the end. */
  readonly bound: ReadonlySet<string>
  readonly visibility: Visibility
  /** Variables that nothing binds, each with the first expression that needs it. */
  readonly unsafe: ReadonlyMap<string, Expr>
}

/** Orders a body whose surroundings have bound `bound`. */
export function orderBody(body: readonly Expr[], bound: ReadonlySet<string>, outer: Visibility, extra: readonly Term[] = []): Ordered {
  const exprs = body.flatMap(splitUnification)
  const visible = new Set(outer.visible)
  for (const name of bound) visible.add(name)
  for (const node of [...exprs, ...extra]) for (const name of mentions(node).open) visible.add(name)
  const visibility: Visibility = { ...outer, visible }
  const done: Expr[] = []
  const now = new Set(bound)
  // What each expression waits for: it is not tried again before one of these is bound.
  const needs = new Map<Expr, ReadonlySet<string>>()
  let waiting: Expr[] = exprs
  let unsafe = new Map<string, Expr>()
  while (waiting.length > 0) {
    const next: Expr[] = []
    unsafe = new Map()
    for (const expr of waiting) {
      const flow = isWaiting(needs.get(expr), now) ? undefined : new Flow(now, visibility)
      flow?.expr(expr)
      const missing = flow?.missing ?? needs.get(expr)!
      if (missing.size > 0) {
        next.push(expr)
        needs.set(expr, missing)
        for (const name of missing) if (!unsafe.has(name)) unsafe.set(name, expr)
      } else {
        done.push(expr)
        for (const name of flow!.bound.added) now.add(name)
      }
    }
    if (next.length < waiting.length) waiting = next
    else {
      const bound = outer.bindsByEquality ? bindByEquality(waiting, new Flow(now, visibility), [...done, ...extra]) : undefined
      if (!bound) break
      waiting = bound
    }
  }
  if (waiting.length === 0) unsafe = new Map()
  return { exprs: done, bound: now, visibility, unsafe }
}

function isWaiting(needs: ReadonlySet<string> | undefined, bound: ReadonlySet<string>): boolean {
  if (needs === undefined) return false
  spend(1)
  for (const name of needs) if (bound.has(name)) return false
  return true
}

/**
 * The body with one `==` read as `=`, where that helps: policies of v0 in the wild bind so. What is bound must be used elsewhere; a name
 * that is mentioned once is a slip, and must not make a comparison true.
 */
function bindByEquality(body: readonly Expr[], flow: Flow, others: readonly (Expr | Term)[]): Expr[] | undefined {
  for (const [i, expr] of body.entries()) {
    if (expr.type !== 'term' || expr.negated || expr.with.length > 0) continue
    const { term } = expr
    if (term.type !== 'call' || term.infix !== '==') continue
    const [left, right] = term.args
    const unified: Expr = { ...expr, type: 'unify', left: left!, right: right! }
    const [before, trial] = [new Flow(flow.bound, flow.visibility), new Flow(flow.bound, flow.visibility)]
    before.expr(expr)
    trial.expr(unified)
    const isUsed = (name: string): boolean =>
      [...body, ...others].some((other) => other !== expr && (mentions(other).open.has(name) || mentions(other).closed.has(name)))
    if (trial.missing.size === 0 && [...before.missing].every(isUsed)) return body.with(i, unified)
  }
  return undefined
}

/** `[a, b] = [c, d]` as `a = c; b = d`, so that each half can wait for what it needs. */
function splitUnification(expr: Expr): Expr[] {
  if (expr.type !== 'unify' || expr.negated || expr.with.length > 0) return [expr]
  const pairs = pairsOf(expr.left, expr.right)
  if (!pairs) return [expr]
  return pairs.flatMap(([left, right]) => splitUnification({ ...expr, left, right, with: [] }))
}
