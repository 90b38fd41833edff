/** Objects, with paths where OPA takes them; walking values. */
import { allocateItems, spend } from '../run/budget.ts'
import { RegoObject } from '../values/collections.ts'
import type { RegoSet } from '../values/collections.ts'
import { equal, hashKey, makeObject, makeSet, objectGet, sortedEntries, sortedMembers } from '../values/operations.ts'
import { splitPath, stepInto } from '../values/paths.ts'
import { isArray, isObject, isSet, kindOf } from '../values/value.ts'
import type { PlainObject, Value } from '../values/value.ts'
import { itemsOf } from './collections.ts'
import { builtin, operandError } from './types.ts'
import type { BuiltinSpec } from './types.ts'

type Obj = RegoObject | PlainObject

export const objectBuiltins: readonly BuiltinSpec[] = [
  builtin('object.get', ['object', 'any', 'any'], 'any', get),
  builtin('object.keys', ['object'], 'set', (object: Obj) => makeSet(sortedEntries(object).map(([key]) => key))),
  builtin('object.union', ['object', 'object'], 'object', union),
  builtin('object.union_n', ['array'], 'object', (objects: readonly Value[]) =>
    objects.reduce<Value>((all, next) => {
      if (!isObject(next)) throw operandError(1, `must be array of objects but got array containing ${kindOf(next)}`)
      return union(all as Obj, next)
    }, makeObject([])),
  ),
  builtin('object.remove', ['object', 'object|array|set'], 'object', (object: Obj, keys: Value) => {
    const removed = keySet(keys)
    return makeObject(sortedEntries(object).filter(([key]) => !removed.has(hashKey(key))))
  }),
  builtin('object.filter', ['object', 'object|array|set'], 'object', (object: Obj, keys: Value) => {
    const kept = keySet(keys)
    return makeObject(sortedEntries(object).filter(([key]) => kept.has(hashKey(key))))
  }),
  builtin('object.subset', ['object|array|set', 'object|array|set'], 'boolean', subset),
  builtin('json.filter', ['object', 'array|set'], 'object', (object: Obj, paths: readonly Value[] | RegoSet) =>
    filterPaths(object, treeOf(paths)),
  ),
  builtin('json.remove', ['object', 'array|set'], 'object', (object: Obj, paths: readonly Value[] | RegoSet) =>
    removePaths(object, treeOf(paths)),
  ),
  { name: 'walk', args: ['any'], result: 'array', isRelation: true, call: ([value]) => walk(value!) },
]

function get(object: Obj, key: Value, otherwise: Value): Value {
  if (!isArray(key)) return objectGet(object, key) ?? otherwise
  let value: Value | undefined = object
  for (const segment of key) {
    if (value === undefined) return otherwise
    value = isArray(value) ? (typeof segment === 'number' ? value[segment] : undefined) : stepInto(value, segment)
  }
  return value === undefined ? otherwise : value
}

/** Objects inside objects are united too; otherwise the right side wins. */
function union(left: Obj, right: Obj): Value {
  const entries = sortedEntries(right)
  allocateItems(entries.length + sortedEntries(left).length)
  const merged = entries.map(([key, value]): [Value, Value] => {
    const before = objectGet(left, key)
    return [key, before !== undefined && isObject(before) && isObject(value) ? union(before, value) : value]
  })
  return makeObject([...sortedEntries(left), ...merged])
}

function keySet(keys: Value): Set<unknown> {
  const list = isObject(keys) ? sortedEntries(keys).map(([key]) => key) : itemsOf(keys as readonly Value[] | RegoSet)
  return new Set(list.map(hashKey))
}

