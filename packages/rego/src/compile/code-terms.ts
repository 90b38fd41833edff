/** Getters of terms. A prepared term has no part that searches: its value is computed from bound variables. */
import { EvaluationError } from '../errors.ts'
import { allocateEntries, allocateItems, charged } from '../run/budget.ts'
import type { Frame, Getter, Link, Step } from '../run/context.ts'
import { materialize, rootPlace } from '../run/documents.ts'
import { locate } from '../syntax/source.ts'
import type { Call, Comprehension, Expr, Template, Term } from '../syntax/ast.ts'
import { equal, EMPTY_SET, hashKey, makeObject, makeSet } from '../values/operations.ts'
import { RegoObject, RegoSet } from '../values/collections.ts'
import type { HashKey } from '../values/collections.ts'
import { regoText } from '../values/text.ts'
import type { Value } from '../values/value.ts'
import { codeCall } from './code-calls.ts'
import type { Coder, Known } from './coder.ts'
import { isRoot } from './variables.ts'

/** See Coder.prepare. */
export function prepareTerm(coder: Coder, term: Term, known: Known, links: Link[]): Term {
  const prepare = (part: Term): Term => coder.prepare(part, known, links)
  switch (term.type) {
    case 'ref':
      return coder.prepareRef(term, known, links)
    case 'call': {
      const call: Call = { ...term, args: term.args.map(prepare) }
      return coder.linker.builtin(call.name)?.isRelation ? prepareRelation(coder, call, known, links) : call
    }
    case 'array':
    case 'set':
      return isConstant(term) ? term : { ...term, items: term.items.map(prepare) }
    case 'object':
      return isConstant(term) ? term : { ...term, entries: term.entries.map(([key, value]) => [prepare(key), prepare(value)]) }
    default:
      return term
  }
}

/** A relation has many results: each is tried in turn. */
function prepareRelation(coder: Coder, call: Call, known: Known, links: Link[]): Term {
  const get = codeCall(coder, call, known)
  const result = coder.freshVar(call)
  const slot = bindFresh(coder, result, known)
  links.push((next) => (f, c) => {
    const solutions = get(f, c)
    if (solutions === undefined) return false
    for (const solution of solutions as readonly Value[]) {
      c.budget.spend(1)
      f[slot] = solution
      if (next(f, c)) return true
    }
    return false
  })
  return result
}

/** Registers a fresh variable and returns its slot. */
export function bindFresh(coder: Coder, variable: Term, known: Known): number {
  const name = variable.type === 'var' ? variable.name : ''
  known.bound.add(name)
  return coder.slot(name)
}

export function codeTerm(coder: Coder, term: Term, known: Known): Getter {
  const constant = constantOf(term)
  if (constant !== undefined) return () => constant
  switch (term.type) {
    case 'scalar':
      return () => term.value
    case 'var': {
      if (isRoot(term.name)) return term.name === 'input' ? (_f, c) => c.input : (_f, c) => materialize(c, rootPlace(c))
      const slot = coder.slot(term.name)
      return (f) => f[slot]
    }
    case 'ref':
      return coder.ref(term, known)
    case 'call':
      return codeCall(coder, term, known)
    case 'array':
      return allOf(
        term.items.map((item) => coder.value(item, known)),
        (values) => values,
      )
    case 'set':
      return allOf(
        term.items.map((item) => coder.value(item, known)),
        makeSet,
      )
    case 'object': {
      const size = term.entries.length
      const getters = [...term.entries.map(([key]) => key), ...term.entries.map(([, value]) => value)].map((part) =>
        coder.value(part, known),
      )
      return allOf(getters, (values) => makeObject(term.entries.map((_, i) => [values[i]!, values[size + i]!])))
    }
    case 'template':
      return codeTemplate(coder, term, known)
    default:
      return codeComprehension(coder, term, known)
  }
}

/** Combines the values of all getters, if all have one. */
function allOf(getters: readonly Getter[], combine: (values: Value[]) => Value): Getter {
  const size = getters.length
  return (f, c) => {
    allocateItems(size + 1)
    const values: Value[] = new Array(size)
    for (let i = 0; i < size; i++) {
      const value = getters[i]!(f, c)
      if (value === undefined) return undefined
      values[i] = value
    }
    return combine(values)
  }
}

