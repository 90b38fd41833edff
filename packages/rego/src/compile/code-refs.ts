/** References: getters where all of their variables are bound, generators of bindings where not. */
import type { Context, Frame, Getter, Link } from '../run/context.ts'
import { enter, enterPath, groupValue, materialize, Place, placeKeys } from '../run/documents.ts'
import type { DocNode, Group } from '../run/program.ts'
import type { Ref, Term } from '../syntax/ast.ts'
import { lookup, sortedEntries, sortedMembers } from '../values/operations.ts'
import { isArray, isObject, isSet } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import { bindFresh } from './code-terms.ts'
import { codePattern } from './code-patterns.ts'
import type { Coder, Known } from './coder.ts'
import { patternNames } from './flow.ts'
import { isRoot } from './variables.ts'

type Spot = Place | Value

/** See Coder.prepare: a reference with unbound variables becomes a variable that a generator binds. */
export function prepareRef(coder: Coder, term: Ref, known: Known, links: Link[]): Term {
  const head = term.head.type === 'var' ? term.head : coder.prepare(term.head, known, links)
  const path = term.path.map((key) => coder.prepare(key, known, links))
  const ref: Ref = { ...term, head, path }
  if (!path.some((key) => hasUnbound(key, known))) return ref
  const [start, rest] = startOf(coder, ref, known)
  const result = coder.freshVar(term)
  // The result is known only to what follows, so its slot comes first but its name last.
  const steps = rest.map((key) => codeKey(coder, key, known))
  const slot = bindFresh(coder, result, known)
  links.push((next) => {
    const last = (f: Frame, c: Context, spot: Spot): boolean => {
      const value = spot instanceof Place ? materialize(c, spot) : spot
      if (value === undefined) return false
      f[slot] = value
      return next(f, c)
    }
    const run = steps.reduceRight<Visit>((inner, step) => step(inner), last)
    return (f, c) => {
      const spot = start(f, c)
      return spot === undefined ? false : run(f, c, spot)
    }
  })
  return result
}

function hasUnbound(key: Term, known: Known): boolean {
  for (const name of patternNames(key)) if (!known.bound.has(name)) return true
  return false
}

type Visit = (f: Frame, c: Context, spot: Spot) => boolean

/** One pair of brackets: a key that is known, a variable that takes each key in turn, or a pattern that each key is matched with. */
function codeKey(coder: Coder, key: Term, known: Known): (next: Visit) => Visit {
  if (!hasUnbound(key, known)) {
    const get = coder.value(key, known)
    return (next) => (f, c, spot) => {
      const value = get(f, c)
      const inner = value === undefined ? undefined : below(c, spot, value)
      return inner === undefined ? false : next(f, c, inner)
    }
  }
  if (key.type === 'var') {
    known.bound.add(key.name)
    const slot = coder.slot(key.name)
    return (next) => (f, c, spot) =>
      eachBelow(c, spot, (name, inner) => {
        f[slot] = name
        return next(f, c, inner)
      })
  }
  const slot = coder.fresh()
  const pattern = codePattern(coder, key, (f) => f[slot], known)
  return (next) => {
    const inner = coder.fresh()
    const match = pattern((f, c) => next(f, c, f[inner] as Value))
    return (f, c, spot) =>
      eachBelow(c, spot, (name, item) => {
        f[slot] = name
        f[inner] = item as Value
        return match(f, c)
      })
  }
}

function below(c: Context, spot: Spot, key: Value): Spot | undefined {
  return spot instanceof Place ? enter(c, spot, key) : lookup(spot, key)
}

function eachBelow(c: Context, spot: Spot, visit: (key: Value, item: Spot) => boolean): boolean {
  const { budget } = c
  if (spot instanceof Place) {
    for (const key of placeKeys(spot)) {
      budget.spend(1)
      const inner = enter(c, spot, key)
      if (inner !== undefined && visit(key, inner)) return true
    }
  } else if (isArray(spot)) {
    for (let i = 0; i < spot.length; i++) {
      if (++budget.steps > budget.checkAt) budget.check()
      if (visit(i, spot[i]!)) return true
    }
  } else if (isSet(spot)) {
    for (const member of sortedMembers(spot)) {
      if (++budget.steps > budget.checkAt) budget.check()
      if (visit(member, member)) return true
    }
  } else if (isObject(spot)) {
    for (const [key, item] of sortedEntries(spot)) {
      if (++budget.steps > budget.checkAt) budget.check()
      if (visit(key, item)) return true
    }
  }
  return false
}

