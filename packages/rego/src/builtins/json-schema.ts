/** JSON Schema: checking schemas, and documents against them. References reach inside the schema only; nothing is fetched. */
import { spend } from '../run/budget.ts'
import { equal, objectGet, sortedEntries } from '../values/operations.ts'
import { splitPath, stepInto } from '../values/paths.ts'
import { keyText, parseJson } from '../values/text.ts'
import { isArray, isObject } from '../values/value.ts'
import type { RegoObject } from '../values/collections.ts'
import type { PlainObject, Value } from '../values/value.ts'
import { compilePattern } from './regex.ts'
import { errorValue } from './schema-errors.ts'
import type { SchemaError } from './schema-errors.ts'
import { RULES } from './schema-rules.ts'
import { builtin, failure } from './types.ts'
import type { BuiltinSpec } from './types.ts'

const TYPES = ['array', 'boolean', 'integer', 'number', 'null', 'object', 'string']
/** References that lead to references. */
const MAX_DEPTH = 64
/** Keywords whose value is a schema, a list of them, or an object of them. */
const SCHEMAS = ['additionalItems', 'additionalProperties', 'contains', 'else', 'if', 'items', 'not', 'propertyNames', 'then']
const LISTS = ['allOf', 'anyOf', 'items', 'oneOf']
const NAMED = ['definitions', '$defs', 'dependencies', 'patternProperties', 'properties']

type Document = string | RegoObject | PlainObject

export const schemaBuiltins: readonly BuiltinSpec[] = [
  builtin('json.verify_schema', ['object|string'], 'array', (schema: Document) => {
    const problem = problemOf(schema)
    return problem === undefined ? [true, null] : [false, problem]
  }),
  builtin('json.match_schema', ['object|string', 'object|string'], 'array', (document: Document, schema: Document) => {
    const problem = problemOf(schema)
    if (problem !== undefined) throw failure(problem)
    const errors = matchSchema(read(schema), read(document))
    return [errors.length === 0, errors.map(errorValue)]
  }),
]

/** A document, which may come as JSON text. */
function read(document: Document): Value {
  if (typeof document !== 'string') return document
  try {
    return parseJson(document)
  } catch {
    throw failure('invalid JSON string')
  }
}

/** What is wrong with a schema itself. */
function problemOf(schema: Document): string | undefined {
  let parsed: Value
  try {
    parsed = read(schema)
  } catch {
    return 'jsonschema: invalid JSON string'
  }
  const problem = schemaProblem(parsed, 0)
  return problem === undefined ? undefined : `jsonschema: ${problem}`
}

function schemaProblem(schema: Value, depth: number): string | undefined {
  spend(1)
  if (typeof schema === 'boolean') return undefined
  if (!isObject(schema)) return 'schema is not valid: it must be an object or a boolean'
  if (depth > MAX_DEPTH) return 'schema is nested too deeply'
  const type = objectGet(schema, 'type')
  for (const each of type === undefined ? [] : isArray(type) ? type : [type]) {
    if (typeof each !== 'string' || !TYPES.includes(each))
      return `has a primitive type that is NOT VALID -- given: /${keyText(each)}/ Expected valid values are:[${TYPES.join(' ')}]`
  }
  const pattern = objectGet(schema, 'pattern')
  if (pattern !== undefined && (typeof pattern !== 'string' || !isPattern(pattern))) return 'pattern must be a valid regex'
  const reference = objectGet(schema, '$ref')
  if (typeof reference === 'string' && !reference.startsWith('#')) return `remote reference loading disabled: ${reference}`
  for (const inner of innerSchemas(schema)) {
    const problem = schemaProblem(inner, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

function isPattern(pattern: string): boolean {
  try {
    compilePattern(pattern)
    return true
  } catch (error) {
    if ((error as Error).name === 'LimitError') throw error
    return false
  }
}

function* innerSchemas(schema: RegoObject | PlainObject): Generator<Value> {
  for (const name of SCHEMAS) {
    const inner = objectGet(schema, name)
    if (inner !== undefined && !isArray(inner)) yield inner
  }
  for (const name of LISTS) {
    const list = objectGet(schema, name)
    if (list !== undefined && isArray(list)) yield* list
  }
  for (const name of NAMED) {
    const named = objectGet(schema, name)
    if (named === undefined || !isObject(named)) continue
    for (const [, inner] of sortedEntries(named)) if (!isArray(inner)) yield inner
  }
}

/** Checks a document; the errors, none where it fits. */
function matchSchema(root: Value, document: Value): SchemaError[] {
  let depth = 0
  const check = (schema: Value, value: Value, path: readonly string[]): SchemaError[] => {
    spend(1)
    if (schema === true) return []
    if (schema === false) return [{ path, type: 'false', description: 'False always fails validation' }]
    if (!isObject(schema)) return []
    if (++depth > MAX_DEPTH * 4) throw failure('schema or document is nested too deeply')
    const reference = objectGet(schema, '$ref')
    const errors =
      typeof reference === 'string'
        ? check(target(root, reference), value, path)
        : sortedEntries(schema).flatMap(([name, argument]) =>
            typeof name === 'string' ? (RULES.get(name)?.(argument, { value, path, check }, schema) ?? []) : [],
          )
    depth--
    return errors
  }
  return check(root, document, [])
}

/** What a reference such as `#/definitions/a` or `#name` points at. */
function target(root: Value, reference: string): Value {
  const fragment = decodeURIComponent(reference.slice(1))
  if (fragment === '') return root
  if (!fragment.startsWith('/')) return withId(root, reference)
  let value: Value | undefined = root
  for (const segment of splitPath(fragment)) value = value === undefined ? undefined : stepInto(value, segment)
  if (value === undefined) throw failure(`reference ${reference} does not exist`)
  return value
}

function withId(root: Value, reference: string): Value {
  const waiting = [root]
  for (let schema = waiting.pop(); schema !== undefined; schema = waiting.pop()) {
    spend(1)
    if (!isObject(schema)) continue
    if (['$id', 'id'].some((name) => equal(objectGet(schema, name) ?? null, reference))) return schema
    waiting.push(...innerSchemas(schema))
  }
  throw failure(`reference ${reference} does not exist`)
}
