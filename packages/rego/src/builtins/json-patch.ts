/** JSON patches (RFC 6902), also on sets and with paths as arrays. */
import { allocateItems } from '../run/budget.ts'
import { equal, hashKey, makeObject, makeSet, objectGet, sortedEntries, sortedMembers } from '../values/operations.ts'
import { arrayIndex, splitPath, stepInto } from '../values/paths.ts'
import { isArray, isObject, isSet, kindOf } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import { builtin, failure, operandError } from './types.ts'
import type { BuiltinSpec } from './types.ts'

export const patchBuiltins: readonly BuiltinSpec[] = [
  builtin('json.patch', ['any', 'array'], 'any', (document: Value, operations: readonly Value[]) => operations.reduce(apply, document)),
]

type Path = readonly Value[]
type Change = 'add' | 'remove' | 'replace'

function apply(document: Value, operation: Value): Value {
  if (!isObject(operation)) throw operandError(2, `must be array of JSON-Patch objects but got array containing ${kindOf(operation)}`)
  const path = pathOf(objectGet(operation, 'path'), 'path')
  const value = (): Value => {
    const given = objectGet(operation, 'value')
    if (given === undefined) throw failure("missing required attribute 'value'")
    return given
  }
  const from = (): Path => pathOf(objectGet(operation, 'from'), 'from')
  switch (objectGet(operation, 'op')) {
    case 'add':
      return change(document, path, 'add', value())
    case 'remove':
      return change(document, path, 'remove', null)
    case 'replace':
      return change(document, path, 'replace', value())
    case 'move': {
      const source = from()
      const moved = at(document, source)
      return change(change(document, source, 'remove', null), path, 'add', moved)
    }
    case 'copy':
      return change(document, path, 'add', at(document, from()))
    case 'test':
      if (!equal(at(document, path), value())) throw failure('value from patch does not equal the one in the document')
      return document
    default:
      throw failure('unrecognized op')
  }
}

function pathOf(path: Value | undefined, name: string): Path {
  if (path === undefined) throw failure(`missing required attribute '${name}'`)
  if (isArray(path)) return path
  if (typeof path !== 'string') throw operandError(2, `${name} must be string or array but got ${kindOf(path)}`)
  return path === '' ? [] : splitPath(path)
}

function at(document: Value, path: Path): Value {
  let value: Value | undefined = document
  for (const segment of path) value = value === undefined ? undefined : stepInto(value, segment)
  if (value === undefined) throw failure('path does not exist in document')
  return value
}

/** The document with one change at the path. */
function change(document: Value, path: Path, how: Change, value: Value): Value {
  const [segment, ...rest] = path
  if (segment === undefined) {
    if (how === 'remove') return null
    return value
  }
  const missing = (): Error => failure('path does not exist in document')
  if (rest.length > 0) {
    const inner = stepInto(document, segment)
    if (inner === undefined) throw missing()
    return put(document, segment, change(inner, rest, how, value), inner)
  }
  if (isArray(document)) return changeArray(document, segment, how, value)
  if (isSet(document)) {
    const has = document.members.has(hashKey(segment))
    if (how === 'add' ? !equal(segment, value) : !has) throw missing()
    const others = sortedMembers(document).filter((member) => !equal(member, segment))
    return makeSet(how === 'remove' ? others : [...others, value])
  }
  if (!isObject(document)) throw missing()
  if (how !== 'add' && objectGet(document, segment) === undefined) throw missing()
  if (how === 'remove') return makeObject(sortedEntries(document).filter(([key]) => !equal(key, segment)))
  return put(document, segment, value, segment)
}

function changeArray(list: readonly Value[], segment: Value, how: Change, value: Value): Value {
  const index = how === 'add' && segment === '-' ? list.length : arrayIndex(segment, how === 'add' ? list.length + 1 : list.length)
  if (index === undefined) throw failure('path does not exist in document')
  allocateItems(list.length)
  return list.toSpliced(index, how === 'add' ? 0 : 1, ...(how === 'remove' ? [] : [value]))
}

/** The collection with another value at a place that is there; a set's old member is given. */
function put(document: Value, segment: Value, value: Value, old: Value): Value {
  if (isArray(document)) {
    allocateItems(document.length)
    return document.with(arrayIndex(segment, document.length)!, value)
  }
  if (isSet(document)) return makeSet([...sortedMembers(document).filter((member) => !equal(member, old)), value])
  if (!isObject(document)) throw failure('path does not exist in document')
  const entries = sortedEntries(document)
  allocateItems(entries.length)
  return makeObject([...entries, [segment, value]])
}
