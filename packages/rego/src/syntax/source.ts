/** Faults at a place in a module's source. */
import { excerptOf, RegoError } from '../errors.ts'
import type { ErrorCode, Fault, Location } from '../errors.ts'

export interface Source {
  file: string
  source: string
}

/** Row and column of an offset. */
export function locate({ file, source }: Source, offset: number): Location {
  let row = 1
  let start = 0
  for (let next = source.indexOf('\n'); next >= 0 && next < offset; next = source.indexOf('\n', start)) {
    row++
    start = next + 1
  }
  return { file, row, column: offset - start + 1, offset }
}

export function faultAt(source: Source, code: ErrorCode, message: string, offset: number): Fault {
  const location = locate(source, offset)
  return { code, message, location, excerpt: excerptOf(source.source, location) }
}

export function errorAt(source: Source, code: ErrorCode, message: string, offset: number): RegoError {
  return new RegoError([faultAt(source, code, message, offset)])
}
