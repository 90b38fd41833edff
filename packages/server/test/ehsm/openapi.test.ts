/** The OpenAPI document: well-formed, complete, and true of what the server takes and answers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { call, enroll, type Credentials, type Envelope } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { OPERATIONS } from '../../src/ehsm/operations.ts'
import { callEveryAction } from '../support/every-action.ts'

type Json = null | boolean | number | string | Json[] | JsonObject
interface JsonObject {
  [name: string]: Json
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

let server: TestServer
let app: Credentials
let document: JsonObject

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
  const response = await fetch(`${server.url}/openapi.json`)
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  document = (await response.json()) as JsonObject
})
after(() => server[Symbol.asyncDispose]())

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path of names, which must be there. */
function at(value: Json | undefined, ...names: string[]): Json {
  for (const name of names) value = isObject(value) || Array.isArray(value) ? (value as JsonObject)[name] : undefined
  assert.notEqual(value, undefined, `nothing at ${names.join('/')}`)
  return value!
}

/** Every object in a value. */
function* objectsIn(value: Json): Generator<JsonObject> {
  if (Array.isArray(value)) for (const item of value) yield* objectsIn(item)
  if (!isObject(value)) return
  yield value
  for (const item of Object.values(value)) yield* objectsIn(item)
}

function schema(name: string): JsonObject {
  return at(document, 'components', 'schemas', name) as JsonObject
}

/** What of `value` breaks a schema, by the keywords that the document uses; any other keyword is an error. */
function violations(schema: Json, value: Json, path = ''): string[] {
  assert.ok(isObject(schema), `no schema at ${path}`)
  const found: string[] = []
  const claim = (holds: boolean, keyword: string) => void (holds || found.push(`${path}: ${keyword}`))
  for (const [keyword, rule] of Object.entries(schema)) {
    if (['title', 'description', 'contentEncoding'].includes(keyword)) continue
    if (keyword === 'type')
      claim(
        (Array.isArray(rule) ? rule : [rule]).some((type) => isOfType(value, type)),
        keyword,
      )
    else if (keyword === 'enum') claim((rule as Json[]).includes(value), keyword)
    else if (keyword === 'const') claim(value === rule, keyword)
    else if (keyword === 'pattern') claim(new RegExp(rule as string, 'u').test(value as string), keyword)
    else if (keyword === 'minLength') claim((value as string).length >= (rule as number), keyword)
    else if (keyword === 'maxLength') claim((value as string).length <= (rule as number), keyword)
    else if (keyword === 'minimum') claim((value as number) >= (rule as number), keyword)
    else if (keyword === 'maximum') claim((value as number) <= (rule as number), keyword)
    else if (keyword === 'required')
      for (const name of rule as string[]) claim(isObject(value) && Object.hasOwn(value, name), `${keyword} ${name}`)
    else if (keyword === 'items') (value as Json[]).forEach((item, i) => found.push(...violations(rule, item, `${path}/${i}`)))
    else if (keyword === 'properties') {
      for (const [name, inner] of Object.entries(rule as JsonObject)) {
        if (isObject(value) && Object.hasOwn(value, name)) found.push(...violations(inner, value[name]!, `${path}/${name}`))
      }
    } else assert.fail(`the keyword ${keyword} at ${path} is not known`)
  }
  return found
}

function isOfType(value: Json, type: Json): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  return type === 'object' ? isObject(value) : typeof value === type
}

