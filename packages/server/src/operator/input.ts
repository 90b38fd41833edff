import { Errors } from 'typebox/value'
import { schemaFaultMessage, type SchemaWords } from '../edge/index.ts'
import { invalidParameter } from '../foundation/index.ts'
import type { OperatorOperation } from './operation.ts'

const BODY: SchemaWords = { whole: 'the body', unknown: 'unknown field' }
const QUERY: SchemaWords = { whole: 'the query', unknown: 'unknown query parameter' }
const DECIMAL = /^\d{1,16}$/

/**
 * The body of a POST, according to its operation's schema.
 * @throws {ServiceError} `invalid_parameter`, naming the field
 */
export function inputOfBody(body: unknown, { input }: OperatorOperation): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalidParameter('the body must be a JSON object')
  // JSON has no undefined, but a caller in this process may pass it.
  return checked(Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)), input, BODY)
}

/**
 * The query of a GET, with whole numbers where the operation's schema has them.
 * @throws {ServiceError} `invalid_parameter`, naming the parameter
 */
export function inputOfQuery(query: URLSearchParams, { input }: OperatorOperation): unknown {
  const fields = new Map<string, string | number>()
  for (const [name, value] of query) {
    if (fields.has(name)) throw invalidParameter(`${name} is given more than once`)
    const isNumber = Object.hasOwn(input.properties, name) && 'type' in input.properties[name]! && input.properties[name].type === 'integer'
    fields.set(name, isNumber && DECIMAL.test(value) ? Number(value) : value)
  }
  return checked(Object.fromEntries(fields), input, QUERY)
}

function checked(value: object, schema: OperatorOperation['input'], words: SchemaWords): unknown {
  // An unknown field causes a second fault, of a schema that nothing satisfies.
  const fault = Errors(schema, value).find(({ keyword }) => keyword !== 'boolean')
  if (fault) throw invalidParameter(schemaFaultMessage(fault, words))
  return value
}
