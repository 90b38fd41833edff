// What others signed is verified off the serving thread, and so much of it for one request. Counted, not timed.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { describePublicKey, signatureProblem } from '@vouchsafe/x509'
import { ask } from '@vouchsafe/testkit/authority'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { attest, attestBody, bootEvidence, storeCertificate, testNode } from '@vouchsafe/testkit/evidence'
import { pkiAt, type Entity } from '@vouchsafe/testkit/pki'
import { startTestServer } from '@vouchsafe/testkit/server'
import { newSigner, signedJwt } from '@vouchsafe/testkit/signers'
import { ForeignSignatures, SignatureBudget } from '../../src/attestation/certificates/foreign-signatures.ts'
import { base64, constantPolicy } from '../support/policies.ts'
import { refusal } from '../support/refusal.ts'
import { verifyCalls } from '../support/verify-calls.ts'

const pki = pkiAt(Date.now())
const root = await pki.root()
const noSm2 = { verify: () => assert.fail('no SM2 here') }

/** CAs below the root, the last one first. */
async function authorities(count: number): Promise<Entity[]> {
  const found: Entity[] = []
  for (let i = 0; i < count; i++) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
    const { certificate, pem } = await pki.ca(found[0] ?? root, `CN=CA ${i}`, { publicKey: privateKey })
    found.unshift({ certificate, pem, privateKey })
  }
  return found
}

test('eleven attests at once with chains of RSA-3072 verify nothing on the serving thread, which answers meanwhile', async () => {
  await using server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
  await storeCertificate(server.url, 'one', root.pem)
  const chain = await authorities(6)
  const nodes = await Promise.all(Array.from({ length: 11 }, (_, i) => testNode(pki, chain[0]!, `node-${i}`)))
  const bodies = nodes.map((node) => {
    const akCert = node.akCert + chain.map(({ pem }) => pem).join('')
    return attestBody(node.nodeId, bootEvidence({ ...node, akCert }))
  })
  await attest(server.url, bodies[0])
  using calls = verifyCalls()
  let attested = 0
  const answers = bodies.map(async (body) => {
    const { status, body: answer } = await attest(server.url, body)
    assert.equal(status, 200, answer.message)
    attested++
  })
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
  assert.ok(attested < bodies.length, 'the probe did not wait for all of them')
  await Promise.all(answers)
  assert.equal(calls.here, 0)
  assert.ok(calls.aside > 10 && calls.aside <= 11 * 7 + 1, `${calls.aside} signatures`)
  assert.ok(calls.mostRunning <= 2, `${calls.mostRunning} at once`)
})

test('a CRL that is uploaded is not verified on the serving thread either', async () => {
  await using server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
  using calls = verifyCalls()
  await storeCertificate(server.url, 'one', root.pem)
  const crl = { name: 'list', type: ['crl'], crl_content: await pki.crl(root) }
  const stored = await ask(server.url, 'POST', 'cert', { user: 'one', body: crl })
  assert.equal(stored.status, 200, stored.body.message)
  assert.ok(calls.aside > 0)
  assert.equal(calls.here, 0)
})

test('the signatures of policies and baselines that are uploaded wait in the same queue: two are verified at once', async (t) => {
  await using server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
  const signer = newSigner('rsa')
  const users = ['one', 'two', 'three', 'four']
  for (const user of users) {
    const stored = await ask(server.url, 'POST', 'cert', {
      user,
      body: { name: 'signer', type: ['refvalue', 'policy'], content: signer.certificate },
    })
    assert.equal(stored.status, 200, stored.body.message)
  }
  const baseline = signedJwt(signer, { referenceValues: [{ fileName: 'a', sha256: '123456' }] }, { alg: 'PS384' })
  const policy = signedJwt(signer, { policy: base64(constantPolicy()) }, { alg: 'RS256' })
  const queued = t.mock.method(ForeignSignatures.prototype, 'verify')
  using calls = verifyCalls()
  const common = { name: 'signed', description: 'signed', is_default: false }
  const uploads = users.map((user) => [
    ask(server.url, 'POST', 'ref_value', { user, body: { ...common, attester_type: 'tpm_ima', content: baseline } }),
    ask(server.url, 'POST', 'policy', { user, body: { ...common, attester_type: ['tpm_boot'], content_type: 'jwt', content: policy } }),
  ])
  for (const { status, body } of await Promise.all(uploads.flat())) assert.equal(status, 200, body.message)
  assert.equal(calls.here, 0)
  assert.equal(queued.mock.callCount(), 2 * users.length)
  assert.ok(calls.aside >= 2 * users.length, `${calls.aside} signatures`)
  assert.ok(calls.mostRunning <= 2, `${calls.mostRunning} at once`)
})

test('a request has so many signatures verified, and no more', async () => {
  const signatures = new ForeignSignatures({ crypto: noSm2 })
  const leaf = await pki.leaf(root)
  const keys = Array.from({ length: 6 }, () => describePublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey))
  const ask = (count: number) =>
    signatures.settle(
      'u',
      (options) => keys.slice(0, count).map((key) => signatureProblem(leaf.certificate, key, options)),
      new SignatureBudget(5),
    )
  assert.deepEqual(new Set(await ask(5)), new Set(['signature does not verify']))
  await assert.rejects(ask(6), refusal('invalid'))
  const budget = new SignatureBudget(1)
  assert.equal(await signatures.verify('u', async () => true, budget), true)
  await assert.rejects(
    signatures.verify('u', async () => true, budget),
    refusal('invalid'),
  )
})

test('of the signatures of one user so many wait; those of others are verified in turn', async () => {
  const signatures = new ForeignSignatures({ crypto: noSm2 })
  const leaf = await pki.leaf(root)
  const order: string[] = []
  const ask = async (user: string) => {
    const problem = await signatures.settle(user, (options) => signatureProblem(leaf.certificate, root.certificate.publicKey, options))
    order.push(user)
    return problem
  }
  using calls = verifyCalls()
  const many = Array.from({ length: 300 }, () => ask('many'))
  const one = ask('one')
  const outcomes = await Promise.allSettled(many)
  assert.equal(await one, undefined)
  assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 300 - 256 - 2)
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal((outcome.reason as { code: string }).code, 'busy')
  assert.ok(order.indexOf('one') < 10, `after ${order.indexOf('one')} others`)
  assert.equal(calls.mostRunning, 2)
  const before = calls.aside
  assert.equal(await ask('later'), undefined)
  assert.equal(calls.aside, before, 'what is known is not verified again')
})
