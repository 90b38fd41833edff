/** What a JSON Schema finds wrong with a document, in the words that OPA's users know. */
import { makeObject } from '../values/operations.ts'
import type { Value } from '../values/value.ts'

export interface SchemaError {
  /** Names and indexes from the document's root. */
  path: readonly string[]
  type: string
  description: string
}

/** The place as text: `(root)` or `a.b.0`. */
function fieldOf(path: readonly string[]): string {
  return path.length === 0 ? '(root)' : path.join('.')
}

export function errorValue({ path, type, description }: SchemaError): Value {
  const field = fieldOf(path)
  return makeObject([
    ['error', `${field}: ${description}`],
    ['type', type],
    ['field', field],
    ['desc', description],
  ])
}
