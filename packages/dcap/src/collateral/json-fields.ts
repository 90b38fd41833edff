/** Fields of parsed JSON from elsewhere. Every reader throws CollateralError with the field's path. */
import { CollateralError } from '../errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** Of any list in collateral; Intel's have a few dozen entries. */
const MAX_LIST = 1000
const MAX_TEXT = 200

export function asObject(value: unknown, path: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CollateralError(path, 'an object is expected')
  return value as JsonObject
}

export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

export function list(object: JsonObject, name: string, path: string): readonly unknown[] {
  const value = member(object, name)
  if (!Array.isArray(value) || value.length > MAX_LIST)
    throw new CollateralError(`${path}.${name}`, `a list of at most ${MAX_LIST} is expected`)
  return value
}

export function text(object: JsonObject, name: string, path: string): string {
  const value = member(object, name)
  if (typeof value !== 'string' || value.length > MAX_TEXT)
    throw new CollateralError(`${path}.${name}`, `text of at most ${MAX_TEXT} characters is expected`)
  return value
}

/** A whole number from 0 to `max`. */
export function wholeNumber(object: JsonObject, name: string, path: string, max: number): number {
  const value = member(object, name)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
    throw new CollateralError(`${path}.${name}`, `a whole number from 0 to ${max} is expected`)
  return value
}

/** Bytes written as hex digits of either case. */
export function hexBytes(object: JsonObject, name: string, path: string, length: number): Buffer {
  const value = member(object, name)
  if (typeof value !== 'string' || value.length !== 2 * length || !/^[0-9a-fA-F]*$/.test(value))
    throw new CollateralError(`${path}.${name}`, `${2 * length} hex digits are expected`)
  return Buffer.from(value, 'hex')
}

/** ISO 8601 in UTC to the second, as Intel writes it. */
export function utcDate(object: JsonObject, name: string, path: string): Date {
  const value = member(object, name)
  const date = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) ? new Date(value) : undefined
  if (date === undefined || Number.isNaN(date.getTime()))
    throw new CollateralError(`${path}.${name}`, 'a time such as 2026-01-31T00:00:00Z is expected')
  return date
}

/** A list of short texts that may be absent. */
export function texts(object: JsonObject, name: string, path: string): readonly string[] {
  if (member(object, name) === undefined) return []
  const entries = list(object, name, path)
  if (!entries.every((entry) => typeof entry === 'string' && entry.length <= MAX_TEXT))
    throw new CollateralError(`${path}.${name}`, 'a list of short texts is expected')
  return entries as readonly string[]
}
