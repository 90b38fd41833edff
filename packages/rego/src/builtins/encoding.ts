/** Encodings: base64, hex, URL queries, JSON and YAML. */
import { allocateItems, allocateText, charged, spend, spendCharacters } from '../run/budget.ts'
import type { RegoObject } from '../values/collections.ts'
import { makeObject, objectGet, sortedEntries, sortedMembers } from '../values/operations.ts'
import { jsonText, parseJson } from '../values/text.ts'
import { isArray, isSet, kindOf } from '../values/value.ts'
import type { PlainObject, Value } from '../values/value.ts'
import { builtin, failure, operandError, typeFailure } from './types.ts'
import type { BuiltinSpec } from './types.ts'
import { readYaml } from './yaml-read.ts'
import { yamlText } from './yaml-write.ts'

type Obj = RegoObject | PlainObject

export const encodingBuiltins: readonly BuiltinSpec[] = [
  builtin('base64.encode', ['string'], 'string', (text: string) => encoded(text, 'base64')),
  builtin('base64.decode', ['string'], 'string', (text: string) => decoded(text, fromBase64)),
  builtin('base64.is_valid', ['string'], 'boolean', (text: string) => isBase64(text)),
  builtin('base64url.encode', ['string'], 'string', (text: string) => {
    const bare = encoded(text, 'base64url')
    return bare.padEnd(Math.ceil(bare.length / 4) * 4, '=')
  }),
  builtin('base64url.encode_no_pad', ['string'], 'string', (text: string) => encoded(text, 'base64url')),
  builtin('base64url.decode', ['string'], 'string', (text: string) => decoded(text, fromBase64Url)),
  builtin('hex.encode', ['string'], 'string', (text: string) => encoded(text, 'hex')),
  builtin('hex.decode', ['string'], 'string', (text: string) => {
    const bad = /[^0-9a-fA-F]/u.exec(text)?.[0]
    if (bad !== undefined) throw failure(`invalid byte: U+${bad.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} '${bad}'`)
    if (text.length % 2 !== 0) throw failure('odd length hex string')
    return decoded(text, (hex) => Buffer.from(hex, 'hex'))
  }),
  builtin('urlquery.encode', ['string'], 'string', (text: string) => encodeQuery(text)),
  builtin('urlquery.decode', ['string'], 'string', (text: string) => decodeQuery(text)),
  builtin('urlquery.encode_object', ['object'], 'string', encodeObject),
  builtin('urlquery.decode_object', ['string'], 'object', decodeObject),
  builtin('json.marshal', ['any'], 'string', (value: Value) => jsonText(value)),
  builtin('json.marshal_with_options', ['any', 'object'], 'string', marshalWithOptions),
  builtin('json.unmarshal', ['string'], 'any', (text: string) => decode(text, parseJson, 'JSON')),
  builtin('json.is_valid', ['any'], 'boolean', (text: Value) => typeof text === 'string' && isDecodable(text, parseJson)),
  builtin('yaml.marshal', ['any'], 'string', (value: Value) => yamlText(value)),
  builtin('yaml.unmarshal', ['string'], 'any', (text: string) => decode(text, readYaml, 'YAML')),
  builtin('yaml.is_valid', ['any'], 'boolean', (text: Value) => typeof text === 'string' && isDecodable(text, readYaml)),
]

/** The bytes of a text, encoded. */
function encoded(text: string, encoding: 'base64' | 'base64url' | 'hex'): string {
  // Three bytes a character at most, in up to two characters each.
  allocateText(5 * text.length)
  return Buffer.from(text).toString(encoding)
}

/** The text in encoded bytes. */
function decoded(text: string, decode: (text: string) => Buffer): string {
  allocateText(2 * text.length)
  return charged(decode(text).toString('utf8'))
}

export function isBase64(text: string): boolean {
  spendCharacters(4 * text.length)
  if (/[^A-Za-z0-9+/=\r\n]/.test(text)) return false
  // Padding is at the end; line ends count for nothing.
  let [length, padding] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 10 || unit === 13) continue
    if (unit === 61) padding++
    else if (padding > 0) return false
    length++
  }
  return length % 4 === 0 && padding <= 2
}

