/** Values as text: as Rego writes them, as JSON, and back from JSON. */
import { allocateItems, allocateText, charged, spend, spendCharacters } from '../run/budget.ts'
import { numberText, parseNumber, toDouble } from './numbers.ts'
import { quoted, sortedEntries, sortedMembers } from './operations.ts'
import { isArray, isNumber, isSet } from './value.ts'
import type { PlainObject, Value } from './value.ts'
import type { RegoObject } from './collections.ts'

/** Numbers that a double may not hold exactly. */
const LONG_NUMBER = /\d[\d.]{15}|\d[eE][+-]?\d{2}/

/**
 * Rego's own notation, as `sprintf("%v")` and error messages show it: `{"a": [1, 2]}`, `{1, 2}`, `set()`.
 *
 * @example
 * regoText(parseValue('{3, 1}')) // → '{1, 3}'
 */
export function regoText(value: Value): string {
  return typeof value === 'string' ? quoted(value) : charged(writeRego(value))
}

function writeRego(value: Value): string {
  spend(1)
  if (isNumber(value)) return numberText(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (isArray(value)) return `[${value.map(regoText).join(', ')}]`
  if (isSet(value)) return value.size === 0 ? 'set()' : `{${sortedMembers(value).map(regoText).join(', ')}}`
  const entries = sortedEntries(value as RegoObject | PlainObject)
  return `{${entries.map(([key, item]) => `${regoText(key)}: ${regoText(item)}`).join(', ')}}`
}

export interface Indentation {
  prefix: string
  indent: string
}

/**
 * JSON with sorted keys; sets become arrays, keys that aren't strings their JSON text.
 *
 * @example
 * jsonText(parseValue('{3, 1}')) // → '[1,3]'
 */
export function jsonText(value: Value, indentation?: Indentation): string {
  return writeJson(value, indentation, '')
}

function writeJson(value: Value, indentation: Indentation | undefined, level: string): string {
  spend(1)
  if (typeof value === 'string') return quoted(value)
  if (isNumber(value)) return numberText(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const [open, close] = isArray(value) || isSet(value) ? '[]' : '{}'
  const inner = indentation ? level + indentation.indent : ''
  const items = isArray(value)
    ? value.map((item) => writeJson(item, indentation, inner))
    : isSet(value)
      ? sortedMembers(value).map((item) => writeJson(item, indentation, inner))
      : sortedEntries(value as RegoObject | PlainObject).map(
          ([key, item]) => `${quoted(keyText(key))}:${indentation ? ' ' : ''}${writeJson(item, indentation, inner)}`,
        )
  allocateItems(items.length + 2)
  if (!indentation || items.length === 0) return charged(`${open}${items.join()}${close}`)
  const line = `\n${indentation.prefix}`
  allocateText((inner.length + line.length + 1) * (items.length + 2))
  return charged(`${open}${line}${inner}${items.join(`,${line}${inner}`)}${line}${level}${close}`)
}

const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/

/** How long a value's JSON text is, in UTF-16 units, without making it; counting ends beyond `limit`. */
export function jsonLength(value: Value, limit: number): number {
  spend(1)
  if (typeof value === 'string') {
    spendCharacters(value.length)
    return ESCAPED.test(value) ? quoted(value).length : value.length + 2
  }
  if (isNumber(value)) return numberText(value).length
  if (typeof value !== 'object' || value === null) return String(value).length
  if (isArray(value)) return listLength(value, limit)
  if (isSet(value)) return listLength(sortedMembers(value), limit)
  let length = 2
  for (const [key, item] of sortedEntries(value as RegoObject | PlainObject)) {
    const name = keyText(key)
    length += (length === 2 ? 1 : 2) + jsonLength(name, limit) + jsonLength(item, limit - length)
    if (length > limit) break
  }
  return length
}

function listLength(items: readonly Value[], limit: number): number {
  let length = 2 + Math.max(0, items.length - 1)
  for (const item of items) {
    if (length > limit) break
    length += jsonLength(item, limit - length)
  }
  return length
}

/** The name under which a key appears in JSON. */
export function keyText(key: Value): string {
  return typeof key === 'string' ? key : jsonText(key)
}

/** The value as JavaScript's own JSON types. Long integers become bigints, decimals the nearest double. */
export type JavaScriptValue = null | boolean | number | bigint | string | JavaScriptValue[] | { [name: string]: JavaScriptValue }
/**
 * A value as JavaScript has it: sets as sorted arrays, integers beyond 2^53 as bigints.
 *
 * @example
 * toJavaScript(parseValue('{"a": {2, 1}}')) // → { a: [1, 2] }
 */
export function toJavaScript(value: Value): JavaScriptValue {
  spend(1)
  if (typeof value === 'bigint') return value
  if (isNumber(value)) return toDouble(value)
  if (typeof value !== 'object' || value === null) return value
  if (isArray(value)) return value.map(toJavaScript)
  if (isSet(value)) return sortedMembers(value).map(toJavaScript)
  const result: { [name: string]: JavaScriptValue } = {}
  for (const [key, item] of sortedEntries(value as RegoObject | PlainObject)) define(result, keyText(key), toJavaScript(item))
  return result
}

/** Sets an own property, even one called `__proto__`. */
function define(target: { [name: string]: unknown }, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value
  else Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true })
}

/**
 * JSON as a value, with exact numbers. Throws SyntaxError.
 *
 * @example
 * jsonText(parseJson('{"large": 12345678901234567890}')) // → '{"large":12345678901234567890}'
 */
export function parseJson(text: string): Value {
  chargeJson(text)
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Value
  return JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown) as Value
}

/** What reading JSON costs: by its characters, and by the marks between its values, of which each stands for one. */
function chargeJson(text: string): void {
  spend(text.length >> 3)
  let marks = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // A comma, a colon, a bracket or a brace.
    if (unit === 44 || unit === 58 || unit === 91 || unit === 123) marks++
  }
  allocateText(text.length, text)
  allocateItems(marks)
}

function exactNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value
  const exact = parseNumber(context.source)
  if (exact === undefined) throw new SyntaxError('a number is too large')
  return exact
}
