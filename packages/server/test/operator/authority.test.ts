// What operators do for the attestation authority: credentials of users, and the signing keys.
import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { anyPrivateKey, giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { attest, attestBody, bootEvidence, storeCertificate, testNode } from '@vouchsafe/testkit/evidence'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { handleOperatorRequest } from '../../src/operator/edge.ts'
import { testCa } from '../support/certificates.ts'
import { collectedLog } from '../support/collected-log.ts'
import { pinnedRuntime } from '../support/runtime.ts'

/** One operator request; its answer's status and body. */
async function operate({ server }: TestServer, method: string, path: string, body: object = {}) {
  const answer = await handleOperatorRequest({ method, path, body }, server.context)
  return { status: answer.status, body: answer.body as Record<string, unknown> }
}

type Listed = Record<string, unknown>[]

eachDatabase('an API key with a role is made, shown once, listed and revoked, all of it audited', async (store) => {
  const { log, text } = collectedLog()
  await using server = await startTestServer({ ...store.location, log })
  await giveSigningKeys(server.server.context.signingKeys)
  const request = { user: 'payroll', role: 'attester', nodeId: 'node-17', label: 'agent', expiresAt: Date.now() + 60_000 }
  const { status, body } = await operate(server, 'POST', '/v1/users/keys/create', request)
  assert.equal(status, 200)
  const { apiKey, id } = body as { apiKey: string; id: string }
  assert.equal((await ask(server.url, 'POST', 'challenge', { apiKey, body: CHALLENGE })).status, 200)
  assert.equal((await server.server.context.users.byApiKey(apiKey))?.nodeId, 'node-17')
  await operate(server, 'POST', '/v1/users/keys/create', { user: 'other', role: 'auditor' })

  const listed = (await operate(server, 'GET', '/v1/users/keys?user=payroll')).body.credentials as Listed
  const { createdAt, ...shown } = listed[0]!
  assert.equal(typeof createdAt, 'number')
  assert.deepEqual([listed.length, shown], [1, { id, kind: 'api-key', ...request }])
  assert.equal(((await operate(server, 'GET', '/v1/users/keys')).body.credentials as Listed).length, 2)

  assert.equal((await operate(server, 'POST', '/v1/users/keys/revoke', { id })).status, 200)
  assert.equal((await ask(server.url, 'POST', 'challenge', { apiKey, body: CHALLENGE })).status, 401)
  assert.equal((await operate(server, 'POST', '/v1/users/keys/revoke', { id })).status, 400)
  const audit = await queryDatabase(
    store.location,
    `select actor, action, object, detail from trail_entries where object = $1 order by position`,
    [id],
  )
  assert.deepEqual(
    audit.map(({ actor, action }) => [actor, action]),
    [
      ['operator', 'CreateCredential'],
      ['operator', 'RevokeCredential'],
    ],
  )
  assert.deepEqual(JSON.parse(String(audit[0]!.detail)), {
    user: 'payroll',
    kind: 'api-key',
    role: 'attester',
    nodeId: 'node-17',
    label: 'agent',
  })
  for (const place of [text(), JSON.stringify(listed), JSON.stringify(audit)]) assert.ok(!place.includes(apiKey))
})

test('a certificate is admitted by its PEM', async () => {
  using ca = testCa()
  const { cert } = ca.issue('/CN=agent')
  await using server = await startTestServer()
  const request = { user: 'payroll', role: 'owner', certificate: readFileSync(cert, 'utf8') }
  const { status, body } = await operate(server, 'POST', '/v1/users/keys/create', request)
  assert.deepEqual([status, body.kind, body.apiKey], [200, 'certificate', undefined])
  const fingerprint = new X509Certificate(readFileSync(cert)).fingerprint256.replaceAll(':', '')
  assert.equal((await server.server.context.users.byCertificate(Buffer.from(fingerprint, 'hex')))?.user, 'payroll')
})

test('a request that names no user, role or node as it must is refused by the name of the field', async () => {
  await using server = await startTestServer()
  const good = { user: 'u', role: 'attester' }
  for (const [change, message] of [
    [{ user: undefined }, /user is required/],
    [{ user: 'x'.repeat(37) }, /user must not have more than 36 characters/],
    [{ user: ' x' }, /user must be/],
    [{ user: 'é' }, /user must be/],
    [{ role: 'admin' }, /role must be one of attester, auditor, owner/],
    [{ role: undefined }, /role is required/],
    [{ role: 'owner', nodeId: 'n' }, /nodeId is for attesters/],
    [{ nodeId: 'x'.repeat(256) }, /nodeId must not have more than 255 characters/],
    [{ label: 7 }, /label must be a string/],
    [{ expiresAt: 'soon' }, /expiresAt must be an integer/],
    [{ certificate: 'x' }, /certificate is not a certificate/],
  ] as const) {
    const { status, body } = await operate(server, 'POST', '/v1/users/keys/create', { ...good, ...change })
    assert.equal(status, 400, JSON.stringify(change))
    assert.match(String(body.error), message)
  }
  assert.equal((await operate(server, 'POST', '/v1/users/keys/revoke', {})).status, 400)
})

eachDatabase('signing keys are listed, rotated and imported; no private key ever comes back', async (store) => {
  const { log, text } = collectedLog()
  await using server = await startTestServer({ ...store.location, log })
  assert.deepEqual((await operate(server, 'GET', '/v1/signing-keys')).body, { keys: [] })
  for (const name of ['NSK', 'FSK', 'TSK']) {
    const { status, body } = await operate(server, 'POST', '/v1/signing-keys/import', { name, pem: anyPrivateKey() })
    assert.deepEqual([status, body.name, body.version, body.algorithm], [200, name, 1, 'rsa_3072'])
  }
  assert.equal((await operate(server, 'POST', '/v1/signing-keys/rotate', { name: 'TSK' })).status, 200)
  const all = (await operate(server, 'POST', '/v1/signing-keys/rotate')).body.keys as Listed
  assert.deepEqual(
    all.map(({ name, version }) => [name, version]),
    [
      ['NSK', 2],
      ['FSK', 2],
      ['TSK', 3],
    ],
  )
  const { body } = await operate(server, 'GET', '/v1/signing-keys')
  assert.equal((body.keys as Listed).length, 7)
  const { keys } = (await ask(server.url, 'GET', '/.well-known/jwks.json')).body as unknown as { keys: { kid: string }[] }
  const listedKids = (body.keys as Listed).filter(({ name }) => name === 'TSK').map(({ kid }) => kid)
  assert.deepEqual(
    keys.map(({ kid }) => kid),
    listedKids,
  )
  const audit = await queryDatabase(store.location, `select action from trail_entries where actor = 'operator' order by position`)
  assert.deepEqual(
    audit.map(({ action }) => action),
    [...Array(3).fill('ImportSigningKey'), ...Array(4).fill('RotateSigningKey')],
  )
  const secret = anyPrivateKey().split('\n')[5]!
  for (const place of [text(), JSON.stringify(body), JSON.stringify(all)]) assert.ok(!place.includes(secret) && !place.includes('PRIVATE'))
  for (const [input, message] of [
    [{ name: 'PSK', pem: anyPrivateKey() }, /name must be one of NSK, FSK, TSK/],
    [{ name: 'TSK' }, /pem is required/],
    [{ name: 'TSK', pem: 'x'.repeat(20_000) }, /pem must not have more than 16384 characters/],
  ] as const) {
    const refused = await operate(server, 'POST', '/v1/signing-keys/import', input)
    assert.equal(refused.status, 400)
    assert.match(String(refused.body.error), message)
  }
})

const nextKey = generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({ format: 'pem', type: 'pkcs8' })

eachDatabase(
  'what a retired signing key signed is refused on every server: tokens and nonces; rows are signed anew before',
  async (store) => {
    const runtime = pinnedRuntime()
    const options = { dataDir: store.location.dataDir, databaseUrl: store.location.databaseUrl, runtime }
    await using first = await startTestServer(options)
    await giveSigningKeys(first.server.context.signingKeys)
    await using second = await startTestServer(options)
    const retire = (name: string, version: unknown) => operate(first, 'POST', '/v1/signing-keys/retire', { name, version })
    const refused = async (name: string, version: unknown, message: RegExp) => {
      const { status, body } = await retire(name, version)
      assert.equal(status, 400)
      assert.match(String(body.error), message)
    }
    const pki = pkiAt(runtime.now())
    const root = await pki.root()
    await storeCertificate(first.url, 'one', root.pem)
    const node = await testNode(pki, root)
    const challenge = async () => (await ask(first.url, 'POST', 'challenge', { user: 'one', body: CHALLENGE })).body.nonce
    const attested = (nonce: Awaited<ReturnType<typeof challenge>>) => {
      const body = attestBody(node.nodeId, bootEvidence(node, { nonce: Buffer.from(nonce.value, 'base64').subarray(0, 32) }))
      body.measurements[0]!.nonce = nonce
      return attest(second.url, { ...body, nonce_type: 'default' })
    }
    const verdict = async (token: string) => (await ask(second.url, 'POST', 'token/verify', { user: 'one', body: { token } })).body
    const unused = await challenge()
    const { token } = (await attested(await challenge())).body.tokens[0]!
    assert.equal((await verdict(token)).verification_pass, true)

    for (const name of ['NSK', 'FSK', 'TSK']) {
      await refused(
        name,
        1,
        new RegExp(`${name} version 1 signs, or is the newest: make the next one first, with signing-keys rotate ${name}`),
      )
      await operate(first, 'POST', '/v1/signing-keys/import', { name, pem: nextKey })
    }
    await refused('FSK', 1, /so new that other servers may still sign/)
    await refused('TSK', 7, /there is no TSK version 7/)
    await refused('TSK', undefined, /version is required/)
    await refused('PSK', 1, /name must be one of/)
    runtime.advance(10_000)
    await second.server.context.feed.poll()
    assert.equal((await verdict(token)).verification_pass, true, 'rotated, not retired')
    for (const name of ['NSK', 'FSK', 'TSK']) assert.equal((await retire(name, 1)).status, 200)

    await second.server.context.feed.poll()
    const { verification_pass, checks } = await verdict(token)
    assert.deepEqual([verification_pass, (checks as Listed).at(-1)!.name], [false, 'kid'])
    const { keys } = (await ask(second.url, 'GET', '/.well-known/jwks.json')).body as unknown as { keys: unknown[] }
    assert.equal(keys.length, 1)
    const stale = await attested(unused)
    assert.deepEqual([stale.status, stale.body.tokens], [400, undefined])
    assert.match(stale.body.message, /Nonce verification failed: Invalid nonce/)
    const fresh = await attested(await challenge())
    assert.equal(fresh.status, 200, fresh.body.message)
    const { body: listed } = await ask(second.url, 'GET', 'cert', { user: 'one' })
    assert.equal((listed.certs as Listed).length, 1)
    const versions = ((await operate(second, 'GET', '/v1/signing-keys')).body.keys as Listed).map(({ version }) => version)
    assert.deepEqual(versions, [2, 2, 2])
    const audit = await queryDatabase(
      store.location,
      `select actor, object from trail_entries where action = 'RetireSigningKey' order by position`,
    )
    assert.deepEqual(
      audit.map(({ actor, object }) => `${actor as string} ${object as string}`),
      ['operator NSK', 'operator FSK', 'operator TSK'],
    )
  },
)
