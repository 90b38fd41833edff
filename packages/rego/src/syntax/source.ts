/** Faults at a place in a module's source. */
import { excerptOf, RegoError } from '../errors.ts'
import type { ErrorCode, Fault, Location } from '../errors.ts'

export interface Source {
  file: string
  source: string
}

/** Where the lines of each source begin. */
const lineStarts = new WeakMap<Source, readonly number[]>()

function linesOf(from: Source): readonly number[] {
  const known = lineStarts.get(from)
  if (known) return known
  const starts = [0]
  for (let at = from.source.indexOf('\n'); at >= 0; at = from.source.indexOf('\n', at + 1)) starts.push(at + 1)
  lineStarts.set(from, starts)
  return starts
}

/** Row and column of an offset. */
export function locate(source: Source, offset: number): Location {
  const starts = linesOf(source)
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return { file: source.file, row: low + 1, column: offset - starts[low]! + 1, offset }
}

export function faultAt(source: Source, code: ErrorCode, message: string, offset: number): Fault {
  const location = locate(source, offset)
  return { code, message, location, excerpt: excerptOf(source.source, location) }
}

export function errorAt(source: Source, code: ErrorCode, message: string, offset: number): RegoError {
  return new RegoError([faultAt(source, code, message, offset)])
}
