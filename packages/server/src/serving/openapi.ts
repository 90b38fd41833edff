import { OPERATIONS, payloadSchema, type JsonSchema, type EhsmOperation } from '../ehsm/index.ts'
import { SECURITY_SCHEMES, authorityPaths } from '../gta/index.ts'

/** The OpenAPI 3.1 document, derived from the table of operations. */
export function openApiDocument(version: string): JsonSchema {
  const schemas: Record<string, JsonSchema> = { Error: ERROR_SCHEMA }
  for (const operation of OPERATIONS) {
    if (operation.method === 'POST') schemas[`${operation.name}Request`] = requestSchema(operation)
    schemas[`${operation.name}Response`] = responseSchema(operation)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Vouchsafe',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'Key management over signed requests: one endpoint, `/ehsm`; the query parameter `Action` names the operation; the HTTP status is ' +
        'always 200, and `code` in the body tells success (200) from errors (400, 404, 500). The attestation authority has a path for each ' +
        'operation, and tells errors by the HTTP status.',
    },
    paths: {
      '/ehsm': { get: endpoint('GET'), post: endpoint('POST') },
      '/healthz': { get: { operationId: 'healthz', summary: 'Alive.', responses: { 200: { description: 'The process answers.' } } } },
      '/readyz': {
        get: {
          operationId: 'readyz',
          summary: 'Ready: a change would succeed.',
          responses: {
            200: { description: 'Ready.' },
            503: {
              description:
                'Not ready. `reasons` names why: `store`, `store_write`, `disk`, `trail`, `trail_altered`, `domain_keys`. On loopback listeners ' +
                'and `admin-listen`, `detail` says what was found wrong with the store and its trail.',
            },
          },
        },
      },
      '/v1/trail/checkpoint': {
        get: {
          operationId: 'readCheckpoint',
          summary: "The trail's newest signed checkpoint, for anyone.",
          responses: {
            200: { description: 'A C2SP signed note.', content: { 'text/plain': { schema: { type: 'string' } } } },
            404: { description: 'There is none yet.' },
          },
        },
      },
      ...authorityPaths(),
    },
    components: { schemas, securitySchemes: SECURITY_SCHEMES },
  }
}

const ERROR_SCHEMA: JsonSchema = {
  type: 'object',
  required: ['code', 'message', 'result'],
  properties: { code: { enum: [400, 404, 500] }, message: { type: 'string' }, result: { type: 'object' } },
}

function endpoint(method: 'GET' | 'POST'): JsonSchema {
  const operations = OPERATIONS.filter((operation) => operation.method === method)
  const actions = operations.flatMap(({ name, aliases = [] }) => [name, ...aliases])
  const anyOf = (suffix: string) => operations.map(({ name }) => ({ $ref: `#/components/schemas/${name}${suffix}` }))
  return {
    operationId: method === 'GET' ? 'callPublic' : 'callSigned',
    summary: operations.map(({ name }) => name).join(', '),
    description: operations.map(describe).join('\n'),
    parameters: [{ name: 'Action', in: 'query', required: true, schema: { type: 'string', enum: actions } }],
    ...(method === 'POST'
      ? { requestBody: { required: true, content: { 'application/json': { schema: { anyOf: anyOf('Request') } } } } }
      : {}),
    responses: {
      200: {
        description: "The operation's result, or an error.",
        content: { 'application/json': { schema: { anyOf: [...anyOf('Response'), { $ref: '#/components/schemas/Error' }] } } },
      },
    },
  }
}

function describe({ name, aliases = [], summary, notes }: EhsmOperation): string {
  const others = aliases.length > 0 ? ` (also ${aliases.join(', ')})` : ''
  return `- **${name}**${others}: ${summary}${notes === undefined ? '' : ` ${notes}`}`
}

function requestSchema(operation: EhsmOperation): JsonSchema {
  const needsFields = Object.values(operation.fields).some(({ required }) => required)
  return {
    type: 'object',
    title: `${operation.name} request`,
    description: operation.summary,
    required: ['appid', 'timestamp', 'sign', ...(needsFields ? ['payload'] : [])],
    properties: {
      appid: { type: 'string' },
      timestamp: { type: 'string', pattern: '^[0-9]{13}$', description: 'Milliseconds since 1970.' },
      nonce: { type: 'string', maxLength: 64 },
      sign: {
        type: 'string',
        description: 'base64(HMAC-SHA256(apikey, appid=…[&nonce=…][&payload=k1=v1&k2=v2…]&timestamp=…)), keys ascending.',
      },
      payload: payloadSchema(operation.fields),
    },
  }
}

function responseSchema(operation: EhsmOperation): JsonSchema {
  return {
    type: 'object',
    title: `${operation.name} response`,
    required: ['code', 'message', 'result'],
    properties: { code: { const: 200 }, message: { type: 'string' }, result: operation.result },
  }
}
