// The table of operators' operations, exhaustively: what each refuses before it does anything, and what the trail has of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestServer } from '@vouchsafe/testkit/server'
import type { TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { ANYBODY, OPERATOR, OPERATOR_RIGHTS, appPrincipal, userPrincipal } from '../../src/access/index.ts'
import { handleOperatorRequest } from '../../src/operator/edge.ts'
import type { OperatorOperation, OperatorServices } from '../../src/operator/operation.ts'
import { OPERATIONS } from '../../src/operator/operations.ts'
import { queryCallLog } from '../../src/trail/index.ts'
import { collectedLog } from '../support/collected-log.ts'
import { pinnedRuntime } from '../support/runtime.ts'

type Json = Record<string, unknown>

const unauthorised = [ANYBODY, appPrincipal('app'), userPrincipal('user', 'owner')]

/** Services of which no operation may touch any. */
const untouchable: OperatorServices = new Proxy({ runtime: pinnedRuntime(), log: collectedLog().log, trail: undefined } as never, {
  get(target, name) {
    if (name in target) return target[name]
    throw new Error(`${String(name)} was asked for`)
  },
})

/** A value that a schema of an input accepts. */
function sample(schema: TSchema): unknown {
  const { type, enum: choices, minLength = 0, minimum } = schema as Json
  if (choices) return (choices as unknown[])[0]
  if (type === 'boolean') return true
  return type === 'integer' ? minimum : 'a'.repeat(Math.max(1, minLength as number))
}

/** An input with every field. */
function full({ input }: OperatorOperation): Json {
  return Object.fromEntries(Object.entries(input.properties).map(([name, schema]) => [name, sample(schema as TSchema)]))
}

async function operate({ method, path }: OperatorOperation, input: Json, services = untouchable, peer = OPERATOR) {
  const query = new URLSearchParams(Object.entries(input).map(([name, value]) => [name, String(value)]))
  const request = { method, path: method === 'GET' ? `${path}?${query}` : path, body: method === 'GET' ? {} : input }
  const { status, body } = await handleOperatorRequest(request, services, undefined, peer)
  return { status, body: body as Json, error: String((body as Json).error) }
}

test('names and routes are unique, rights are of the server, and every text and number in an input has bounds', () => {
  assert.equal(new Set(OPERATIONS.map(({ name }) => name)).size, OPERATIONS.length)
  assert.equal(new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`)).size, OPERATIONS.length)
  for (const { name, method, right, input, object } of OPERATIONS) {
    assert.equal(right, method === 'GET' ? 'server:read' : 'server:manage', name)
    assert.ok(object === undefined || object in input.properties, name)
    assert.equal((input as { additionalProperties?: boolean }).additionalProperties, false, name)
    for (const [field, schema] of Object.entries(input.properties as Record<string, Json>)) {
      const what = `${name}: ${field}`
      if (schema.enum || schema.type === 'boolean') continue
      if (schema.type === 'integer') assert.ok(schema.minimum !== undefined && schema.maximum !== undefined, what)
      else assert.ok(schema.type === 'string' && schema.maxLength !== undefined && schema.pattern !== undefined, what)
    }
  }
})

for (const operation of OPERATIONS) {
  const { name, method, input } = operation
  const properties = input.properties as Record<string, TSchema & Json>
  const required = (input as { required?: string[] }).required ?? []

  test(`${name} is for operators`, async () => {
    for (const peer of unauthorised) {
      const { status, error } = await operate(operation, full(operation), untouchable, peer)
      assert.deepEqual([status, error], [403, 'This credential does not allow the operation.'])
    }
    // Nor does a caller without the right learn how an input must be.
    assert.equal((await operate(operation, { nonsense: 1 }, untouchable, ANYBODY)).status, 403)
    const lesser = { ...OPERATOR, rights: OPERATOR_RIGHTS.difference(new Set([operation.right])) }
    assert.equal((await operate(operation, full(operation), untouchable, lesser)).status, 403)
  })

  test(`${name} refuses unknown fields, and by name what is missing, of another type or out of bounds`, async () => {
    const refused = async (change: Json, message: string) => {
      const { status, error } = await operate(operation, { ...full(operation), ...change })
      assert.deepEqual([status, error.slice(0, message.length)], [400, message], JSON.stringify(change).slice(0, 80))
    }
    for (const unknown of ['nonsense', 'constructor', 'toString'])
      await refused({ [unknown]: 'x' }, `unknown ${method === 'GET' ? 'query parameter' : 'field'} '${unknown}'`)
    for (const field of required) {
      const { [field]: _, ...rest } = full(operation)
      const { status, error } = await operate(operation, rest)
      assert.deepEqual([status, error], [400, `${field} is required`])
    }
    for (const [field, { type, enum: choices, maxLength, minimum, maximum }] of Object.entries(properties)) {
      if (method === 'POST') for (const value of [null, [], {}]) await refused({ [field]: value }, `${field} must be `)
      if (choices) await refused({ [field]: 'nonsense' }, `${field} must be one of ${(choices as string[]).join(', ')}`)
      else if (type === 'string') {
        await refused({ [field]: 'x'.repeat((maxLength as number) + 1) }, `${field} must not have more than ${maxLength as number}`)
        await refused({ [field]: 'a\0b' }, `${field} has characters that are not allowed`)
      } else if (type === 'integer') {
        await refused({ [field]: (minimum as number) - 1 }, `${field} must be`)
        await refused({ [field]: maximum === Number.MAX_SAFE_INTEGER ? 2 ** 53 : (maximum as number) + 1 }, `${field} must be`)
        await refused({ [field]: 1.5 }, `${field} must be an integer`)
        await refused({ [field]: 'soon' }, `${field} must be an integer`)
      } else await refused({ [field]: 'yes' }, `${field} must be a boolean`)
    }
  })
}

test('a parameter that is given twice is refused', async () => {
  const request = { method: 'GET', path: '/v1/audit?limit=1&limit=2', body: {} }
  assert.deepEqual(await handleOperatorRequest(request, untouchable), { status: 400, body: { error: 'limit is given more than once' } })
})

test('reads, changes and refusals leave one line each in the trail, and nothing of what was sent', async () => {
  await using server = await startTestServer()
  const services: OperatorServices = server.server.context
  const byName = new Map(OPERATIONS.map((each) => [each.name, each]))
  const call = (name: string, input: Json = {}, peer = OPERATOR) => operate(byName.get(name)!, input, services, peer)
  for (const { name, method, input, result } of OPERATIONS) {
    if (method !== 'GET' || 'required' in input) continue
    const { status, body } = await call(name)
    assert.equal(status, 200, name)
    assert.ok(Check(result, body), name)
  }
  const { body: token } = await call('CreateEnrollToken', { label: 'a label that is content' })
  await call('RevokeEnrollToken', { id: token.id })
  await call('RevokeEnrollToken', { id: token.id })
  await call('Backup', { passphrase: 'hunter2 too' })
  await call('DescribeApp', { appid: 'NOT-AN-ID' })
  await call('ListApps', {}, appPrincipal('some-app'))
  await handleOperatorRequest({ method: 'GET', path: '/v1/nothing', body: {} }, services)
  await handleOperatorRequest({ method: 'POST', path: '/v1/backup', body: Promise.reject(new Error('broken')) }, services)
  await services.trail!.flush()

  const lines = await queryCallLog(server.dataDir, {}, 1_000)
  const reads = ['ListApps', 'ListEnrollTokens', 'ListDeletedKeys', 'ListCredentials', 'ListSigningKeys', 'ListQuotePolicies']
  assert.deepEqual(
    lines.map(({ actor, action, object, result }) => [actor, action, object, result]),
    [
      ...[...reads, 'GetSimulatedPki', 'DescribeSeal', 'QueryAudit', 'ReadCheckpoint'].map((name) => ['operator', name, '', 'ok']),
      ['operator', 'CreateEnrollToken', '', 'ok'],
      ['operator', 'RevokeEnrollToken', token.id, 'ok'],
      ['operator', 'RevokeEnrollToken', token.id, 'invalid'],
      ['operator', 'Backup', '', 'seal'],
      ['operator', 'DescribeApp', '', 'invalid'],
      ['some-app', 'ListApps', '', 'denied'],
      ['operator', 'unknown', '', 'operation_not_found'],
      ['operator', 'Backup', '', 'internal'],
    ],
  )
  assert.equal(new Set(lines.map(({ requestId }) => requestId)).size, lines.length)
  const written = JSON.stringify(lines)
  for (const content of ['a label', 'hunter2', 'NOT-AN-ID', String(token.token)]) assert.ok(!written.includes(content), content)
})

test('what cannot be recorded is not done', async () => {
  const notes = { hasRoom: false, room: () => Promise.reject(new Error('the disk is full')), note() {} }
  const trail = { notes } as unknown as OperatorServices['trail']
  const services = new Proxy(untouchable, { get: (target, name) => (name === 'trail' ? trail : target[name as 'log']) })
  for (const operation of OPERATIONS) assert.equal((await operate(operation, full(operation), services)).status, 500)
})
