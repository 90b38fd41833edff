// What the original lets through (contract §15, and what else an attacker would try), refused through HTTP.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { readDer, readElements, TAG } from '@vouchsafe/der'
import { bitString, integer, nullValue, oid, sequence } from '@vouchsafe/der/writer'
import { encodeAttest, encodeSignature, parseAttest } from '@vouchsafe/tpm'
import { toPem, type Certificate } from '@vouchsafe/x509'
import type { UserRole } from '../../src/storage/index.ts'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import {
  attest,
  attestBody,
  bootBank,
  bootEvidence,
  claimsOf,
  requoted,
  storeCertificate,
  testNode,
  type SentEvidence,
} from '@vouchsafe/testkit/evidence'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { ecAk, rsaAk, signed } from '@vouchsafe/testkit/software-quote'
import { documentSample } from '../support/document-evidence.ts'

const pki = pkiAt(Date.now())
const root = await pki.root()
const node = await testNode(pki, root)
let server: TestServer

before(async () => {
  server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
  await storeCertificate(server.url, 'one', root.pem)
})
after(() => server[Symbol.asyncDispose]())

async function refused(evidence: unknown, message: RegExp, nodeId = node.nodeId, user = 'one'): Promise<void> {
  const answer = await attest(server.url, attestBody(nodeId, evidence), user)
  assert.equal(answer.status, 400, JSON.stringify(answer.body).slice(0, 200))
  assert.equal(answer.body.tokens, undefined)
  assert.match(answer.body.message, message)
}

async function challenge(user = 'one') {
  const { body } = await ask(server.url, 'POST', 'challenge', { user, body: CHALLENGE })
  return { nonce: body.nonce, quoted: Buffer.from(body.nonce.value, 'base64').subarray(0, 32) }
}

/** A request for a nonce of the server's. */
function fresh(nonce: unknown, evidence: unknown, nodeId = node.nodeId) {
  const body = { ...attestBody(nodeId, evidence), nonce_type: 'default' }
  body.measurements[0]!.nonce = nonce
  return body
}

test('what is refused below is accepted when nothing is wrong with it', async () => {
  const answer = await attest(server.url, attestBody(node.nodeId, bootEvidence(node)))
  assert.equal(answer.status, 200, answer.body.message)
})

/** The certificate with another key inside, under a signature that is none. */
function withKey({ tbs, signatureAlgorithm, signature }: Certificate, spki: Uint8Array): string {
  const fields = readElements(readDer(tbs, TAG.sequence, 'tbs').value, 'tbs').map(({ raw }) => raw)
  fields[6] = Buffer.from(spki)
  return toPem('CERTIFICATE', sequence(sequence(...fields), signatureAlgorithm.raw, bitString(signature)))
}

test('eight certificates with exponents of 3,072 bits, in 28 KB, are refused when the first is read, before any arithmetic', async () => {
  const modulus = (1n << 3072n) - 1n
  const key = sequence(sequence(oid('1.2.840.113549.1.1.1'), nullValue()), bitString(sequence(integer(modulus), integer(modulus - 2n))))
  const { certificate } = await pki.ca(root, 'CN=Root', { publicKey: generateKeyPairSync('rsa', { modulusLength: 3072 }).publicKey })
  const evidence = bootEvidence({ ...node, akCert: node.akCert + withKey(certificate, key).repeat(7) })
  await refused(evidence, /evidence\.ak_cert: subjectPublicKeyInfo: RSA exponent: integer longer than 5 bytes/)
  const stored = await ask(server.url, 'POST', 'cert', {
    user: 'one',
    body: { name: 'slow', type: ['tpm_boot'], content: withKey(certificate, key) },
  })
  assert.equal(stored.status, 400)
  assert.match(stored.body.message, /RSA exponent/)
})

// §15.1: trust anchors.

test('§15.1 a self-signed AK certificate is no anchor for itself', async () => {
  const ak = ecAk('P-256', 'sha256')
  const { pem } = await pki.leaf({ ...root, privateKey: ak.privateKey }, 'CN=node-1', { publicKey: ak.publicKey, issuer: 'CN=node-1' })
  await refused(bootEvidence({ ...node, ak, akCert: pem }), /Certificate chain validation failed/)
})

