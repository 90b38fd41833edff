// Attest through HTTP, over both databases: contract §7, decisions "Evidence".
import assert from 'node:assert/strict'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { attest, attestBody, bootEvidence, claimsOf, imaEvidence, requoted, storeCertificate, testNode } from '@vouchsafe/testkit/evidence'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { startTestServer } from '@vouchsafe/testkit/server'
import { sm2Ak } from '@vouchsafe/testkit/software-quote'
import { documentSample, documentSampleOf } from '../support/document-evidence.ts'

const pki = pkiAt(Date.now())

async function start(store: { location: { dataDir: string; databaseUrl?: string } }) {
  const server = await startTestServer({ dataDir: store.location.dataDir, databaseUrl: store.location.databaseUrl })
  if ((await server.server.context.signingKeys.all('TSK')).length === 0) await giveSigningKeys(server.server.context.signingKeys)
  return server
}

eachDatabase("the document's sample attests under ignore with a certificate that a stored CA issued, and not without", async (store) => {
  await using server = await start(store)
  const root = await pki.root()
  const untouched = await attest(server.url, { ...documentSample(), nonce_type: 'ignore' })
  assert.equal(untouched.status, 400)
  assert.equal(untouched.body.service_version, '1.0')
  assert.match(untouched.body.message, /^Evidence verification failed: evidence\.ak_cert: Certificate chain validation failed/)

  await storeCertificate(server.url, 'one', root.pem, ['tpm_boot'])
  const sample = await documentSampleOf(pki, root)
  const { status, body } = await attest(server.url, { ...sample, nonce_type: 'ignore' })
  assert.equal(status, 200, body.message)
  assert.equal(body.tokens[0]!.node_id, 'TPM AK')
  const claims = claimsOf(body.tokens[0]!.token)
  assert.equal(claims.ueid, 'TPM AK')
  assert.equal(claims.status, 'fail', 'no policy decided')
  assert.equal(claims.attester_data, 'custom_data')
  assert.equal(claims.nonce_type, 'ignore')
  const boot = claims.tpm_boot as { [name: string]: unknown; pcrs: { pcr_values: { is_matched: boolean }[] } }
  assert.equal(boot.attestation_status, 'unknown')
  assert.equal(boot.is_log_valid, true)
  assert.equal(boot.secure_boot, 'NA')
  assert.deepEqual(
    boot.pcrs.pcr_values.map(({ is_matched }) => is_matched),
    Array(8).fill(true),
  )
  const withNonce = await attest(server.url, sample)
  assert.equal(withNonce.status, 400, 'its nonce is not base64')
  assert.match(withNonce.body.message, /nonce\.value/)
})

eachDatabase('an SM2 attestation key attests, and what it did not sign is refused', async (store) => {
  await using server = await start(store)
  const root = await pki.root()
  await storeCertificate(server.url, 'one', root.pem)
  const node = await testNode(pki, root, 'sm2-node', sm2Ak())
  const evidence = bootEvidence(node)
  const { status, body } = await attest(server.url, attestBody(node.nodeId, evidence))
  assert.equal(status, 200, body.message)
  assert.equal(claimsOf(body.tokens[0]!.token).ueid, 'sm2-node')

  const refused = async (quote: Partial<typeof evidence.quote>, message: RegExp) => {
    const answer = await attest(server.url, attestBody(node.nodeId, { ...evidence, quote: { ...evidence.quote, ...quote } }))
    assert.equal(answer.status, 400)
    assert.match(answer.body.message, message)
  }
  const other = requoted(node, evidence, { firmwareVersion: 1n })
  await refused({ quote_data: other.quote.quote_data }, /signature is not a signature of quote_data/)
  await refused({ signature: other.quote.signature }, /signature is not a signature of quote_data/)
  const foreign = bootEvidence({ ...node, ak: sm2Ak() })
  await refused(foreign.quote, /signature is not a signature of quote_data/)
})

eachDatabase('a challenge, evidence of both kinds for it, and a token that a third party verifies', async (store) => {
  await using server = await start(store)
  const root = await pki.root()
  await storeCertificate(server.url, 'one', root.pem)
  const node = await testNode(pki, root)
  const { body: challenge } = await ask(server.url, 'POST', 'challenge', { user: 'one', body: CHALLENGE })
  const nonce = Buffer.from(challenge.nonce.value, 'base64').subarray(0, 32)
  const body = attestBody(node.nodeId, bootEvidence(node, { nonce }))
  body.nonce_type = 'default'
  body.measurements[0]!.nonce = { ...challenge.nonce, more: 'than is signed' }
  body.measurements[0]!.evidences.push({ attester_type: 'tpm_ima', evidence: imaEvidence(node, [{ path: 'boot_aggregate' }], { nonce }) })
  const answer = await attest(server.url, body)
  assert.equal(answer.status, 200, answer.body.message)
  assert.equal(answer.body.errors, undefined)
  const jwks = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as JSONWebKeySet
  const { payload } = await jwtVerify(answer.body.tokens[0]!.token, createLocalJWKSet(jwks))
  assert.deepEqual(payload.eat_nonce, challenge.nonce)
  assert.equal((payload.tpm_boot as { secure_boot: string }).secure_boot, 'enabled')
  const ima = payload.tpm_ima as Record<string, unknown>
  assert.equal(ima.is_log_valid, false)
  assert.equal(ima.ref_value_match_status, 'no_reference_values')
  const again = await attest(server.url, body)
  assert.equal(again.status, 400)
  assert.match(again.body.message, /nonce\.value was used before/)
})
