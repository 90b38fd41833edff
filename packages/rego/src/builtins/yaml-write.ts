/** Writing YAML as Go's sigs.k8s.io/yaml does: blocks, sorted keys, quotes where a reader would take a text for something else. */
import { allocateText, charged, spend } from '../run/budget.ts'
import { sortedEntries, sortedMembers } from '../values/operations.ts'
import { numberText, toDouble } from '../values/numbers.ts'
import { keyText } from '../values/text.ts'
import { isArray, isNumber, isSet } from '../values/value.ts'
import type { PlainObject, Value } from '../values/value.ts'
import type { RegoObject } from '../values/collections.ts'
import { plainValue } from './yaml-read.ts'

/** A value as a YAML document. */
export function yamlText(value: Value): string {
  return charged(`${block(value, '').replace(/^[\n ]/, '')}\n`)
}

/** What comes behind a key or a dash, with a blank or a line break before it. */
function block(value: Value, indent: string): string {
  spend(1)
  allocateText(indent.length + 8)
  if (typeof value === 'string') return ` ${textOf(value, indent)}`
  if (isNumber(value)) return ` ${numberOf(value)}`
  if (typeof value !== 'object' || value === null) return ` ${String(value)}`
  const items = isArray(value) || isSet(value) ? (isSet(value) ? sortedMembers(value) : value) : undefined
  if (items) {
    if (items.length === 0) return ' []'
    return charged(items.map((item) => `\n${indent}-${inDash(item, `${indent}  `)}`).join(''))
  }
  const entries = sortedEntries(value as RegoObject | PlainObject).map(([key, item]) => [keyText(key), item] as const)
  if (entries.length === 0) return ' {}'
  return charged(
    entries.map(([key, item]) => `\n${indent}${keyOf(key)}:${block(item, isCollection(item) ? `${indent}  ` : indent)}`).join(''),
  )
}

function isCollection(value: Value): boolean {
  return typeof value === 'object' && value !== null && !isNumber(value)
}

/** A collection in a list begins on the line of its dash. */
function inDash(item: Value, indent: string): string {
  return isCollection(item) ? block(item, indent).replace(/^\n */, ' ') : block(item, indent.slice(2))
}

function numberOf(value: Value & Parameters<typeof numberText>[0]): string {
  const text = numberText(value)
  // Go writes an integer beyond 64 bits as it reads it: as a fraction.
  if (text.length < 20 || typeof value !== 'bigint' || (value < 1n << 64n && value >= -(1n << 63n))) return text
  return String(toDouble(value))
}

function keyOf(key: string): string {
  return key.includes('\n') ? doubleQuoted(key) : textOf(key, '')
}

const READ_AS_OTHER =
  /^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|<<|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{2}:\d{2}(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d{1,2}(?::?\d{2})?))?)?)$/
/** Characters that only quotes with escapes can hold: controls, surrogates and what is beyond the basic plane. */
const SPECIAL = /[^\n\x20-\x7e\u0085\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|[\u0085\u2028\u2029]/
const NOT_PLAIN = /^[#,[\]{}&*!|>'"%@`]|^[-?:](?:\s|$)|:(?:\s|$)|\s#|^ | $|^---|^\.\.\./

function textOf(text: string, indent: string): string {
  spend(1)
  allocateText(2 * text.length, text)
  if (text === '' || isOther(text)) return doubleQuoted(text)
  if (SPECIAL.test(text) || / \n|\n $| $(?<=\n.*)/.test(text)) return doubleQuoted(text)
  if (text.includes('\n')) return / $/.test(text) ? doubleQuoted(text) : literal(text, indent)
  return NOT_PLAIN.test(text) ? `'${text.replaceAll("'", "''")}'` : text
}

function isOther(text: string): boolean {
  if (text.length > 400) return false
  if (READ_AS_OTHER.test(text)) return true
  try {
    return typeof plainValue(text) !== 'string'
  } catch {
    return true
  }
}

function literal(text: string, indent: string): string {
  const hint = /^[\n ]/.test(text) ? '2' : ''
  const chomp = !text.endsWith('\n') ? '-' : text.endsWith('\n\n') || text === '\n' ? '+' : ''
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
  return `|${hint}${chomp}\n${lines.map((line) => (line === '' ? '' : `${indent}  ${line}`)).join('\n')}`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\u0085': 'N',
  '\u00a0': '_',
  '\u2028': 'L',
  '\u2029': 'P',
}

function doubleQuoted(text: string): string {
  const escaped = text.replace(/["\\]|[^\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]/gu, (char) => {
    const short = ESCAPES[char]
    if (short !== undefined) return `\\${short}`
    const point = char.codePointAt(0)!
    const hex = point.toString(16).toUpperCase()
    return point <= 0xff ? `\\x${hex.padStart(2, '0')}` : point <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
  })
  return `"${escaped}"`
}