test("§15.1 a root of the attacker's with a stored root's name is no anchor", async () => {
  const fake = await pki.root()
  const forged = await testNode(pki, fake)
  await refused(bootEvidence(forged), /Certificate chain validation failed/)
  await refused({ ...bootEvidence(forged), ak_cert: forged.akCert + fake.pem }, /Certificate chain validation failed/)
})

test('§15.1 a stored certificate counts for its own types and its own user only', async () => {
  await refused(bootEvidence(node), /Certificate chain validation failed/, node.nodeId, 'two')
  await storeCertificate(server.url, 'three', root.pem, ['refvalue', 'policy', 'tpm_ima'])
  await refused(bootEvidence(node), /Certificate chain validation failed/, node.nodeId, 'three')
})

test('§15.9 an AK certificate that another leaf issued, an expired one and a CA are refused', async () => {
  const leaf = await pki.leaf(root, 'CN=leaf')
  const issuedByLeaf = await pki.leaf(leaf, 'CN=node-1', { publicKey: node.ak.publicKey })
  await refused({ ...bootEvidence(node), ak_cert: issuedByLeaf.pem + leaf.pem }, /Certificate chain validation failed/)
  const expired = await pki.leaf(root, 'CN=node-1', { publicKey: node.ak.publicKey, notAfter: new Date(Date.now() - 1_000) })
  await refused({ ...bootEvidence(node), ak_cert: expired.pem }, /Certificate chain validation failed: validity/)
  const ca = await pki.ca(root, 'CN=node-1', { publicKey: node.ak.publicKey })
  await refused({ ...bootEvidence(node), ak_cert: ca.pem }, /Certificate chain validation failed/)
})

test('§15.9 a revoked AK certificate is refused', async () => {
  const other = await pki.root('CN=Other root')
  const entity = await pki.leaf(other, 'CN=node-9', { publicKey: node.ak.publicKey })
  await storeCertificate(server.url, 'four', other.pem)
  const evidence = { ...bootEvidence(node), ak_cert: entity.pem }
  assert.equal((await attest(server.url, attestBody('node-9', evidence), 'four')).status, 200)
  const crl = { name: 'list', type: ['crl'], crl_content: await pki.crl(other, [entity]) }
  assert.equal((await ask(server.url, 'POST', 'cert', { user: 'four', body: crl })).status, 200)
  await refused(evidence, /Certificate chain validation failed: revocation/, 'node-9', 'four')
})

// §15.2: which PCRs were quoted.

test('§15.2 values of quoted PCRs cannot be given as those of others', async () => {
  const evidence = bootEvidence(node)
  const values = evidence.pcrs.pcr_values
  const pcrs = (pcr_values: typeof values): SentEvidence => ({ ...evidence, pcrs: { hash_alg: 'sha256', pcr_values } })
  const shifted = values.map(({ pcr_index, pcr_value }) => ({ pcr_index: pcr_index + 8, pcr_value }))
  await refused(pcrs(shifted), /pcr_values are not the PCRs that were quoted/)
  const swapped = values.map(({ pcr_value }, i) => ({ pcr_index: (i + 1) % 8, pcr_value }))
  await refused(pcrs(swapped), /PCR digest mismatch/)
  await refused(pcrs(values.slice(1)), /pcr_values are not the PCRs that were quoted/)
  await refused(pcrs([...values, { pcr_index: 9, pcr_value: values[0]!.pcr_value }]), /pcr_values are not the PCRs that were quoted/)
  await refused({ ...evidence, pcrs: { ...evidence.pcrs, hash_alg: 'sm3' } }, /pcr_values are not the PCRs that were quoted/)
})

// §15.3: who the node is.

test('§15.3 a token is for no other node than the one that the certificate names', async () => {
  await refused(bootEvidence(node), /Certificate CommonName\(node-1\) does not match node_id\(node-2\)/, 'node-2')
  const twice = await pki.leaf(root, 'CN=node-1,CN=node-2', { publicKey: node.ak.publicKey })
  for (const nodeId of ['node-1', 'node-2']) await refused({ ...bootEvidence(node), ak_cert: twice.pem }, /CommonName/, nodeId)
  const nameless = await pki.leaf(root, 'O=node-1', { publicKey: node.ak.publicKey })
  await refused({ ...bootEvidence(node), ak_cert: nameless.pem }, /CommonName\(\)/)
})

