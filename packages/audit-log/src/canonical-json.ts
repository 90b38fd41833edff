import { LogFormatError } from './errors.ts'

/** What JSON can express. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

const MAX_DEPTH = 64

/**
 * The JSON Canonicalization Scheme of RFC 8785: members sorted by the UTF-16 code units of their names, numbers and strings as ECMAScript
 * writes them, no white space.
 * @throws {LogFormatError} for what has no such form: lone surrogates, numbers that are not finite, anything but plain objects, arrays and JSON's own
 *   primitive values, and nesting beyond 64 levels
 *
 * @example
 * canonicalJson({ seq: 1, actor: 'app:1', when: [1e21, true] }) // → '{"actor":"app:1","seq":1,"when":[1e+21,true]}'
 */
export function canonicalJson(value: Json): string {
  return write(value, 0)
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new LogFormatError('JSON', 'a string has a lone surrogate')
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw new LogFormatError('JSON', 'a number is not finite')
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      break
    default:
      throw new LogFormatError('JSON', `a value is ${typeof value}`)
  }
  if (value === null) return 'null'
  if (depth === MAX_DEPTH) throw new LogFormatError('JSON', `is nested more than ${MAX_DEPTH} levels deep`)
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, depth + 1)).join(',')}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new LogFormatError('JSON', 'an object is not a plain one')
  let text = ''
  for (const name of Object.keys(value).sort())
    text += `${text === '' ? '' : ','}${write(name, depth)}:${write((value as Record<string, unknown>)[name], depth + 1)}`
  return `{${text}}`
}
