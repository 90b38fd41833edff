/** Unification. One side is known; the other is a pattern whose unbound variables it binds. */
import type { Frame, Getter, Link, Step } from '../run/context.ts'
import type { Term } from '../syntax/ast.ts'
import { equal, objectGet, objectSize } from '../values/operations.ts'
import { isArray, isObject } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import type { Coder, Known } from './coder.ts'
import { Flow, pairsOf } from './flow.ts'
import { isRoot } from './variables.ts'

/** A check or a binding; false where the pattern does not fit. */
type Match = (f: Frame, c: Parameters<Step>[1], value: Value) => boolean

/** Unifies two prepared terms. */
export function codeUnify(coder: Coder, left: Term, right: Term, known: Known): Link {
  const flow = new Flow(known.bound, known.visibility)
  if (flow.unbound(left).length === 0) return codePattern(coder, right, coder.value(left, known), known)
  if (flow.unbound(right).length === 0) return codePattern(coder, left, coder.value(right, known), known)
  // Each side knows what the other doesn't: part by part, in an order that works.
  const links: Link[] = []
  let waiting = pairsOf(left, right) ?? []
  while (waiting.length > 0) {
    const later: [Term, Term][] = []
    for (const [a, b] of waiting) {
      if (new Flow(known.bound, known.visibility).tryUnify(a, b).length > 0) later.push([a, b])
      else links.push(codeUnify(coder, a, b, known))
    }
    if (later.length === waiting.length) break
    waiting = later
  }
  return (next) => links.reduceRight((step, link) => link(step), next)
}

/** Matches a pattern with a value: binds its unbound variables, then compares its computed parts. */
export function codePattern(coder: Coder, pattern: Term, get: Getter, known: Known): Link {
  const later: (() => (f: Frame, c: Parameters<Step>[1]) => boolean)[] = []
  const match = codeMatch(coder, pattern, known, later)
  const checks = later.map((make) => make())
  return (next) => (f, c) => {
    const { budget } = c
    if (++budget.steps > budget.checkAt) budget.check()
    const value = get(f, c)
    if (value === undefined || !match(f, c, value)) return false
    for (const check of checks) if (!check(f, c)) return false
    return next(f, c)
  }
}

function codeMatch(coder: Coder, pattern: Term, known: Known, later: (() => (f: Frame, c: Parameters<Step>[1]) => boolean)[]): Match {
  if (pattern.type === 'var' && !isRoot(pattern.name) && !known.bound.has(pattern.name)) {
    known.bound.add(pattern.name)
    const slot = coder.slot(pattern.name)
    return (f, _c, value) => {
      f[slot] = value
      return true
    }
  }
  const flow = new Flow(known.bound, known.visibility)
  if (flow.unbound(pattern).length === 0) {
    const get = coder.value(pattern, known)
    return (f, c, value) => {
      const wanted = get(f, c)
      return wanted !== undefined && equal(wanted, value)
    }
  }
  if (pattern.type === 'array') {
    const items = pattern.items.map((item) => codeMatch(coder, item, known, later))
    return (f, c, value) => isArray(value) && value.length === items.length && items.every((match, i) => match(f, c, value[i]!))
  }
  if (pattern.type === 'object') {
    const entries = pattern.entries.map(([key, item]) => [coder.value(key, known), codeMatch(coder, item, known, later)] as const)
    return (f, c, value) => {
      if (!isObject(value) || objectSize(value) !== entries.length) return false
      return entries.every(([key, match]) => {
        const name = key(f, c)
        const item = name === undefined ? undefined : objectGet(value, name)
        return item !== undefined && match(f, c, item)
      })
    }
  }
  // A computed part that needs variables of this very pattern waits until they are bound.
  const slot = coder.fresh()
  later.push(() => {
    const get = coder.value(pattern, known)
    return (f, c) => {
      const wanted = get(f, c)
      return wanted !== undefined && equal(wanted, f[slot]!)
    }
  })
  return (f, _c, value) => {
    f[slot] = value
    return true
  }
}
