/** The `data` document: base data, with the values of rules over it, and over both what `with` put in place. */
import { EvaluationError } from '../errors.ts'
import { RegoObject } from '../values/collections.ts'
import type { HashKey } from '../values/collections.ts'
import { compareStrings, EMPTY_OBJECT, hashKey, lookup, makeObject, sortedEntries } from '../values/operations.ts'
import { isObject } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import { Context, UNDEFINED } from './context.ts'
import type { Overlay } from './context.ts'
import type { DocNode, Group } from './program.ts'

/** A part of `data` where rules lie below. */
export class Place {
  readonly node: DocNode
  readonly base: Value | undefined
  readonly overlay: Overlay | undefined

  constructor(node: DocNode, base: Value | undefined, overlay: Overlay | undefined) {
    this.node = node
    this.base = base
    this.overlay = overlay
  }
}

export function rootPlace(c: Context): Place | Value {
  return c.overlay?.isSet ? c.data : new Place(c.session.root, c.data, c.overlay)
}

/** Evaluations inside one another, beyond which a rule is computed first, from the outside. */
const MAX_DEPTH = 200

/** A rule is needed so deep inside others that the stack might not suffice. */
class DeepRule extends Error {
  readonly group: Group

  constructor(group: Group) {
    super(`${group.name} is needed first`)
    this.group = group
  }
}

/** Runs `work`, which starts again where a chain of rules is long: those at its end are computed first, and kept. */
export function withRulesFirst<T>(c: Context, work: () => T): T {
  const first: Group[] = []
  for (;;) {
    try {
      const group = first.at(-1)
      if (!group) return work()
      groupValue(c, group)
      first.pop()
    } catch (error) {
      if (!(error instanceof DeepRule)) throw error
      first.push(error.group)
      c.budget.depth = 0
    }
  }
}

/** The value of a group that is not a function; computed once for each context. */
export function groupValue(c: Context, group: Group): Value | undefined {
  const known = c.values[group.id]
  if (known !== undefined) return known === UNDEFINED ? undefined : known
  // Values are kept in the outermost context only, so that only there it helps to come back for one.
  if (c.budget.depth >= MAX_DEPTH && c.outer === undefined) throw new DeepRule(group)
  const value = group.evaluate(c, [])
  c.values[group.id] = value === undefined ? UNDEFINED : value
  return value
}

/** One step down. In base data a number stands for the name it is written as. */
export function enter(c: Context, place: Place, key: Value): Place | Value | undefined {
  const base = place.base === undefined ? undefined : lookup(place.base, baseKey(place.base, key))
  if (typeof key !== 'string') return base
  const overlay = place.overlay?.children.get(key)
  if (overlay?.isSet) return base
  const node = place.node.children.get(key)
  if (!node) return base
  if (node.group) return node.group.kind === 'function' ? undefined : groupValue(c, node.group)
  return new Place(node, base, overlay)
}

function baseKey(base: Value, key: Value): Value {
  return typeof key === 'number' && isObject(base) ? String(key) : key
}

/** Steps from the root, as far as the path goes. */
export function enterPath(c: Context, path: readonly Value[]): Place | Value | undefined {
  let place: Place | Value | undefined = rootPlace(c)
  for (const key of path) {
    if (place === undefined) return undefined
    place = place instanceof Place ? enter(c, place, key) : lookup(place, key)
  }
  return place
}

/** The names below a place, in order. */
export function placeKeys(place: Place): Value[] {
  const keys = new Map<HashKey, Value>()
  if (place.base !== undefined && isObject(place.base)) for (const [key] of sortedEntries(place.base)) keys.set(hashKey(key), key)
  for (const name of place.node.children.keys()) keys.set(name, name)
  return [...keys.values()].sort((a, b) => compareStrings(String(a), String(b)))
}

/** A place as a value: rules and base data together; where both say something, base data wins. */
export function materialize(c: Context, place: Place | Value | undefined): Value | undefined {
  if (!(place instanceof Place)) return place
  const { base } = place
  if (base !== undefined && !isObject(base)) return base
  const entries: [Value, Value][] = base === undefined ? [] : sortedEntries(base).map(([key, value]) => [key, value])
  for (const [name, child] of place.node.children) {
    const under = base === undefined ? undefined : lookup(base, name)
    if (child.group && (under !== undefined || child.group.kind === 'function')) continue
    const value = materialize(c, enter(c, place, name))
    if (value !== undefined) entries.push([name, value])
  }
  return entries.length === 0 ? EMPTY_OBJECT : makeObject(entries)
}

/** `value` with `item` at the path, where objects on the way are made as needed. */
export function patch(value: Value | undefined, path: readonly string[], item: Value): Value {
  const [key, ...rest] = path
  if (key === undefined) return item
  const entries = value !== undefined && isObject(value) ? sortedEntries(value) : []
  const inner = entries.find(([name]) => name === key)?.[1]
  return makeObject([...entries, [key, patch(inner, rest, item)]])
}

/** The overlay with one more path set. */
export function overlayPath(overlay: Overlay | undefined, path: readonly string[]): Overlay {
  const [key, ...rest] = path
  if (key === undefined) return { isSet: true, children: new Map() }
  // Below what is set already, the base holds it all.
  if (overlay?.isSet) return overlay
  const children = new Map(overlay?.children)
  children.set(key, overlayPath(overlay?.children.get(key), rest))
  return { isSet: false, children }
}

/** Collects what rules with names of several parts say: a tree whose leaves no other rule may change. */
export class ObjectBuilder {
  private readonly entries = new Map<
    HashKey,
    { key: Value; leaf: Value | undefined; inner: ObjectBuilder | undefined; set: Value[] | undefined }
  >()

  /** Adds a value at a path. Throws EvaluationError where another one is there, or lies on the way. */
  put(path: readonly Value[], value: Value, isMember: boolean, same: (a: Value, b: Value) => boolean): void {
    const [key, ...rest] = path as [Value, ...Value[]]
    const hash = hashKey(key)
    let entry = this.entries.get(hash)
    if (!entry) this.entries.set(hash, (entry = { key, leaf: undefined, inner: undefined, set: undefined }))
    if (rest.length > 0) {
      if (entry.leaf !== undefined || entry.set) throw conflict()
      entry.inner ??= new ObjectBuilder()
      entry.inner.put(rest, value, isMember, same)
    } else if (isMember) {
      if (entry.leaf !== undefined || entry.inner) throw conflict()
      entry.set ??= []
      entry.set.push(value)
    } else {
      if (entry.inner || entry.set || (entry.leaf !== undefined && !same(entry.leaf, value))) throw conflict()
      entry.leaf = value
    }
  }

  /** Makes sure that an object is at the path, empty or not. */
  reserve(path: readonly string[]): void {
    const [key, ...rest] = path
    if (key === undefined) return
    const hash = hashKey(key)
    let entry = this.entries.get(hash)
    if (!entry) this.entries.set(hash, (entry = { key, leaf: undefined, inner: new ObjectBuilder(), set: undefined }))
    entry.inner?.reserve(rest)
  }

  build(makeSet: (items: Value[]) => Value): Value {
    const map = new Map<HashKey, readonly [Value, Value]>()
    for (const [hash, { key, leaf, inner, set }] of this.entries)
      map.set(hash, [key, leaf !== undefined ? leaf : set ? makeSet(set) : inner!.build(makeSet)])
    return map.size === 0 ? EMPTY_OBJECT : new RegoObject(map)
  }
}

function conflict(): EvaluationError {
  return new EvaluationError('eval_conflict_error', 'object keys must be unique')
}
