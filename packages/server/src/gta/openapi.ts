/** The authority's part of the OpenAPI document, derived from the table of operations. */
import type { TSchema } from 'typebox'
import { pathsOf } from './edge.ts'
import type { GtaOperation } from './operation.ts'
import { OPERATIONS } from './operations.ts'

type Json = Record<string, unknown>

/** The ways in which callers identify themselves; an operation accepts any one of them. */
export const SECURITY_SCHEMES: Json = {
  apiKey: { type: 'apiKey', in: 'header', name: 'API-Key', description: 'An API key of the attestation authority.' },
  userId: { type: 'apiKey', in: 'header', name: 'User-Id', description: 'On loopback listeners a User-Id alone is enough.' },
  clientCertificate: { type: 'mutualTLS', description: 'A client certificate that an operator admitted.' },
}

/** Each operation at its usual path; its description names the others. */
export function authorityPaths(): Record<string, Json> {
  const paths: Record<string, Json> = {}
  for (const operation of OPERATIONS) {
    const [path, ...others] = pathsOf(operation)
    // Parameters in a path are written `:name` by the router, and `{name}` by OpenAPI.
    const item = (paths[path!.replaceAll(/:(\w+)/g, '{$1}')] ??= {})
    item[operation.method.toLowerCase()] = describe(operation, others)
  }
  return paths
}

function describe(operation: GtaOperation, others: string[]): Json {
  const { name, summary, notes, permission, body, query, result, versioned } = operation
  const refusal = {
    type: 'object',
    required: ['message'],
    properties: { message: { type: 'string' }, ...(versioned ? { service_version: { type: 'string' } } : {}) },
  }
  const open = permission === 'public' || permission === 'enroll'
  const role = open ? [] : [`For the role ${permission}${permission === 'owner' ? '' : ' or owner'}.`]
  const description = [
    ...(notes === undefined ? [] : [notes]),
    ...role,
    ...(others.length > 0 ? [`Also at ${others.join(', ')}.`] : []),
  ].join(' ')
  return {
    operationId: `authority${name}`,
    summary,
    ...(description === '' ? {} : { description }),
    ...(open ? {} : { security: Object.keys(SECURITY_SCHEMES).map((scheme) => ({ [scheme]: [] })) }),
    ...(query === undefined ? {} : { parameters: queryParameters(query) }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      200: { description: 'The result.', content: { 'application/json': { schema: result } } },
      400: { description: 'Refused; the message names the field.', content: { 'application/json': { schema: refusal } } },
    },
  }
}

function queryParameters(query: TSchema): Json[] {
  const { properties = {}, required = [] } = query as { properties?: Record<string, Json>; required?: string[] }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
}
