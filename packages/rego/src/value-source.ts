/** Values in Rego's own notation, which says more than JSON: sets, and objects with keys of any kind. */
import { constantOf } from './compile/code-terms.ts'
import { parseQuery } from './syntax/parser.ts'
import { errorAt } from './syntax/source.ts'
import type { Value } from './values/value.ts'

/**
 * The value that a text such as `{"a": {1, 2}}` says. Throws RegoError where it is no constant.
 *
 * @example
 * jsonText(parseValue('{"set": {3, 1, 2}}')) // → '{"set":[1,2,3]}'
 */
export function parseValue(text: string): Value {
  const source = { file: 'value', source: text }
  const [expr, more] = parseQuery(source)
  const value = expr?.type === 'term' && more === undefined && !expr.negated ? constantOf(expr.term) : undefined
  if (value === undefined) throw errorAt(source, 'rego_parse_error', 'not a constant value', 0)
  return value
}
