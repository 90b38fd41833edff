// The operations on policies over HTTP (contract §10).
import assert from 'node:assert/strict'
import { ask, type AskOptions } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { startTestServer } from '@vouchsafe/testkit/server'
import { base64, constantPolicy, DOCUMENT_POLICIES, ENDLESS_POLICY } from '../support/policies.ts'

const USER = { user: 'test_01' }
const TEXT = base64(constantPolicy())

eachDatabase("the document's samples of policies, from adding to deleting", async (store) => {
  await using server = await startTestServer(store.location)
  await giveSigningKeys(server.server.context.signingKeys)
  const call = (method: string, path: string, body?: unknown, options: AskOptions = USER) =>
    ask(server.url, method, path, body === undefined ? options : { ...options, body })
  const sample = {
    name: 'test_policy{{$number.int}}',
    description: 'This is Test',
    attester_type: ['tpm_ima'],
    content: DOCUMENT_POLICIES.added,
    content_type: 'text',
    is_default: true,
  }
  const added = await call('POST', 'policy', sample)
  assert.equal(added.status, 200)
  const { id } = added.body.policy as { id: string }
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.deepEqual(added.body, { policy: { id, name: sample.name, version: 1 } })

  const again = await call('POST', '/global-trust-authority/service/v1/policy', sample)
  assert.equal(again.status, 409)
  assert.match(again.body.message, /Policy is existing/)

  const refused = await call('PUT', 'policy', {
    id,
    name: 'Test',
    description: '123',
    content: DOCUMENT_POLICIES.updated,
    content_type: 'text',
  })
  assert.equal(refused.status, 400)
  assert.match(refused.body.message, /undefined function find_missing_digests/)

  const changed = await call('PUT', 'policy', { id, name: 'Test', description: '123', attester_type: 'tpm_ima', is_default: false })
  assert.deepEqual(changed.body, { policy: { id, name: 'Test', version: 2 } })

  const byId = await call('GET', `policy?ids=${id},unknown`)
  const [policy] = byId.body.policies as Record<string, unknown>[]
  assert.ok(Math.abs((policy!.update_time as number) - Date.now() / 1000) < 600)
  assert.deepEqual(byId.body.policies, [
    {
      id,
      name: 'Test',
      description: '123',
      content: Buffer.from(DOCUMENT_POLICIES.added, 'base64').toString(),
      attester_type: ['tpm_ima'],
      is_default: false,
      version: 2,
      update_time: policy!.update_time,
      valid_code: 0,
      signature: 'none',
    },
  ])
  const all = await call('GET', '/global-trust-authority/service/v1/policy?attester_type=tpm_ima')
  assert.deepEqual(all.body.policies, [{ id, name: 'Test', attester_type: ['tpm_ima'], version: 2, update_time: policy!.update_time }])
  assert.deepEqual((await call('GET', 'policy?attester_type=tpm_boot')).body, { policies: [] })

  // Nobody else sees, changes or removes it.
  const other = { user: 'test_02' }
  assert.deepEqual((await call('GET', `policy?ids=${id}`, undefined, other)).body, { policies: [] })
  assert.equal((await call('PUT', 'policy', { id, name: 'x' }, other)).status, 400)
  assert.equal((await call('DELETE', 'policy', { delete_type: 'id', ids: [id] }, other)).status, 200)
  assert.equal((await call('POST', 'policy', { ...sample, id }, other)).status, 200)
  assert.equal(((await call('GET', 'policy')).body.policies as unknown[]).length, 1)

  const removed = await call('DELETE', 'policy', { delete_type: 'attester_type', attester_type: 'tpm_ima' })
  assert.deepEqual([removed.status, removed.body], [200, {}])
  assert.deepEqual((await call('GET', 'policy')).body, { policies: [] })

  const faults: [string, string, unknown, RegExp][] = [
    ['POST', 'policy', { ...sample, name: '' }, /name must NOT have fewer than 1 characters/],
    ['POST', 'policy', { ...sample, name: 'n'.repeat(256) }, /name must NOT have more than 255/],
    ['POST', 'policy', { ...sample, name: 5 }, /name must be a string/],
    ['POST', 'policy', { ...sample, name: '<script>' }, /name has characters that are not allowed/],
    ['POST', 'policy', { ...sample, id: 'i'.repeat(37) }, /id must NOT have more than 36/],
    ['POST', 'policy', { ...sample, description: 'd'.repeat(513) }, /description must NOT have more than 512/],
    ['POST', 'policy', { ...sample, attester_type: [] }, /attester_type/],
    ['POST', 'policy', { ...sample, attester_type: 'sgx' }, /Plugin not found for attester type: sgx/],
    ['POST', 'policy', { ...sample, content_type: 'yaml' }, /content_type/],
    ['POST', 'policy', { ...sample, content: undefined }, /content is required/],
    ['POST', 'policy', { ...sample, content: base64(ENDLESS_POLICY) }, /exceeded its limit/],
    ['PUT', 'policy', { name: 'x' }, /id is required/],
    ['PUT', 'policy', { id }, /there is no field need to be updated/],
    ['PUT', 'policy', { id, content: TEXT }, /content_type is required/],
    ['DELETE', 'policy', {}, /delete_type is required/],
    ['DELETE', 'policy', { delete_type: 'ids', ids: [id] }, /delete_type/],
    ['DELETE', 'policy', { delete_type: 'id' }, /ids is required/],
    ['DELETE', 'policy', { delete_type: 'id', ids: Array.from({ length: 11 }, (_, i) => `${i}`) }, /ids must NOT have more than 10 items/],
    ['DELETE', 'policy', { delete_type: 'attester_type' }, /attester_type is required/],
    ['GET', 'policy?id=x', undefined, /Unsupported query parameter 'id'/],
  ]
  for (const [method, path, body, message] of faults) {
    const answer = await call(method, path, body)
    assert.equal(answer.status, 400, `${method} ${path} ${JSON.stringify(body)}`)
    assert.match(answer.body.message, message)
  }
})

eachDatabase('of more than ten policies the first ten are shown, and roles bound who may do what', async (store) => {
  await using server = await startTestServer(store.location)
  await giveSigningKeys(server.server.context.signingKeys)
  const ids = Array.from({ length: 12 }, (_, i) => `policy-${i}`)
  const policy = { attester_type: ['tpm_boot', 'tpm_ima'], content: TEXT, content_type: 'text' }
  for (const id of ids) {
    assert.equal((await ask(server.url, 'POST', 'policy', { ...USER, body: { ...policy, id, name: id } })).status, 200)
  }
  const shown = await ask(server.url, 'GET', `policy?ids=${ids.join(',')}`, USER)
  assert.equal((shown.body.policies as unknown[]).length, 10)
  assert.match(shown.body.message, /only the first 10 of 12/)

  const statuses = { attester: [403, 403, 403, 403], auditor: [200, 403, 403, 403], owner: [200, 200, 200, 200] } as const
  for (const [role, expected] of Object.entries(statuses)) {
    const apiKey = await makeApiKey(server, 'test_01', role as keyof typeof statuses)
    const calls: [string, unknown?][] = [
      ['GET'],
      ['POST', { ...policy, name: role }],
      ['PUT', { id: 'policy-0', description: role }],
      ['DELETE', { delete_type: 'id', ids: ['policy-1'] }],
    ]
    const answers = []
    for (const [method, body] of calls) answers.push((await ask(server.url, method, 'policy', { apiKey, body })).status)
    assert.deepEqual(answers, expected, role)
  }
})
