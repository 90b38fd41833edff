/** Paths into values, as the object and JSON built-ins take them: `a/b/0` or `["a", "b", 0]`. */
import type { Value } from './value.ts'
import { isArray, isObject, isSet } from './value.ts'
import { objectGet, lookup } from './operations.ts'

/** The segments of a path written as one string: slashes separate, `~1` and `~0` stand for slash and tilde. */
export function splitPath(path: string): string[] {
  const trimmed = path.replace(/^\//, '')
  return trimmed.split('/').map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The index that a segment means in an array of `length`, or undefined. */
export function arrayIndex(segment: Value, length: number): number | undefined {
  const index = typeof segment === 'string' && /^(0|[1-9]\d*)$/.test(segment) ? Number(segment) : segment
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < length ? index : undefined
}

/** One step of a path. */
export function stepInto(value: Value, segment: Value): Value | undefined {
  if (isArray(value)) {
    const index = arrayIndex(segment, value.length)
    return index === undefined ? undefined : value[index]
  }
  if (isObject(value)) return objectGet(value, segment)
  return isSet(value) ? lookup(value, segment) : undefined
}
