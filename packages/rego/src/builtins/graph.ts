/** Graphs: objects from nodes to their neighbours. */
import { allocateEntries, allocateItems, spend } from '../run/budget.ts'
import type { RegoObject, RegoSet } from '../values/collections.ts'
import { hashKey, makeSet, objectGet, sortedMembers } from '../values/operations.ts'
import { isArray, isSet } from '../values/value.ts'
import type { PlainObject, Value } from '../values/value.ts'
import { builtin } from './types.ts'
import type { BuiltinSpec } from './types.ts'

type Graph = RegoObject | PlainObject
type List = readonly Value[] | RegoSet

export const graphBuiltins: readonly BuiltinSpec[] = [
  builtin('graph.reachable', ['object', 'array|set'], 'set', reachable),
  builtin('graph.reachable_paths', ['object', 'array|set'], 'set', paths),
]

function listOf(value: Value | undefined): readonly Value[] {
  if (value === undefined) return []
  return isArray(value) ? value : isSet(value) ? sortedMembers(value) : []
}

function reachable(graph: Graph, initial: List): Value {
  const reached = new Map<unknown, Value>()
  const waiting = [...listOf(initial)]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    spend(1)
    const key = hashKey(node)
    const neighbours = objectGet(graph, node)
    if (reached.has(key) || neighbours === undefined) continue
    allocateEntries(1)
    reached.set(key, node)
    for (const next of listOf(neighbours)) {
      spend(1)
      waiting.push(next)
    }
  }
  return makeSet(reached.values())
}

/**
 * Paths from each initial node to where nothing follows, or what follows is on the path already: OPA's answer for graphs with cycles and with
 * ancestors that several nodes share.
 */
function paths(graph: Graph, initial: List): Value {
  const found: Value[] = []
  const add = (path: readonly Value[]): void => {
    allocateItems(path.length)
    found.push([...path])
  }
  const path: Value[] = []
  const onPath = new Set<unknown>()
  const follow = (node: Value): void => {
    spend(path.length + 1)
    const edges = objectGet(graph, node)
    if (edges === undefined) return add(path)
    path.push(node)
    const key = hashKey(node)
    onPath.add(key)
    const neighbours = listOf(edges)
    if (neighbours.length === 0) add(path)
    for (const next of neighbours) {
      if (onPath.has(hashKey(next))) add(path)
      else follow(next)
    }
    onPath.delete(key)
    path.pop()
  }
  for (const root of listOf(initial)) if (objectGet(graph, root) !== undefined) follow(root)
  return makeSet(found)
}