function subset(whole: Value, part: Value): boolean | undefined {
  spend(1)
  if (isObject(whole) && isObject(part)) {
    return sortedEntries(part).every(([key, value]) => {
      const found = objectGet(whole, key)
      if (found === undefined) return false
      const areObjects = isObject(found) && isObject(value)
      const areLists = (isArray(found) && isArray(value)) || (isSet(found) && isSet(value))
      return areObjects || areLists ? subset(found, value) === true : equal(found, value)
    })
  }
  if (isSet(whole) && isSet(part)) return sortedMembers(part).every((member) => whole.members.has(hashKey(member)))
  if (isArray(whole) && isArray(part)) {
    spend(whole.length * (part.length + 1))
    return part.length === 0 || whole.some((_, at) => part.every((item, i) => at + i < whole.length && equal(whole[at + i]!, item)))
  }
  if (isArray(whole) && isSet(part)) {
    const members = new Set(whole.map(hashKey))
    return sortedMembers(part).every((member) => members.has(hashKey(member)))
  }
  throw operandError(2, `cannot be compared: both must be objects, sets or arrays, got ${kindOf(whole)} and ${kindOf(part)}`)
}

/** Paths as a tree of segments; an end of a path has no children. */
interface PathTree {
  isEnd: boolean
  readonly children: Map<unknown, { segment: Value; tree: PathTree }>
}

function treeOf(paths: readonly Value[] | RegoSet): PathTree {
  const root: PathTree = { isEnd: false, children: new Map() }
  for (const path of itemsOf(paths)) {
    let node = root
    for (const segment of segmentsOf(path)) {
      const key = hashKey(segment)
      let child = node.children.get(key)
      if (!child) node.children.set(key, (child = { segment, tree: { isEnd: false, children: new Map() } }))
      node = child.tree
    }
    node.isEnd = true
  }
  return root
}

function segmentsOf(path: Value): readonly Value[] {
  if (typeof path === 'string') return path === '' ? [] : splitPath(path)
  if (isArray(path)) return path
  throw operandError(2, `must be one of {set, array} containing string paths or array of path segments but got ${kindOf(path)}`)
}

/** The child that applies to a key: an array's index may be written as a string. */
function childAt(tree: PathTree, key: Value): PathTree | undefined {
  return (tree.children.get(hashKey(key)) ?? (typeof key === 'number' ? tree.children.get(String(key)) : undefined))?.tree
}

function removePaths(value: Value, tree: PathTree): Value {
  if (tree.children.size === 0) return value
  const keep = ([key]: readonly [Value, Value]): boolean => childAt(tree, key)?.isEnd !== true
  const inside = (key: Value, item: Value): Value => {
    const child = childAt(tree, key)
    return child ? removePaths(item, child) : item
  }
  if (isArray(value)) {
    const entries = value.map((item, i): [Value, Value] => [i, item]).filter(keep)
    return entries.map(([key, item]) => inside(key, item))
  }
  if (isObject(value)) {
    return makeObject(
      sortedEntries(value)
        .filter(keep)
        .map(([key, item]): [Value, Value] => [key, inside(key, item)]),
    )
  }
  if (isSet(value)) return makeSet(sortedMembers(value).filter((member) => childAt(tree, member)?.isEnd !== true))
  return value
}

function filterPaths(value: Value, tree: PathTree): Value {
  if (tree.isEnd) return value
  if (isArray(value)) {
    return value.flatMap((item, i): Value[] => {
      const child = childAt(tree, i)
      return child ? [filterPaths(item, child)] : []
    })
  }
  if (isObject(value)) {
    return makeObject(
      sortedEntries(value).flatMap(([key, item]): [Value, Value][] => {
        const child = childAt(tree, key)
        return child ? [[key, filterPaths(item, child)]] : []
      }),
    )
  }
  if (isSet(value)) return makeSet(sortedMembers(value).filter((member) => childAt(tree, member) !== undefined))
  return value
}

/** Every part of a value with its path. */
function walk(root: Value): Value {
  const found: Value[] = []
  const waiting: [readonly Value[], Value][] = [[[], root]]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [path, value] = next
    allocateItems(path.length + 2)
    spend(1)
    found.push([path, value])
    const inner: [readonly Value[], Value][] = isArray(value)
      ? value.map((item, i) => [[...path, i], item])
      : isSet(value)
        ? sortedMembers(value).map((member) => [[...path, member], member])
        : isObject(value)
          ? sortedEntries(value).map(([key, item]) => [[...path, key], item])
          : []
    allocateItems(inner.length * (path.length + 1))
    for (const each of inner.reverse()) waiting.push(each)
  }
  return found
}
