/** Graphs: objects from nodes to their neighbours. */
import { allocateItems, spend } from '../run/budget.ts'
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
    reached.set(key, node)
    for (const next of listOf(neighbours)) waiting.push(next)
  }
  allocateItems(reached.size)
  return makeSet(reached.values())
}

/**
 * Paths from each initial node to where nothing follows, or what follows was reached before by way of the same neighbour of the initial
 * node: what OPA returns for graphs with cycles and joins.
 */
function paths(graph: Graph, initial: List): Value {
  const found: Value[] = []
  const add = (path: readonly Value[]): void => {
    allocateItems(path.length)
    found.push(path)
  }
  const follow = (node: Value, before: readonly Value[], reached: Set<unknown>): void => {
    spend(before.length + 1)
    const edges = objectGet(graph, node)
    if (edges === undefined) return add(before)
    const path = [...before, node]
    const neighbours = listOf(edges)
    if (neighbours.length === 0) return add(path)
    for (const next of neighbours) {
      const key = hashKey(next)
      if (reached.has(key)) add(path)
      else {
        reached.add(key)
        follow(next, path, reached)
      }
    }
  }
  for (const root of listOf(initial)) {
    const edges = objectGet(graph, root)
    if (edges === undefined) continue
    const neighbours = listOf(edges)
    if (neighbours.length === 0) add([root])
    for (const next of neighbours) follow(next, [root], new Set([hashKey(root), hashKey(next)]))
  }
  return makeSet(found)
}
