/** Graphs: objects from nodes to their neighbours. */
import { allocate, spend } from '../run/budget.ts'
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
  allocate(reached.size)
  return makeSet(reached.values())
}

/** Every path from an initial node to where nothing new follows. */
function paths(graph: Graph, initial: List): Value {
  const found: Value[] = []
  for (const root of listOf(initial)) {
    if (objectGet(graph, root) === undefined) continue
    const waiting: Value[][] = [[root]]
    for (let path = waiting.pop(); path; path = waiting.pop()) {
      spend(path.length)
      const onPath = new Set(path.map(hashKey))
      const next = listOf(objectGet(graph, path.at(-1)!)).filter((node) => objectGet(graph, node) !== undefined || node !== null)
      const open = next.filter((node) => !onPath.has(hashKey(node)) && objectGet(graph, node) !== undefined)
      const isEnd = next.length === 0 || next.some((node) => onPath.has(hashKey(node)) || objectGet(graph, node) === undefined)
      allocate(path.length * (open.length + 1))
      if (isEnd) found.push(path)
      for (const node of open) waiting.push([...path, node])
    }
  }
  return makeSet(found)
}