test('the document is OpenAPI 3.1.0 with the members that it must have', () => {
  assert.equal(document.openapi, '3.1.0')
  for (const name of ['title', 'version']) assert.equal(typeof at(document, 'info', name), 'string')
  const ids: Json[] = []
  for (const [path, item] of Object.entries(document.paths as JsonObject)) {
    assert.match(path, /^\//)
    for (const [method, operation] of Object.entries(item as JsonObject)) {
      assert.ok(METHODS.includes(method), method)
      ids.push(at(operation, 'operationId'))
      const responses = Object.entries(at(operation, 'responses') as JsonObject)
      assert.ok(responses.length > 0)
      for (const [status, response] of responses) {
        assert.match(status, /^[1-5]\d\d$/)
        assert.equal(typeof at(response, 'description'), 'string')
      }
      for (const parameter of ((operation as JsonObject).parameters ?? []) as JsonObject[]) {
        assert.deepEqual(
          [typeof parameter.name, parameter.in, parameter.required, isObject(parameter.schema)],
          ['string', 'query', parameter.required === true, true],
        )
      }
    }
  }
  assert.equal(new Set(ids).size, ids.length)
})

test('every reference resolves, and every schema is referred to', () => {
  const references = [...objectsIn(document)].map((object) => object.$ref).filter((ref) => ref !== undefined) as string[]
  for (const reference of references) {
    assert.match(reference, /^#\//)
    assert.ok(isObject(at(document, ...reference.slice(2).split('/'))))
  }
  const names = Object.keys(at(document, 'components', 'schemas') as JsonObject)
  assert.deepEqual(new Set(references), new Set(names.map((name) => `#/components/schemas/${name}`)))
})

test('every action is offered under all its names, with what it takes and gives', () => {
  for (const method of ['GET', 'POST'] as const) {
    const operations = OPERATIONS.filter((operation) => operation.method === method)
    const endpoint = at(document, 'paths', '/ehsm', method.toLowerCase())
    const names = operations.flatMap(({ name, aliases = [] }) => [name, ...aliases])
    assert.deepEqual(at(endpoint, 'parameters', '0', 'schema', 'enum'), names)
    for (const { name, summary } of operations) {
      assert.ok((at(endpoint, 'description') as string).includes(`**${name}**`))
      assert.ok((at(endpoint, 'description') as string).includes(summary))
      assert.ok(isObject(schema(`${name}Response`)))
    }
  }
  assert.ok((at(document, 'paths', '/ehsm', 'post', 'parameters', '0', 'schema', 'enum') as string[]).includes('DeleteAllKey'))
})

test('every field and every alias of it is described; a field without alias that must be sent is required', () => {
  for (const { name, method, fields } of OPERATIONS) {
    if (method === 'GET') continue
    const request = schema(`${name}Request`)
    for (const parameter of ['appid', 'timestamp', 'sign', 'nonce', 'payload']) assert.ok(isObject(at(request, 'properties', parameter)))
    const payload = at(request, 'properties', 'payload') as JsonObject
    const entries = Object.entries(fields)
    const names = entries.flatMap(([field, { aliases }]) => [field, ...aliases])
    assert.deepEqual(Object.keys(payload.properties as JsonObject), names)
    const required = entries.filter(([, field]) => field.required && field.aliases.length === 0).map(([field]) => field)
    assert.deepEqual(payload.required ?? [], required)
    for (const property of Object.values(payload.properties as JsonObject)) {
      for (const type of [at(property, 'type')].flat()) assert.ok(['string', 'integer', 'boolean'].includes(type as string))
      assert.ok(!isObject(property) || property.enum === undefined || (property.enum as Json[]).length > 0)
    }
  }
})

test('what the server answers is what the document promises', async () => {
  const results = new Map<string, Envelope>()
  const ask = async (action: string, payload?: object) => {
    const answer = await call(server.url, app, action, payload)
    results.set(action, answer)
    assert.deepEqual(violations(schema(`${action}Response`), answer as unknown as Json), [], action)
    return answer.result
  }
  for (const action of ['GetVersion', 'Enroll']) {
    results.set(action, (await (await fetch(`${server.url}/ehsm?Action=${action}`)).json()) as Envelope)
  }
  await callEveryAction(ask, () => server.server.context.secrets.rotation.run())
  assert.deepEqual(
    Object.keys(results.get('DescribeSecret')!.result),
    Object.keys(at(schema('DescribeSecretResponse'), 'properties', 'result', 'properties') as JsonObject),
  )
  for (const { name } of OPERATIONS) {
    const answer = results.get(name)
    assert.ok(answer, `${name} was not asked`)
    assert.equal(answer.code, 200, `${name}: ${answer.message}`)
    assert.deepEqual(violations(schema(`${name}Response`), answer as unknown as Json), [], name)
  }
  const refused = await call(server.url, app, 'Encrypt', {})
  assert.deepEqual(violations(schema('Error'), refused as unknown as Json), [])
})
