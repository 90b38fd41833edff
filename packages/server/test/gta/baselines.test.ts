// The operations on baselines over HTTP (contract §3).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { startTestServer } from '@vouchsafe/testkit/server'
import { baselineOf, newSigner, signedJwt } from '@vouchsafe/testkit/signers'

const signer = newSigner('rsa')
const jwt = signedJwt(signer, { referenceValues: [{ fileName: 'syyx-1.PAT', sha256: '123456' }] }, { alg: 'RS384' })
const USER = { user: 'test_01' }
const certificate = { name: 'signer', type: ['refvalue'], content: signer.certificate }
const SAMPLE = { name: 'test', description: 'test', attester_type: 'tpm_ima', is_default: true, content: jwt }

eachDatabase("the document's samples of baselines, from adding to deleting, under every path", async (store) => {
  await using server = await startTestServer(store.location)
  await giveSigningKeys(server.server.context.signingKeys)
  const call = (method: string, path: string, body?: unknown, user = 'test_01') => ask(server.url, method, path, { user, body })
  const unsigned = await call('POST', 'ref_value', SAMPLE)
  assert.equal(unsigned.status, 400)
  assert.match(
    unsigned.body.message,
    /Failed to verify reference value signature: no certificate of that type verifies it \(none is stored\)/,
  )
  assert.equal((await call('POST', 'cert', certificate)).status, 200)

  const added = await call('POST', 'ref_value', SAMPLE)
  const { id } = added.body.refvalue as { id: string }
  assert.ok(id.length >= 1 && id.length <= 32)
  assert.deepEqual([added.status, added.body], [200, { refvalue: { id, version: '1', name: 'test' } }])
  const again = await call('POST', 'refvalue', SAMPLE)
  assert.deepEqual([again.status, again.body], [409, { message: 'User has reached the maximum number of reference values or name exists' }])

  const changed = await call('PUT', 'ref_value', { ...SAMPLE, id, description: 'test_description', attester_type: undefined })
  assert.deepEqual([changed.status, changed.body], [200, { refvalue: { id, version: '2', name: 'test' } }])

  for (const path of [`refvalue?ids=${id}`, `/global-trust-authority/service/v1/ref_value?attester_type=tpm_ima&ids=${id},unknown`]) {
    const { body } = await call('GET', path)
    const [baseline] = body.refvalue as Record<string, unknown>[]
    assert.ok(Math.abs((baseline!.update_time as number) - Date.now() / 1000) < 600)
    assert.deepEqual(body.refvalue, [
      {
        id,
        uid: 'test_01',
        name: 'test',
        description: 'test_description',
        attester_type: 'tpm_ima',
        content: jwt,
        is_default: true,
        version: 2,
        create_time: baseline!.create_time,
        update_time: baseline!.update_time,
        valid_code: 0,
        reference_values: 1,
      },
    ])
    assert.deepEqual(body.ref_values, body.refvalue)
  }
  const list = [{ id, name: 'test', attester_type: 'tpm_ima' }]
  assert.deepEqual((await call('GET', 'ref_value?unknown=1')).body, { refvalue: list, ref_values: list })

  // Nobody else sees, changes or removes it.
  assert.deepEqual((await call('GET', `refvalue?ids=${id}`, undefined, 'test_02')).body.refvalue, [])
  assert.equal((await call('PUT', 'ref_value', { id, name: 'x' }, 'test_02')).status, 400)
  assert.equal((await call('DELETE', 'ref_value', { delete_type: 'id', ids: [id] }, 'test_02')).status, 200)
  assert.equal(((await call('GET', 'ref_value')).body.refvalue as unknown[]).length, 1)

  const faults: [string, string, unknown, RegExp][] = [
    ['POST', 'ref_value', { ...SAMPLE, name: '' }, /name must NOT have fewer than 1/],
    ['POST', 'ref_value', { ...SAMPLE, name: 'n'.repeat(256) }, /name must NOT have more than 255/],
    ['POST', 'ref_value', { ...SAMPLE, description: 'd'.repeat(513) }, /description must NOT have more than 512/],
    ['POST', 'ref_value', { ...SAMPLE, attester_type: ['tpm_ima'] }, /attester_type must be a string/],
    ['POST', 'ref_value', { ...SAMPLE, attester_type: 'tpm_boot' }, /attester_type must be one of tpm_ima/],
    ['POST', 'ref_value', { ...SAMPLE, content: 'no jwt' }, /content must be a signed JWT/],
    ['POST', 'ref_value', { ...SAMPLE, content: undefined }, /content is required/],
    ['PUT', 'ref_value', { name: 'x' }, /id is required/],
    ['PUT', 'ref_value', { id }, /there is no field need to be updated/],
    ['PUT', 'ref_value', { id: 'i'.repeat(33), name: 'x' }, /id must NOT have more than 32/],
    ['GET', `ref_value?ids=${Array.from({ length: 11 }, (_, i) => `${i}`).join(',')}`, undefined, /ids should be between 0 and 10/],
    ['DELETE', 'ref_value', { delete_type: 'ids', ids: [id] }, /delete_type/],
    ['DELETE', 'ref_value', { delete_type: 'type' }, /attester_type is required/],
    ['DELETE', 'ref_value', { delete_type: 'id', ids: [] }, /ids must NOT have fewer than 1/],
  ]
  for (const [method, path, body, message] of faults) {
    const answer = await call(method, path, body)
    assert.equal(answer.status, 400, `${method} ${path} ${JSON.stringify(body)}`)
    assert.match(answer.body.message, message)
  }
  const removed = await call('DELETE', '/global-trust-authority/service/v1/ref_value', { delete_type: 'all' })
  assert.deepEqual([removed.status, removed.body], [200, {}])
  assert.deepEqual((await call('GET', 'ref_value')).body, { refvalue: [], ref_values: [] })
})