test('a credential that is pinned to a node attests no other', async () => {
  const apiKey = await makeApiKey(server, 'one', 'attester', 'node-7')
  const answer = await attest(server.url, attestBody(node.nodeId, bootEvidence(node)), 'one', apiKey)
  assert.equal(answer.status, 403)
  assert.match(answer.body.message, /measurements\[0\]\.node_id: this credential attests only node-7/)
  const own = await makeApiKey(server, 'one', 'attester', 'node-1')
  assert.equal((await attest(server.url, attestBody(node.nodeId, bootEvidence(node)), 'one', own)).status, 200)
})

// §15.7: policies of others.

test("§15.7 another user's policy cannot be named", async () => {
  const content = Buffer.from('package verification\nresult = {"policy_matched": true}').toString('base64')
  const policy = { name: 'always', attester_type: ['tpm_boot'], content_type: 'text', content }
  const { body } = await ask(server.url, 'POST', 'policy', { user: 'two', body: policy })
  const request = attestBody(node.nodeId, bootEvidence(node))
  request.measurements[0]!.evidences[0]!.policy_ids = [(body.policy as { id: string }).id]
  const answer = await attest(server.url, request)
  assert.equal(answer.status, 400)
  assert.match(answer.body.message, /Policy not found for ids/)
})

test('an attester does not choose what judges it: policy_ids of its requests are ignored, the defaults of its user decide', async () => {
  await storeCertificate(server.url, 'chooser', root.pem)
  const add = async (name: string, matched: boolean, is_default: boolean) => {
    const content = Buffer.from(`package verification\nresult = {"policy_matched": ${matched}}`).toString('base64')
    const policy = { name, attester_type: ['tpm_boot'], content_type: 'text', content, is_default }
    const { body } = await ask(server.url, 'POST', 'policy', { user: 'chooser', body: policy })
    return (body.policy as { id: string }).id
  }
  const strict = await add('strict', false, true)
  const lax = await add('lax', true, false)
  const judged = async (role: UserRole, policy_ids: string[]) => {
    const request = attestBody(node.nodeId, bootEvidence(node))
    request.measurements[0]!.evidences[0]!.policy_ids = policy_ids
    const { status, body } = await attest(server.url, request, 'chooser', await makeApiKey(server, 'chooser', role))
    assert.equal(status, 200, body.message)
    const claims = claimsOf(body.tokens[0]!.token)
    const { policy_info } = claims.tpm_boot as { policy_info: { appraisal_policy_id: string }[] }
    return [claims.status, ...policy_info.map(({ appraisal_policy_id }) => appraisal_policy_id)]
  }
  assert.deepEqual(await judged('owner', [lax]), ['pass', lax])
  assert.deepEqual(await judged('attester', [lax]), ['fail', strict])
  assert.deepEqual(await judged('attester', ['no such policy']), ['fail', strict])
})

// §15.8: nonces.

test('§15.8 a nonce is used once, by its user, for a quote that was made for it', async () => {
  const { nonce, quoted } = await challenge()
  const evidence = bootEvidence(node, { nonce: quoted })
  const stale = await attest(server.url, fresh(nonce, bootEvidence(node)))
  assert.match(stale.body.message, /the quote was not made for this nonce/)
  await storeCertificate(server.url, 'five', root.pem)
  assert.match((await attest(server.url, fresh(nonce, evidence), 'five')).body.message, /Nonce verification failed: Invalid nonce/)
  assert.equal((await attest(server.url, fresh(nonce, evidence))).status, 200, 'refusals have not used it')
  assert.match((await attest(server.url, fresh(nonce, evidence))).body.message, /nonce\.value was used before/)
})