/** Where a reference begins, and the keys that are left: a static part below `data` is found when compiling. */
function startOf(coder: Coder, { head, path }: Ref, known: Known): [(f: Frame, c: Context) => Spot | undefined, Term[]] {
  if (head.type !== 'var' || !isRoot(head.name)) return [coder.value(head, known), path]
  if (head.name === 'input') return [(_f, c) => c.input, path]
  const names: string[] = []
  for (const key of path) {
    if (key.type !== 'scalar' || typeof key.value !== 'string') break
    names.push(key.value)
  }
  const found = findNode(coder.linker.root, names)
  const used = found.group ? found.depth : names.length
  return [documentGetter(found, names.slice(0, used)), path.slice(used)]
}

interface Found {
  /** The last node on the way that is there. */
  node: DocNode
  depth: number
  group: Group | undefined
}

function findNode(root: DocNode, names: readonly string[]): Found {
  let node = root
  for (let depth = 0; depth < names.length; depth++) {
    const child = node.children.get(names[depth]!)
    if (!child) return { node, depth, group: undefined }
    node = child
    if (child.group) return { node, depth: depth + 1, group: child.group }
  }
  return { node, depth: names.length, group: undefined }
}

function documentGetter({ node, depth, group }: Found, names: readonly string[]): (f: Frame, c: Context) => Spot | undefined {
  if (group) {
    if (group.kind === 'function') return () => undefined
    return (_f, c) => (c.overlay ? enterPath(c, names) : groupValue(c, group))
  }
  const baseOf = (c: Context): Value | undefined => {
    let value: Value | undefined = c.data
    for (const name of names) {
      if (value === undefined) return undefined
      value = lookup(value, name)
    }
    return value
  }
  if (depth < names.length) return (_f, c) => (c.overlay ? enterPath(c, names) : baseOf(c))
  return (_f, c) => (c.overlay ? enterPath(c, names) : new Place(node, baseOf(c), undefined))
}

/** The getter of a reference whose variables are all bound. */
export function codeRef(coder: Coder, term: Ref, known: Known): Getter {
  const isDocument = term.head.type === 'var' && isRoot(term.head.name)
  if (isDocument && term.head.type === 'var' && term.head.name === 'data') return codeDataRef(coder, term, known)
  const start = coder.value(term.head, known)
  const keys = term.path.map((key) => (key.type === 'scalar' ? key.value : coder.value(key, known)))
  const names = keys.filter((key) => typeof key === 'string')
  if (names.length === keys.length) return codeNames(start, names)
  return (f, c) => {
    let value = start(f, c)
    for (const key of keys) {
      if (value === undefined) return undefined
      const name = typeof key === 'function' ? key(f, c) : key
      if (name === undefined) return undefined
      value = lookup(value, name)
    }
    return value
  }
}

function codeNames(start: Getter, names: readonly string[]): Getter {
  const [only] = names
  if (names.length === 1 && only !== undefined) {
    return (f, c) => {
      const value = start(f, c)
      return value === undefined ? undefined : lookup(value, only)
    }
  }
  return (f, c) => {
    let value = start(f, c)
    for (const name of names) {
      if (value === undefined) return undefined
      value = lookup(value, name)
    }
    return value
  }
}

function codeDataRef(coder: Coder, term: Ref, known: Known): Getter {
  const [start, rest] = startOf(coder, term, known)
  const keys = rest.map((key) => coder.value(key, known))
  // In base data, a number stands for the name it is written as; `data[2]` is `data["2"]`.
  const [first] = rest
  const isNumbered = first?.type === 'scalar' && typeof first.value === 'number'
  return (f, c) => {
    let spot = start(f, c)
    for (const get of keys) {
      if (spot === undefined) return undefined
      const key = get(f, c)
      if (key === undefined) return undefined
      if (isNumbered && typeof key === 'number' && !(spot instanceof Place) && isObject(spot))
        spot = lookup(spot, key) ?? lookup(spot, String(key))
      else spot = below(c, spot, key)
    }
    return spot instanceof Place ? materialize(c, spot) : spot
  }
}