test('only owners change baselines, auditors see them, attesters neither', async () => {
  await using server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
  await ask(server.url, 'POST', 'cert', { ...USER, body: certificate })
  const statuses = { attester: [403, 403, 403, 403], auditor: [200, 403, 403, 403], owner: [200, 200, 400, 200] } as const
  for (const [role, expected] of Object.entries(statuses)) {
    const apiKey = await makeApiKey(server, 'test_01', role as keyof typeof statuses)
    const calls: [string, unknown?][] = [['GET'], ['POST', SAMPLE], ['PUT', { id: 'none', name: 'x' }], ['DELETE', { delete_type: 'all' }]]
    const answers = []
    for (const [method, body] of calls) answers.push((await ask(server.url, method, 'ref_value', { apiKey, body })).status)
    assert.deepEqual(answers, expected, role)
  }
})

test('baselines beyond 1 MiB are taken, those beyond the limit of evidence are not, and long ones come one at a time', async () => {
  await using server = await startTestServer({ flags: ['--evidence-limit-mib', '13'] })
  await giveSigningKeys(server.server.context.signingKeys)
  await ask(server.url, 'POST', 'cert', { ...USER, body: certificate })
  const long = signedJwt(signer, baselineOf(...Array.from({ length: 75_000 }, (_, i) => i.toString(16).padStart(64, '0'))), {
    alg: 'PS256',
  })
  assert.ok(long.length > 8 * 1024 * 1024 && long.length < 13 * 1024 * 1024)
  const ids: string[] = []
  for (const name of ['one', 'two']) {
    const { status, body } = await ask(server.url, 'POST', 'ref_value', { ...USER, body: { ...SAMPLE, name, content: long } })
    assert.equal(status, 200)
    ids.push((body.refvalue as { id: string }).id)
  }
  const one = await ask(server.url, 'GET', `ref_value?ids=${ids[0]!}`, USER)
  const [baseline] = one.body.refvalue as Record<string, unknown>[]
  assert.deepEqual([baseline!.reference_values, baseline!.valid_code, baseline!.content === long], [75_000, 0, true])
  const both = await ask(server.url, 'GET', `ref_value?ids=${ids.join(',')}`, USER)
  assert.equal(both.status, 400)
  assert.match(both.body.message, /ids: these baselines are too long for one answer/)
  const tooLong = await ask(server.url, 'POST', 'ref_value', { ...USER, body: { ...SAMPLE, content: 'x'.repeat(13 * 1024 * 1024) } })
  assert.equal(tooLong.status, 413)
})
