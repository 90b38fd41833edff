/** Values for people: the beginning of long ones. */
import { numberText } from './numbers.ts'
import { sortedEntries, sortedMembers } from './operations.ts'
import type { RegoObject } from './collections.ts'
import { isArray, isNumber, isSet } from './value.ts'
import type { PlainObject, Value } from './value.ts'

const MAX_ITEMS = 4
const MAX_CHARACTERS = 60
const MAX_DEPTH = 3

/** The value in Rego's notation, with `…` for what is left out. */
export function shortText(value: Value, depth = 0): string {
  if (typeof value === 'string') return JSON.stringify(value.length > MAX_CHARACTERS ? `${value.slice(0, MAX_CHARACTERS)}…` : value)
  if (isNumber(value)) return numberText(value).slice(0, MAX_CHARACTERS)
  if (typeof value !== 'object' || value === null) return String(value)
  if (isSet(value) && value.size === 0) return 'set()'
  const [open, close] = isArray(value) ? '[]' : '{}'
  if (depth >= MAX_DEPTH) return `${open}…${close}`
  const items = isArray(value) ? value : isSet(value) ? sortedMembers(value) : sortedEntries(value as RegoObject | PlainObject)
  const isObject = !isArray(value) && !isSet(value)
  const shown = items.slice(0, MAX_ITEMS).map((item) => {
    if (!isObject) return shortText(item as Value, depth + 1)
    const [key, inner] = item as readonly [Value, Value]
    return `${shortText(key, depth + 1)}: ${shortText(inner, depth + 1)}`
  })
  return `${open}${[...shown, ...(items.length > MAX_ITEMS ? ['…'] : [])].join(', ')}${close}`
}
