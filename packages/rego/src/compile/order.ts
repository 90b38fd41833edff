/** Reordering of bodies, so that every expression comes after those that bind what it needs; otherwise in the order of the source. */
import { spend } from '../run/budget.ts'
import type { Expr, Term } from '../syntax/ast.ts'
import { Flow, pairsOf } from './flow.ts'
import type { Visibility } from './flow.ts'
import { Heap } from './heap.ts'
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
  const order = new Order(exprs, bound, visibility)
  order.run()
  while (outer.isLenient && order.bindByEquality(extra)) order.run()
  return { exprs: order.done, bound: order.bound, visibility, unsafe: order.unsafe() }
}

/**
 * The body is gone through again and again, each time in the order of the source, until nothing is left that could be done. What waits is
 * looked at again only when something that it waits for is bound.
 */
class Order {
  readonly done: Expr[] = []
  readonly bound: Set<string>
  private readonly exprs: Expr[]
  private readonly visibility: Visibility
  /** Places of expressions to look at, by the round and the place: `round × length + place`. */
  private readonly queue = new Heap()
  /** What each waiting expression needs. */
  private readonly missing = new Map<number, ReadonlySet<string>>()
  /** Places of expressions that wait for a variable. */
  private readonly waiting = new Map<string, number[]>()
  /** Places of waiting expressions that were not tried as `=` since something that they need was bound. */
  private readonly comparisons = new Heap()
  private round = 0
  private mentioned: Map<string, number> | undefined

  constructor(exprs: Expr[], bound: ReadonlySet<string>, visibility: Visibility) {
    this.exprs = exprs
    this.bound = new Set(bound)
    this.visibility = visibility
    for (let i = 0; i < exprs.length; i++) this.queue.push(i)
  }

  run(): void {
    const { length } = this.exprs
    const queued = new Set<number>()
    for (let next = this.queue.pop(); next !== undefined; next = this.queue.pop()) {
      const place = next % length
      this.round = (next - place) / length
      queued.delete(place)
      const expr = this.exprs[place]!
      const flow = new Flow(this.bound, this.visibility)
      flow.expr(expr)
      if (flow.missing.size > 0) {
        this.wait(place, flow.missing)
        continue
      }
      this.missing.delete(place)
      this.done.push(expr)
      for (const name of flow.bound.added) {
        if (this.bound.has(name)) continue
        this.bound.add(name)
        for (const other of this.waiting.get(name) ?? []) {
          spend(1)
          if (!this.missing.has(other) || queued.has(other)) continue
          queued.add(other)
          this.queue.push((this.round + (other > place ? 0 : 1)) * length + other)
        }
        this.waiting.delete(name)
      }
    }
  }

  private wait(place: number, missing: ReadonlySet<string>): void {
    this.missing.set(place, missing)
    this.comparisons.push(place)
    for (const name of missing) {
      spend(1)
      const known = this.waiting.get(name)
      if (known) known.push(place)
      else this.waiting.set(name, [place])
    }
  }

  /**
   * Reads one `==` as `=`, where that helps: policies of v0 in the wild bind so. What is bound must be used elsewhere; a name that is
   * mentioned once is a slip, and must not make a comparison true. Whether there was one.
   */
  bindByEquality(extra: readonly Term[]): boolean {
    const counts = (this.mentioned ??= countMentions([...this.exprs, ...extra]))
    for (let place = this.comparisons.pop(); place !== undefined; place = this.comparisons.pop()) {
      if (!this.missing.has(place)) continue
      const expr = this.exprs[place]!
      if (expr.type !== 'term' || expr.negated || expr.with.length > 0) continue
      const { term } = expr
      if (term.type !== 'call' || term.infix !== '==') continue
      const [left, right] = term.args
      const unified: Expr = { ...expr, type: 'unify', left: left!, right: right! }
      const trial = new Flow(this.bound, this.visibility)
      trial.expr(unified)
      if (trial.missing.size > 0) continue
      const before = new Flow(this.bound, this.visibility)
      before.expr(expr)
      if (![...before.missing].every((name) => counts.get(name)! > 1)) continue
      this.exprs[place] = unified
      this.queue.push((this.round + 1) * this.exprs.length + place)
      return true
    }
    return false
  }

  unsafe(): Map<string, Expr> {
    const found = new Map<string, Expr>()
    for (const [place, missing] of [...this.missing].sort(([a], [b]) => a - b))
      for (const name of missing) if (!found.has(name)) found.set(name, this.exprs[place]!)
    return found
  }
}

/** In how many of the nodes each name is mentioned. */
function countMentions(nodes: readonly (Expr | Term)[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const node of nodes) {
    const { open, closed } = mentions(node)
    for (const name of new Set([...open, ...closed])) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** `[a, b] = [c, d]` as `a = c; b = d`, so that each half can wait for what it needs. */
function splitUnification(expr: Expr): Expr[] {
  if (expr.type !== 'unify' || expr.negated || expr.with.length > 0) return [expr]
  const pairs = pairsOf(expr.left, expr.right)
  if (!pairs) return [expr]
  return pairs.flatMap(([left, right]) => splitUnification({ ...expr, left, right, with: [] }))
}
