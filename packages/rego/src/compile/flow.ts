/**
 * Safety: which variables an expression binds, and which it needs. References with unbound variables in their brackets bind them by
 * iterating; unification binds the variables of one side once the other is known; everything else needs its variables.
 */
import { spend } from '../run/budget.ts'
import type { Expr, Term } from '../syntax/ast.ts'
import { isRoot, mentions } from './variables.ts'

export interface Visibility {
  /** Variables of the bodies around and of this one: a closure's mention of one means that one. */
  readonly visible: ReadonlySet<string>
  /**
   * Whether it is v0, as some evaluators have it: `==` may bind a variable that nothing else does, and a negation with an undefined operand is
   * true.
   */
  readonly isLenient: boolean
  isRelation(call: string): boolean
}

/** What following an expression takes at least. */
const FLOW_STEPS = 8

/** Names that are bound: those of before, and what was added. */
class Bound {
  readonly added = new Set<string>()
  private readonly base: { has(name: string): boolean }

  constructor(base: { has(name: string): boolean }) {
    this.base = base
  }

  has(name: string): boolean {
    return this.added.has(name) || this.base.has(name)
  }

  add(name: string): void {
    this.added.add(name)
  }
}

export class Flow {
  readonly bound: Bound
  readonly missing = new Set<string>()
  readonly visibility: Visibility

  constructor(bound: { has(name: string): boolean }, visibility: Visibility) {
    spend(FLOW_STEPS)
    this.bound = new Bound(bound)
    this.visibility = visibility
  }

  /** Follows an expression; afterwards `bound` has what it binds and `missing` what it needs in vain. */
  expr(expr: Expr): void {
    for (const { value } of expr.with) {
      this.generate(value)
      this.need(value)
    }
    if (expr.negated) return this.need(expr)
    switch (expr.type) {
      case 'term':
        this.generate(expr.term)
        return this.need(expr.term)
      case 'unify':
        this.generate(expr.left)
        this.generate(expr.right)
        return this.unify(expr.left, expr.right)
      case 'some-in':
        this.generate(expr.domain)
        this.need(expr.domain)
        if (expr.key) this.match(expr.key)
        return this.match(expr.value)
      case 'every':
        this.generate(expr.domain)
        this.need(expr.domain)
        return this.need(expr)
      case 'logic':
        return this.need(expr)
    }
  }

  /** Names of a node that are not bound, those in closures only where they are visible here. */
  unbound(node: Term | Expr): string[] {
    const { open, closed } = mentions(node)
    const names = [...open].filter((name) => !this.bound.has(name))
    for (const name of closed) if (this.visibility.visible.has(name) && !this.bound.has(name)) names.push(name)
    return names
  }

  private need(node: Term | Expr): void {
    for (const name of this.unbound(node)) this.missing.add(name)
  }

  /** Binds the variables in brackets of the references of a term. */
  generate(term: Term): void {
    switch (term.type) {
      case 'ref':
        if (term.head.type !== 'var') this.generate(term.head)
        if (term.head.type !== 'var' || !isRoot(term.head.name)) this.need(term.head)
        for (const key of term.path) this.generate(key)
        for (const key of term.path) for (const leaf of computedLeaves(key)) this.need(leaf)
        for (const key of term.path) this.bindPattern(key)
        return
      case 'call':
        term.args.forEach((arg) => this.generate(arg))
        if (this.visibility.isRelation(term.name)) term.args.forEach((arg) => this.need(arg))
        return
      case 'array':
      case 'set':
        return term.items.forEach((item) => this.generate(item))
      case 'object':
        return term.entries.forEach(([key, value]) => {
          this.generate(key)
          this.generate(value)
        })
      default:
        return
    }
  }

  /** A pattern that is matched against a known value. */
  match(pattern: Term): void {
    this.generate(pattern)
    this.bindPattern(pattern)
    this.need(pattern)
  }

  private bindPattern(pattern: Term): void {
    for (const name of patternNames(pattern)) this.bound.add(name)
  }

  private unify(left: Term, right: Term): void {
    const missing = this.tryUnify(left, right)
    for (const name of missing) this.missing.add(name)
  }

  /** Binds what a unification binds; what keeps it from being done. */
  tryUnify(left: Term, right: Term): string[] {
    const [l, r] = [this.unbound(left), this.unbound(right)]
    if (l.length === 0 || r.length === 0) {
      const pattern = l.length === 0 ? right : left
      this.bindPattern(pattern)
      return this.unbound(pattern)
    }
    const pairs = pairsOf(left, right)
    if (!pairs) return [...l, ...r]
    return this.tryPairs(pairs).flatMap(([a, b]) => [...this.unbound(a), ...this.unbound(b)])
  }

  /** Unifies pairs in any order that works; those that are left. */
  private tryPairs(pairs: readonly [Term, Term][]): readonly [Term, Term][] {
    let waiting = pairs
    for (;;) {
      const next = waiting.filter(([a, b]) => this.tryUnify(a, b).length > 0)
      if (next.length === 0 || next.length === waiting.length) return next
      waiting = next
    }
  }
}

/** Variables that stand for themselves in a pattern. */
export function* patternNames(term: Term): Generator<string> {
  if (term.type === 'var') {
    if (!isRoot(term.name)) yield term.name
  } else if (term.type === 'array') for (const item of term.items) yield* patternNames(item)
  else if (term.type === 'object') for (const [, value] of term.entries) yield* patternNames(value)
}

/** The parts of a pattern that are no pattern. */
function* computedLeaves(term: Term): Generator<Term> {
  if (term.type === 'array') for (const item of term.items) yield* computedLeaves(item)
  else if (term.type === 'object')
    for (const [key, value] of term.entries) {
      yield key
      yield* computedLeaves(value)
    }
  else if (term.type !== 'var' && term.type !== 'scalar') yield term
}

/** The parts of two composites that must be equal one by one; undefined where they are not of one shape. */
export function pairsOf(left: Term, right: Term): readonly [Term, Term][] | undefined {
  if (left.type === 'array' && right.type === 'array') {
    if (left.items.length !== right.items.length) return undefined
    return left.items.map((item, i) => [item, right.items[i]!])
  }
  if (left.type !== 'object' || right.type !== 'object' || left.entries.length !== right.entries.length) return undefined
  const others = new Map(right.entries.map(([key, value]) => [key.type === 'scalar' ? key.value : key, value]))
  const pairs: [Term, Term][] = []
  for (const [key, value] of left.entries) {
    const other = key.type === 'scalar' ? others.get(key.value) : undefined
    if (other === undefined) return undefined
    pairs.push([value, other])
  }
  return pairs
}