test('§15.8 of many requests at once with one nonce one gets a token', async () => {
  const { nonce, quoted } = await challenge()
  const body = fresh(nonce, bootEvidence(node, { nonce: quoted }))
  const answers = await Promise.all(Array.from({ length: 6 }, () => attest(server.url, body)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})

test("§15.8 a nonce that isn't the server's, is missing, or of another type of request is refused", async () => {
  const { nonce, quoted } = await challenge()
  const forged = { ...nonce, iat: nonce.iat + 1 }
  assert.match((await attest(server.url, fresh(forged, bootEvidence(node, { nonce: quoted })))).body.message, /Nonce verification failed/)
  const missing = { ...attestBody(node.nodeId, bootEvidence(node)), nonce_type: 'default' }
  assert.match((await attest(server.url, missing)).body.message, /missing nonce in measurements/)
  const user = { ...missing, nonce_type: 'user' }
  assert.match((await attest(server.url, user)).body.message, /user_nonce parameter required/)
  assert.match((await attest(server.url, { ...missing, nonce_type: 'none' })).body.message, /nonce_type must be one of/)
})

test('the first half of a longer quote, and a nonce as raw text (as the document has it), do not pass', async () => {
  const { nonce, quoted } = await challenge()
  const whole = Buffer.from(nonce.value, 'base64')
  for (const made of [whole, quoted.subarray(0, 31), Buffer.from(nonce.value.slice(0, 32))]) {
    const answer = await attest(server.url, fresh(nonce, requoted(node, bootEvidence(node), { extraData: made })))
    assert.match(answer.body.message, /the quote was not made for this nonce/)
  }
  assert.equal((await attest(server.url, documentSample())).status, 400)
})

test("a user's own nonce is bound to the quote, and named in the token", async () => {
  const userNonce = Buffer.alloc(48, 5).toString('base64')
  const body = { ...attestBody(node.nodeId, bootEvidence(node, { nonce: Buffer.alloc(32, 5) })), nonce_type: 'user', user_nonce: userNonce }
  const { status, body: answer } = await attest(server.url, body)
  assert.equal(status, 200, answer.message)
  const claims = claimsOf(answer.tokens[0]!.token)
  assert.deepEqual([claims.nonce_type, claims.user_nonce, 'eat_nonce' in claims], ['user', userNonce, false])
  const other = await attest(server.url, { ...body, user_nonce: Buffer.alloc(48, 6).toString('base64') })
  assert.match(other.body.message, /the quote was not made for this nonce/)
  assert.match((await attest(server.url, { ...body, user_nonce: 'short' })).body.message, /user_nonce/)
})

test('nonces can be ignored on loopback only, unless the server says otherwise', async () => {
  const body = attestBody(node.nodeId, bootEvidence(node))
  const elsewhere = { 'x-forwarded-for': '192.0.2.1' }
  const apiKey = await makeApiKey(server, 'one', 'attester')
  const answer = await ask(server.url, 'POST', 'attest', { apiKey, headers: elsewhere, body })
  assert.equal(answer.status, 400)
  assert.match(answer.body.message, /^nonce_type: ignore is allowed on loopback only/)
  await using open = await startTestServer({ flags: ['--ignored-nonces'] })
  await giveSigningKeys(open.server.context.signingKeys)
  await storeCertificate(open.url, 'one', root.pem)
  const key = await makeApiKey(open, 'one', 'attester')
  assert.equal((await ask(open.url, 'POST', 'attest', { apiKey: key, headers: elsewhere, body })).status, 200)
})

// The quote itself.

test('what the AK signed that is no quote, and what it did not sign, is refused', async () => {
  const evidence = bootEvidence(node)
  const quote = Buffer.from(evidence.quote.quote_data, 'base64')
  const sent = (bytes: Uint8Array, ak = node.ak) => ({
    ...evidence,
    quote: {
      quote_data: Buffer.from(bytes).toString('base64'),
      signature: Buffer.from(encodeSignature(signed(ak, bytes))).toString('base64'),
    },
  })
  const foreign = Buffer.from(quote)
  foreign.writeUInt32BE(0x12345678)
  await refused(sent(foreign), /magic/)
  const attestData = parseAttest(quote)
  const { extraData, clockInfo, firmwareVersion, qualifiedSigner } = attestData
  const certify = {
    extraData,
    clockInfo,
    firmwareVersion,
    qualifiedSigner,
    type: 'certify' as const,
    certifiedName: new Uint8Array(34),
    certifiedQualifiedName: new Uint8Array(34),
  }
  await refused(sent(encodeAttest(certify)), /type/)
  await refused(sent(quote, ecAk('P-256', 'sha256')), /not a signature of quote_data by the key of ak_cert/)
  await refused(sent(quote, { ...node.ak, hash: 'sha1' }), /signature-scheme/)
  const changed = Buffer.from(quote)
  changed[quote.length - 1]! ^= 1
  await refused({ ...evidence, quote: { ...evidence.quote, quote_data: changed.toString('base64') } }, /not a signature/)
})

test('a key of 1024 bits is too short for an AK', async () => {
  const weak = await testNode(pki, root, 'node-1', rsaAk(1024, 'rsassa', 'sha256'))
  await refused(bootEvidence(weak), /chain validation failed|key/)
})

// §15.13: partial failure.

test("§15.13 a bad measurement has its own error beside the other nodes' tokens", async () => {
  const second = await testNode(pki, root, 'node-2')
  const body = attestBody(node.nodeId, bootEvidence(second))
  body.measurements.push(attestBody('node-2', bootEvidence(second)).measurements[0]!, attestBody('node-3', 1).measurements[0]!)
  const { status, body: answer } = await attest(server.url, body)
  assert.equal(status, 200)
  assert.deepEqual(
    answer.tokens.map(({ node_id }) => node_id),
    ['node-2'],
  )
  assert.deepEqual(
    answer.errors!.map(({ index, node_id }) => [index, node_id]),
    [
      [0, 'node-1'],
      [2, 'node-3'],
    ],
  )
  assert.match(answer.errors![0]!.message, /CommonName\(node-2\)/)
  assert.match(answer.errors![1]!.message, /^Evidence verification failed: evidence must be object/)
})

test('one nonce may serve all measurements of a request', async () => {
  const second = await testNode(pki, root, 'node-2')
  const { nonce, quoted } = await challenge()
  const body = fresh(nonce, bootEvidence(node, { nonce: quoted }))
  body.measurements.push(fresh(nonce, bootEvidence(second, { nonce: quoted }), 'node-2').measurements[0]!)
  const { status, body: answer } = await attest(server.url, body)
  assert.equal(status, 200, answer.message)
  assert.equal(answer.tokens.length, 2)
})

test('two pieces of evidence of one type in a measurement are refused', async () => {
  const body = attestBody(node.nodeId, bootEvidence(node))
  body.measurements[0]!.evidences.push(body.measurements[0]!.evidences[0]!)
  const answer = await attest(server.url, body)
  assert.equal(answer.status, 400)
  assert.match(answer.body.message, /evidences\[1\]\.attester_type: tpm_boot comes twice/)
})

test('a replay failure is a verdict, not an error: the token says so', async () => {
  const other = bootLog({ secureBoot: false }).bytes()
  const evidence = bootEvidence(node, { bank: bootBank(bootLog().bytes()) }, other)
  const { status, body } = await attest(server.url, attestBody(node.nodeId, evidence))
  assert.equal(status, 200, body.message)
  const claims = claimsOf(body.tokens[0]!.token) as { tpm_boot: { is_log_valid: boolean; secure_boot: string } }
  assert.equal(claims.tpm_boot.is_log_valid, false)
  assert.equal(claims.tpm_boot.secure_boot, 'NA')
})

test('faults of the request name their field', async () => {
  const cases: [change: (body: Record<string, unknown>) => unknown, message: RegExp][] = [
    [({ agent_version: _, ...rest }) => rest, /^agent_version is required/],
    [(body) => ({ ...body, agent_version: '' }), /^agent_version /],
    [(body) => ({ ...body, measurements: [] }), /^measurements /],
    [(body) => ({ ...body, measurements: [{ node_id: 'a' }] }), /^measurements\[0\]\.evidences is required/],
    [(body) => ({ ...body, measurements: [{ evidences: [] }] }), /^measurements\[0\]\.node_id is required/],
    [
      (body) => ({ ...body, measurements: [{ node_id: 'a', evidences: [{ attester_type: 'sgx', evidence: {} }] }] }),
      /Plugin not found for attester type: sgx/,
    ],
    [
      (body) => ({ ...body, measurements: [{ node_id: 'a', evidences: [{ attester_type: 'tpm_boot', evidence: {}, policy_ids: [] }] }] }),
      /^measurements\[0\]\.evidences\[0\]\.policy_ids /,
    ],
  ]
  for (const [change, message] of cases) {
    const answer = await attest(server.url, change(attestBody(node.nodeId, bootEvidence(node))))
    assert.equal(answer.status, 400)
    assert.equal(answer.body.service_version, '1.0')
    assert.match(answer.body.message, message)
  }
})