function isConstant(term: Term): boolean {
  switch (term.type) {
    case 'scalar':
      return true
    case 'array':
    case 'set':
      return term.items.every(isConstant)
    case 'object':
      return term.entries.every(([key, value]) => isConstant(key) && isConstant(value))
    default:
      return false
  }
}

/** The value of a term that says nothing but constants, made once. */
export function constantOf(term: Term): Value | undefined {
  if (!isConstant(term)) return undefined
  switch (term.type) {
    case 'scalar':
      return term.value
    case 'array':
      return term.items.map((item) => constantOf(item)!)
    case 'set':
      return makeSet(term.items.map((item) => constantOf(item)!))
    case 'object':
      return makeObject(term.entries.map(([key, value]) => [constantOf(key)!, constantOf(value)!]))
    default:
      return undefined
  }
}

/** Comprehensions collect in a slot of the frame; the body around them goes on with what they found. */
function codeComprehension(coder: Coder, term: Comprehension, known: Known): Getter {
  const collector = coder.fresh()
  const terms = term.type === 'object-comprehension' ? [term.key, term.value] : [term.term]
  const body = coder.body(term.body, known, terms)
  const heads = terms.map((each) => coder.head(each, body.known))
  const [first, second] = heads.map(({ get }) => get)
  const links = heads.flatMap((head) => head.links)
  const link = (step: Step): Step => body.link(links.reduceRight((next, each) => each(next), step))
  const collected = <T>(f: Frame): T => f[collector] as unknown as T
  const start = (f: Frame, into: unknown): void => {
    f[collector] = into as Value
  }
  switch (term.type) {
    case 'array-comprehension': {
      const run = link((f, c) => {
        const value = first!(f, c)
        if (value === undefined) return false
        allocateItems(1)
        collected<Value[]>(f).push(value)
        return false
      })
      return (f, c) => {
        const items: Value[] = []
        start(f, items)
        run(f, c)
        return items
      }
    }
    case 'set-comprehension': {
      const run = link((f, c) => {
        const value = first!(f, c)
        if (value === undefined) return false
        allocateEntries(1)
        collected<Map<HashKey, Value>>(f).set(hashKey(value), value)
        return false
      })
      return (f, c) => {
        const members = new Map<HashKey, Value>()
        start(f, members)
        run(f, c)
        return members.size === 0 ? EMPTY_SET : new RegoSet(members)
      }
    }
    case 'object-comprehension': {
      const run = link((f, c) => {
        const [key, value] = [first!(f, c), second!(f, c)]
        if (key === undefined || value === undefined) return false
        allocateEntries(1)
        const entries = collected<Map<HashKey, readonly [Value, Value]>>(f)
        const hash = hashKey(key)
        const before = entries.get(hash)
        if (before && !equal(before[1], value))
          throw new EvaluationError('eval_conflict_error', 'object keys must be unique', locate(coder.source, term.at))
        entries.set(hash, [key, value])
        return false
      })
      return (f, c) => {
        const entries = new Map<HashKey, readonly [Value, Value]>()
        start(f, entries)
        run(f, c)
        return new RegoObject(entries)
      }
    }
  }
}

/** Templates: what has no value is written as `<undefined>`. */
function codeTemplate(coder: Coder, term: Template, known: Known): Getter {
  const parts = term.parts.map((part) => (typeof part === 'string' ? part : codeHole(coder, part, known)))
  return (f, c) => {
    let text = ''
    for (const part of parts) {
      if (typeof part === 'string') {
        text += part
        continue
      }
      const value = part(f, c)
      text += value === undefined ? '<undefined>' : typeof value === 'string' ? value : regoText(value)
    }
    return charged(text)
  }
}

function codeHole(coder: Coder, expr: Expr, known: Known): Getter {
  if (expr.type !== 'term' || expr.negated) return () => undefined
  const result = coder.freshVar(expr.term)
  const slot = coder.slot(result.type === 'var' ? result.name : '')
  const found = coder.fresh()
  const body = coder.body([{ ...expr, type: 'unify', left: result, right: expr.term }], known)
  const run = body.link((f) => {
    const [before, value] = [f[found], f[slot]]
    if (before !== undefined && value !== undefined && !equal(before, value))
      throw new EvaluationError('eval_conflict_error', 'template-strings must not produce multiple outputs', locate(coder.source, expr.at))
    f[found] = value
    return false
  })
  return (f, c) => {
    f[found] = undefined
    run(f, c)
    return f[found]
  }
}