/** The bytes of base64 text. Throws BuiltinError. */
export function fromBase64(text: string): Buffer {
  if (!isBase64(text)) throw failure(`illegal base64 data at input byte ${firstBad(text, /[^A-Za-z0-9+/\r\n]/)}`)
  return Buffer.from(text, 'base64')
}

/** The bytes of base64url text, with or without padding. Throws BuiltinError. */
export function fromBase64Url(text: string): Buffer {
  const compact = text.replace(/=+$/, '')
  if (!/^[A-Za-z0-9_-]*$/.test(compact) || compact.length % 4 === 1)
    throw failure(`illegal base64 data at input byte ${firstBad(text, /[^A-Za-z0-9_-]/)}`)
  return Buffer.from(compact, 'base64url')
}

function firstBad(text: string, bad: RegExp): number {
  const at = text.search(bad)
  return at < 0 ? text.length : at
}

function encodeQuery(text: string): string {
  spend(text.length >> 2)
  allocateText(6 * text.length)
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}

function decodeQuery(text: string): string {
  spend(text.length >> 2)
  allocateText(6 * text.length, text)
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(text)
  if (bad) throw failure(`invalid URL escape ${JSON.stringify(bad[0])}`)
  const bytes = Buffer.from(
    text
      .replaceAll('+', ' ')
      .replace(/%([0-9a-fA-F]{2})|[^%]+/g, (part, hex: string | undefined) => hex ?? Buffer.from(part).toString('hex')),
    'hex',
  )
  return bytes.toString('utf8')
}

function encodeObject(object: Obj): string {
  const pairs = sortedEntries(object).flatMap(([key, value]) => {
    if (typeof key !== 'string') throw operandError(1, `must be object with string keys but got ${kindOf(key)}`)
    const values = isArray(value) ? value : isSet(value) ? sortedMembers(value) : [value]
    return values.map((item) => {
      if (typeof item !== 'string') throw operandError(1, 'must be object with string values, or arrays or sets of them')
      return `${encodeQuery(key)}=${encodeQuery(item)}`
    })
  })
  return charged(pairs.join('&'))
}

function decodeObject(text: string): Value {
  const values = new Map<string, string[]>()
  allocateItems(2 * occurrencesOf(text, '&'))
  for (const pair of text.split('&')) {
    spend(1)
    if (pair === '') continue
    if (pair.includes(';')) throw failure('invalid semicolon separator in query')
    const at = pair.indexOf('=')
    const [key, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
    const name = decodeQuery(key)
    const list = values.get(name)
    if (list) list.push(decodeQuery(value))
    else values.set(name, [decodeQuery(value)])
    allocateItems(4)
  }
  return makeObject(values)
}

function occurrencesOf(text: string, char: string): number {
  let count = 1
  for (let at = text.indexOf(char); at >= 0; at = text.indexOf(char, at + 1)) count++
  return count
}

const MARSHAL_OPTIONS = ['pretty', 'indent', 'prefix']

function marshalWithOptions(value: Value, options: Obj): string {
  for (const [key] of sortedEntries(options))
    if (typeof key !== 'string' || !MARSHAL_OPTIONS.includes(key))
      throw typeFailure(`operand 2 object contained unknown key ${jsonText(key)}`)
  const [indent, prefix, pretty] = [objectGet(options, 'indent'), objectGet(options, 'prefix'), objectGet(options, 'pretty')]
  if (pretty !== undefined && typeof pretty !== 'boolean') throw operandError(2, 'key "pretty" must be boolean')
  for (const text of [indent, prefix])
    if (text !== undefined && typeof text !== 'string') throw operandError(2, 'indent and prefix must be strings')
  if (!(pretty ?? (indent !== undefined || prefix !== undefined))) return jsonText(value)
  const style = { indent: (indent as string | undefined) ?? '\t', prefix: (prefix as string | undefined) ?? '' }
  return style.prefix + jsonText(value, style)
}

function decode(text: string, read: (text: string) => Value, what: string): Value {
  try {
    return read(text)
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'LimitError') throw error
    throw failure(`invalid ${what}: ${error.message.split('\n')[0]!.slice(0, 200)}`)
  }
}

function isDecodable(text: string, read: (text: string) => Value): boolean {
  try {
    read(text)
    return true
  } catch (error) {
    if (error instanceof Error && error.name === 'LimitError') throw error
    return false
  }
}
