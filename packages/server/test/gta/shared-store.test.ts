// Attestation over several servers and over crashes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore } from '@vouchsafe/testkit/databases'
import { attest, attestBody, bootEvidence, claimsOf, storeCertificate, testNode } from '@vouchsafe/testkit/evidence'
import { ENROLMENT_API } from '@vouchsafe/testkit/live-host'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { spawnServer, startTestServer } from '@vouchsafe/testkit/server'

const pki = pkiAt(Date.now())
const root = await pki.root()
const node = await testNode(pki, root)
const WRITERS = 6
/** Acknowledgements before the kill. */
const MOMENT = 60

const content = (verdict: boolean) => Buffer.from(`package verification\nresult = {"policy_matched": ${verdict}}`).toString('base64')

async function freshBody(url: string) {
  const { body } = await ask(url, 'POST', 'challenge', { user: 'one', body: CHALLENGE })
  const evidence = bootEvidence(node, { nonce: Buffer.from(body.nonce.value, 'base64').subarray(0, 32) })
  const request = { ...attestBody(node.nodeId, evidence), nonce_type: 'default' }
  request.measurements[0]!.nonce = body.nonce
  return request
}

test('two servers on one PostgreSQL share nonces, policies, certificates and keys', async () => {
  await using store = await testStore('postgres')
  const { databaseUrl } = store.location
  await using first = await startTestServer({ dataDir: store.location.dataDir, databaseUrl })
  await giveSigningKeys(first.server.context.signingKeys)
  await using second = await startTestServer({ dataDir: store.location.dataDir, databaseUrl })
  const changed = () => Promise.all([first, second].map(({ server }) => server.context.feed.poll()))
  const verdictAt = async (url: string) => {
    const { status, body } = await attest(url, await freshBody(first.url))
    assert.equal(status, 200, body.message)
    return claimsOf(body.tokens[0]!.token).status
  }

  await storeCertificate(first.url, 'one', root.pem)
  await changed()
  const policy = { name: 'verdict', attester_type: ['tpm_boot'], content_type: 'text', content: content(true), is_default: true }
  const { body: added } = await ask(first.url, 'POST', 'policy', { user: 'one', body: policy })
  await changed()
  assert.equal(await verdictAt(second.url), 'pass', 'a nonce, a certificate and a policy of the first')
  const { id } = added.policy as { id: string }
  const update = await ask(second.url, 'PUT', 'policy', { user: 'one', body: { id, content_type: 'text', content: content(false) } })
  assert.equal(update.status, 200, update.body.message)
  await changed()
  assert.equal(await verdictAt(first.url), 'fail', 'changed on the second')

  const body = await freshBody(first.url)
  const uses = await Promise.all([first, second, first, second].map(({ url }) => attest(url, body)))
  assert.equal(uses.filter(({ status }) => status === 200).length, 1)
  const token = uses.find(({ status }) => status === 200)!.body.tokens[0]!.token
  for (const { url } of [first, second]) {
    const { body: verdict } = await ask(url, 'POST', 'token/verify', { user: 'one', body: { token } })
    assert.equal(verdict.verification_pass, true)
  }
  await ask(second.url, 'DELETE', 'cert', { user: 'one', body: { delete_type: 'all' } })
  await changed()
  assert.equal((await attest(first.url, await freshBody(first.url))).status, 400, 'the anchor is gone')
})

eachDatabase('after kill -9 under load every acknowledged enrolment is there, and every nonce that gave a token is used', async (store) => {
  let server = await spawnServer(store.location)
  try {
    await storeCertificate(server.url, 'one', root.pem)
    const enrolled: string[] = []
    const used: object[] = []
    const reached = Promise.withResolvers<void>()
    const acknowledged = () => {
      if (enrolled.length + used.length === MOMENT) reached.resolve()
    }
    const write = async (url: string, writer: number) => {
      for (let i = 0; ; i++) {
        const nodeId = `node ${writer}.${i}`
        const ek_digest = Buffer.from(`${writer} ${i}`).toString('hex').padEnd(64, '0')
        const { status } = await ask(url, 'POST', ENROLMENT_API, { user: 'one', body: { node_id: nodeId, ek_digest } })
        assert.equal(status, 200)
        enrolled.push(nodeId)
        acknowledged()
        const body = await freshBody(url)
        assert.equal((await attest(url, body)).status, 200)
        used.push(body)
        acknowledged()
      }
    }
    const writers = Array.from({ length: WRITERS }, (_, i) => write(server.url, i))
    await Promise.race([reached.promise, Promise.all(writers)])
    await server.stop('SIGKILL')
    await Promise.allSettled(writers)

    server = await spawnServer(store.location)
    const { url } = server
    const { body } = await ask(url, 'GET', ENROLMENT_API, { user: 'one' })
    const names = new Set((body.enrolments as { node_id: string }[]).map(({ node_id }) => node_id))
    assert.deepEqual(
      enrolled.filter((nodeId) => !names.has(nodeId)),
      [],
    )
    assert.ok(used.length > 0)
    for (const request of used) assert.match((await attest(url, request)).body.message, /was used before|Nonce expired/)
  } finally {
    await server.stop('SIGKILL')
  }
})
