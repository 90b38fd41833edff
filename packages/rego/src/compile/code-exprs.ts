/** Links of expressions: each tests or binds something and goes on with what comes after it. */
import type { Context, Frame, Getter, Link, Step } from '../run/context.ts'
import type { EveryExpr, Expr, LogicExpr, SomeInExpr, Term, TermExpr } from '../syntax/ast.ts'
import { sortedEntries, sortedMembers } from '../values/operations.ts'
import { isArray, isObject, isSet } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import { comparisonOf } from './code-calls.ts'
import { codePattern, codeUnify } from './code-patterns.ts'
import { bindFresh } from './code-terms.ts'
import { codeWith } from './code-with.ts'
import type { Coder, Known } from './coder.ts'
import { withOperands } from './operands.ts'

/** The link of an expression that is ready; adds what it binds to `known`. */
export function codeExpr(coder: Coder, expr: Expr, known: Known): Link {
  if (expr.with.length > 0) return codeWith(coder, expr, known, (inner) => codeNegated(coder, inner, known))
  return codeNegated(coder, expr, known)
}

function codeNegated(coder: Coder, expr: Expr, known: Known): Link {
  if (!expr.negated) return codePlain(coder, expr, known)
  const own: Known = { bound: new Set(known.bound), visibility: known.visibility }
  const operands: { slot: number; get: Getter }[] = []
  const operand = (term: Term): Term => {
    const get = coder.value(term, known)
    const variable = coder.freshVar(term)
    operands.push({ slot: bindFresh(coder, variable, own), get })
    return variable
  }
  const inner = codePlain(coder, known.visibility.isLenient ? expr : withOperands(expr, operand), own)(() => true)
  return (next) => (f, c) => {
    const { budget } = c
    if (++budget.steps > budget.checkAt) budget.check()
    for (const { slot, get } of operands) {
      const value = get(f, c)
      if (value === undefined) return false
      f[slot] = value
    }
    return inner(f, c) ? false : next(f, c)
  }
}

function codePlain(coder: Coder, expr: Expr, known: Known): Link {
  const links: Link[] = []
  const prepare = (term: Term): Term => coder.prepare(term, known, links)
  switch (expr.type) {
    case 'term':
      links.push(codeTest(coder, { ...expr, term: prepare(expr.term) }, known))
      break
    case 'unify':
      links.push(codeUnify(coder, prepare(expr.left), prepare(expr.right), known))
      break
    case 'some-in':
      links.push(codeSomeIn(coder, { ...expr, domain: prepare(expr.domain) }, known))
      break
    case 'every':
      links.push(codeEvery(coder, { ...expr, domain: prepare(expr.domain) }, known))
      break
    case 'logic':
      links.push(codeLogic(coder, expr, known))
      break
    default:
      throw new Error(`${expr.type} is resolved before`)
  }
  return links.length === 1 ? links[0]! : (next) => links.reduceRight((step, link) => link(step), next)
}

function codeTest(coder: Coder, { term }: TermExpr, known: Known): Link {
  const comparison = term.type === 'call' ? comparisonOf(coder, term) : undefined
  if (term.type === 'call' && comparison) {
    const [left, right] = term.args.map((arg) => coder.value(arg, known))
    return (next) => (f, c) => {
      const { budget } = c
      if (++budget.steps > budget.checkAt) budget.check()
      const a = left!(f, c)
      if (a === undefined) return false
      const b = right!(f, c)
      return b !== undefined && comparison(a, b) ? next(f, c) : false
    }
  }
  const get = coder.value(term, known)
  return (next) => (f, c) => {
    const { budget } = c
    if (++budget.steps > budget.checkAt) budget.check()
    const value = get(f, c)
    return value === undefined || value === false ? false : next(f, c)
  }
}

/** `and`, `or` and `not`: whether each, any or none of the operands has a solution. */
function codeLogic(coder: Coder, { operator, operands }: LogicExpr, known: Known): Link {
  const steps = operands.map(({ body }) => coder.body(body, { bound: new Set(known.bound), visibility: known.visibility }).link(() => true))
  return (next) => (f, c) => {
    const { budget } = c
    if (++budget.steps > budget.checkAt) budget.check()
    const holds = operator === 'and' ? steps.every((step) => step(f, c)) : steps.some((step) => step(f, c))
    return holds === (operator !== 'not') ? next(f, c) : false
  }
}

/** Calls `visit` with each key and item of a collection until it says to stop. */
function eachItem(c: Context, domain: Value, visit: (key: Value, item: Value) => boolean): boolean {
  const { budget } = c
  const tick = (): void => {
    if (++budget.steps > budget.checkAt) budget.check()
  }
  if (isArray(domain)) {
    for (let i = 0; i < domain.length; i++) {
      tick()
      if (visit(i, domain[i]!)) return true
    }
  } else if (isSet(domain)) {
    for (const member of sortedMembers(domain)) {
      tick()
      if (visit(member, member)) return true
    }
  } else if (isObject(domain)) {
    for (const [key, item] of sortedEntries(domain)) {
      tick()
      if (visit(key, item)) return true
    }
  }
  return false
}

function codeSomeIn(coder: Coder, expr: SomeInExpr, known: Known): Link {
  const domain = coder.value(expr.domain, known)
  const links: Link[] = []
  const [keySlot, valueSlot] = [coder.fresh(), coder.fresh()]
  const { key } = expr
  if (key) links.push(codePart(coder, key, keySlot, known))
  links.push(codePart(coder, expr.value, valueSlot, known))
  return (next) => {
    const step = links.reduceRight((after, link) => link(after), next)
    return (f, c) => {
      const collection = domain(f, c)
      if (collection === undefined) return false
      return eachItem(c, collection, (name, item) => {
        f[keySlot] = name
        f[valueSlot] = item
        return step(f, c)
      })
    }
  }
}

/** Matches a key or a value of `some … in`. */
function codePart(coder: Coder, term: Term, slot: number, known: Known): Link {
  const links: Link[] = []
  const prepared = coder.prepare(term, known, links)
  links.push(codePattern(coder, prepared, (f) => f[slot], known))
  return (next) => links.reduceRight((step, link) => link(step), next)
}

function codeEvery(coder: Coder, expr: EveryExpr, known: Known): Link {
  const domain = coder.value(expr.domain, known)
  const inner: Known = { bound: new Set(known.bound), visibility: known.visibility }
  const slotOf = (term: Term | undefined): number => {
    if (term?.type !== 'var') return coder.fresh()
    inner.bound.add(term.name)
    return coder.slot(term.name)
  }
  const [keySlot, valueSlot] = [slotOf(expr.key), slotOf(expr.value)]
  const holds: Step = coder.body(expr.body, inner).link(() => true)
  const fails = (f: Frame, c: Context, collection: Value): boolean =>
    eachItem(c, collection, (name, item) => {
      f[keySlot] = name
      f[valueSlot] = item
      return !holds(f, c)
    })
  return (next) => (f, c) => {
    const { budget } = c
    if (++budget.steps > budget.checkAt) budget.check()
    const collection = domain(f, c)
    // `every` says nothing of what is no collection.
    if (collection === undefined || !(isArray(collection) || isSet(collection) || isObject(collection))) return false
    return fails(f, c, collection) ? false : next(f, c)
  }
}
