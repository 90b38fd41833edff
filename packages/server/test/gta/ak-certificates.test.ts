// Certificates of attestation keys, asked for by live TPMs: decisions "AK certificates from the server".
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createAk, encodePublicArea, loadAk, publicAreaOf, type ObjectAttribute } from '@vouchsafe/tpm'
import { certificatesFromPem, crlsFromPem, EKU, publicKeyOf, type KeyUsage } from '@vouchsafe/x509'
import { ask } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { attest, attestBody, BOOT_PCRS, storeCertificate } from '@vouchsafe/testkit/evidence'
import { AK_API, ENROLMENT_API, liveHost, type LiveHost } from '@vouchsafe/testkit/live-host'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { startSwtpm, type Swtpm } from '@vouchsafe/testkit/swtpm'
import { pinnedRuntime } from '../support/runtime.ts'

const CHALLENGES = `${AK_API}/challenges`
const runtime = pinnedRuntime()
const pki = pkiAt(runtime.now())
const makers = await pki.root('CN=TPM makers')
let server: TestServer
let swtpm: Swtpm
let host: LiveHost

before(async () => {
  server = await startTestServer({ runtime })
  await giveSigningKeys(server.server.context.signingKeys)
  for (const user of ['one', 'two']) await storeCertificate(server.url, user, makers.pem, ['tpm_ek'], 'makers')
  swtpm = await startSwtpm()
  host = await liveHost(swtpm, pki, makers)
})
after(async () => {
  await host[Symbol.asyncDispose]()
  await swtpm[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const call = (path: string, body: unknown, user = 'one') => ask(server.url, 'POST', path, { user, body })
const refusedWith = async (request: object, message: RegExp, user = 'one') => {
  const { status, body } = await call(CHALLENGES, { ...host.request, ...request }, user)
  assert.equal(status, 400)
  assert.match(body.message, message)
}

test("without an enrolment the certificate names the endorsement key's digest; it is for one day, for attestation, from the user's own CA", async () => {
  const { status, body } = await host.enroll(server.url, 'one')
  assert.equal(status, 200, body.message)
  assert.equal(body.node_id, host.ekDigest)
  const certificate = certificatesFromPem(String(body.certificate))[0]!
  assert.equal(certificate.subject.text, `CN=${host.ekDigest}`)
  assert.deepEqual(certificate.keyUsage, ['digitalSignature'])
  assert.deepEqual(certificate.extendedKeyUsage, [EKU.tcgAikCertificate])
  assert.equal(certificate.basicConstraints?.ca ?? false, false)
  const hours = (certificate.notAfter.getTime() - runtime.now()) / 3_600_000
  assert.ok(hours > 23.9 && hours <= 24)
  assert.equal(certificate.serialNumber, body.serial_number)
})

test('OpenSSL verifies the chain and the CRL', async () => {
  const { body: issued } = await host.enroll(server.url, 'one')
  const { body: before } = await ask(server.url, 'GET', `${AK_API}/authority`, { user: 'one' })
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-ak-'))
  const verify = (authorities: unknown) => {
    const [{ certificate, crl }] = authorities as [{ certificate: string; crl: string }]
    writeFileSync(join(folder, 'ca.pem'), certificate)
    writeFileSync(join(folder, 'crl.pem'), crl)
    writeFileSync(join(folder, 'ak.pem'), String(issued.certificate))
    const at = ['-attime', String(Math.floor(runtime.now() / 1000))]
    return execFileSync('openssl', ['verify', '-crl_check', ...at, '-CAfile', 'ca.pem', '-CRLfile', 'crl.pem', 'ak.pem'], {
      cwd: folder,
      stdio: 'pipe',
    }).toString()
  }
  try {
    assert.match(verify(before.authorities), /OK/)
    await call(`${AK_API}/revocations`, { serial_number: issued.serial_number, reason: 'superseded' })
    const { body: later } = await ask(server.url, 'GET', `${AK_API}/authority`, { user: 'one' })
    assert.throws(() => verify(later.authorities), /certificate revoked/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a challenge is for one use, its user and five minutes, and only its own secret meets it', async () => {
  const { body: challenge } = await call(CHALLENGES, host.request)
  const id = String(challenge.challenge_id)
  const secret = await host.recover(challenge)
  const met = (change: object = {}, user = 'one') => call(AK_API, { challenge_id: id, secret, ...change }, user)
  const refusals: [Promise<{ status: number; body: { message: string } }>, RegExp][] = [
    [met({ secret: Buffer.alloc(32).toString('base64') }), /secret is not what the credential holds/],
    [met({ secret: '%' }), /secret is not base64/],
    [met({}, 'two'), /challenge_id is not one of this server/],
    [met({ challenge_id: id.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) }), /challenge_id is not one of this server/],
    [met({ challenge_id: `${id.split('.')[0]!}.` }), /challenge_id is not one of this server/],
    [met({ challenge_id: 'x' }), /challenge_id is not one of this server/],
  ]
  for (const [answer, message] of refusals) {
    const { status, body } = await answer
    assert.equal(status, 400)
    assert.match(body.message, message)
  }
  const both = await Promise.all([met(), met()])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), [200, 400])
  assert.match((await met()).body.message, /used before/)

  const { body: late } = await call(CHALLENGES, host.request)
  const lateSecret = await host.recover(late)
  runtime.step(5 * 60_000 + 1)
  assert.match((await call(AK_API, { challenge_id: late.challenge_id, secret: lateSecret })).body.message, /the challenge has expired/)
})

test('the TPM opens a challenge for the very key that was named, and for no other', async () => {
  const ak = await loadAk(host.tpm, host.ek, await createAk(host.tpm, host.ek, { scheme: 'rsassa' }))
  const { status, body } = await call(CHALLENGES, {
    ...host.request,
    ak_public: Buffer.from(encodePublicArea(ak.publicArea)).toString('base64'),
  })
  assert.equal(status, 200, body.message)
  await assert.rejects(host.recover(body), { codeName: 'TPM_RC_INTEGRITY' })
})

test('an attestation key that could sign anything, be copied, or decrypt is refused', async () => {
  const area = host.ak.publicArea
  const sent = (attributes: ObjectAttribute[]) => ({
    ak_public: Buffer.from(encodePublicArea({ ...area, attributes } as typeof area)).toString('base64'),
  })
  for (const attribute of ['restricted', 'sign', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin'] as const) {
    await refusedWith(
      sent(area.attributes.filter((each) => each !== attribute)),
      new RegExp(`^ak_public: an attestation key must be ${attribute}`),
    )
  }
  await refusedWith(sent([...area.attributes, 'decrypt']), /^ak_public: an attestation key must not decrypt/)
  await refusedWith({ ak_public: 'AAAA' }, /^ak_public: /)
  await refusedWith({ ak_public: '%' }, /^ak_public is not base64/)
})

test('an endorsement key must be the one of its certificate, and that one must lead to the roots of the user', async () => {
  await refusedWith({ ek_public: host.request.ak_public }, /^ek_public: it is not the key of ek_certificate's subject/)
  await refusedWith({ ek_certificate: makers.pem }, /^ek_public: it is not the key/)
  await refusedWith({ ek_certificate: 'text' }, /^ek_certificate: /)
  await refusedWith({}, /^ek_certificate: it does not lead to a certificate of type tpm_ek/, 'three')
  const own = certificatesFromPem(host.ekCertificate)[0]!
  const spki = { publicKey: publicKeyOf(own) }
  const other = await pki.leaf(makers, 'CN=EK', { ...spki, extendedKeyUsage: [EKU.serverAuth] })
  await refusedWith({ ek_certificate: other.pem }, /^ek_certificate: its extended key usage/)
  const forged = await pki.leaf(await pki.root('CN=TPM makers'), 'CN=EK', { ...spki, keyUsage: ['keyAgreement'] })
  await refusedWith({ ek_certificate: forged.pem }, /^ek_certificate: it does not lead to/)
})

test('a key in a file is enrolled as no TPM, though the CA that is stored as tpm_ek also issues certificates of signing keys', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const area = publicAreaOf(publicKey, { nameAlg: 'sha256', attributes: host.ek.publicArea.attributes, authPolicy: new Uint8Array() })
  const ek_public = Buffer.from(encodePublicArea(area)).toString('base64')
  for (const keyUsage of [
    ['digitalSignature'],
    ['digitalSignature', 'keyEncipherment'],
    ['digitalSignature', 'nonRepudiation'],
  ] as KeyUsage[][]) {
    const { pem } = await pki.leaf(makers, 'CN=someone', { publicKey, keyUsage })
    await refusedWith({ ek_certificate: pem, ek_public }, /^ek_certificate: it does not lead to a certificate of type tpm_ek \(key_usage/)
  }
})

test("a user's CA vouches for that user's nodes alone", async () => {
  const { body: issued } = await host.enroll(server.url, 'one')
  const log = bootLog()
  await host.boot(log)
  const evidence = await host.evidence(
    String(issued.certificate),
    BOOT_PCRS,
    { type: 'TcgEventLog', bytes: log.bytes() },
    new Uint8Array(32),
  )
  assert.equal((await attest(server.url, attestBody(host.ekDigest, evidence), 'one')).status, 200)
  const foreign = await attest(server.url, attestBody(host.ekDigest, evidence), 'two')
  assert.equal(foreign.status, 400)
  assert.match(foreign.body.message, /Certificate chain validation failed/)
})

test('an RSA endorsement key and an RSA attestation key', async () => {
  await using other = await startSwtpm()
  await using rsa = await liveHost(other, pki, makers, 'rsa', { scheme: 'rsapss' })
  const { status, body } = await rsa.enroll(server.url, 'one')
  assert.equal(status, 200, body.message)
  assert.equal(body.node_id, rsa.ekDigest)
})

test('an SM2 attestation key of a TPM gets a certificate and attests', async () => {
  await using other = await startSwtpm()
  await using sm2 = await liveHost(other, pki, makers, 'ecc', { scheme: 'sm2' })
  const { status, body: issued } = await sm2.enroll(server.url, 'one')
  assert.equal(status, 200, issued.message)
  const log = bootLog()
  await sm2.boot(log)
  const sent = { type: 'TcgEventLog', bytes: log.bytes() }
  const evidence = await sm2.evidence(String(issued.certificate), BOOT_PCRS, sent, new Uint8Array(32))
  const attested = await attest(server.url, attestBody(sm2.ekDigest, evidence))
  assert.equal(attested.status, 200, attested.body.message)
})

test('one node has one endorsement key, and no name is the digest of another', async () => {
  const enroll = (body: object) => call(ENROLMENT_API, body, 'two')
  const digest = 'ab'.repeat(32)
  assert.equal((await enroll({ ek_digest: digest.toUpperCase(), node_id: 'a' })).status, 200)
  assert.equal((await enroll({ ek_digest: digest, node_id: 'b' })).status, 409)
  assert.equal((await enroll({ ek_digest: 'cd'.repeat(32), node_id: 'a' })).status, 409)
  const stolen = await enroll({ ek_digest: 'cd'.repeat(32), node_id: host.ekDigest })
  assert.match(stolen.body.message, /^node_id is the digest of another key/)
  assert.match((await enroll({ ek_digest: 'text', node_id: 'c' })).body.message, /^ek_digest/)
  assert.match((await enroll({ node_id: 'c' })).body.message, /give ek_digest or ek_certificate/)
  const { body } = await ask(server.url, 'GET', ENROLMENT_API, { user: 'two' })
  assert.deepEqual(
    (body.enrolments as { node_id: string }[]).map(({ node_id }) => node_id),
    ['a'],
  )
})

test('deleting an enrolment revokes what it led to', async () => {
  await using other = await startSwtpm()
  await using replaced = await liveHost(other, pki, makers)
  const enrolment = { ek_digest: replaced.ekDigest, node_id: 'web' }
  assert.equal((await call(ENROLMENT_API, enrolment)).status, 200)
  const { body: issued } = await replaced.enroll(server.url, 'one')
  assert.equal(issued.node_id, 'web')
  const log = bootLog()
  await replaced.boot(log)
  const evidence = await replaced.evidence(
    String(issued.certificate),
    BOOT_PCRS,
    { type: 'TcgEventLog', bytes: log.bytes() },
    new Uint8Array(32),
  )
  assert.equal((await attest(server.url, attestBody('web', evidence))).status, 200)
  const { body: challenge } = await call(CHALLENGES, replaced.request)
  const removal = await ask(server.url, 'DELETE', ENROLMENT_API, { user: 'one', body: { ek_digest: replaced.ekDigest } })
  assert.deepEqual(removal.body, { deleted: true })
  assert.match((await attest(server.url, attestBody('web', evidence))).body.message, /validation failed: revocation/)
  const late = await call(AK_API, { challenge_id: challenge.challenge_id, secret: await replaced.recover(challenge) })
  assert.match(late.body.message, /the enrolment of this endorsement key changed/)
  const { body } = await ask(server.url, 'GET', `${AK_API}?node_id=web`, { user: 'one' })
  const [row] = body.certificates as { revoked_at?: number; reason?: string }[]
  assert.equal(row!.reason, 'unspecified')
  assert.ok(row!.revoked_at)
})

test('after the clock was days ahead, the CA and the list made meanwhile are not waited for', async () => {
  const ahead = 3 * 24 * 3_600_000
  await storeCertificate(server.url, 'early', makers.pem, ['tpm_ek'], 'makers')
  runtime.step(ahead)
  assert.equal((await host.enroll(server.url, 'early')).status, 200)
  runtime.step(-ahead)
  const { status, body } = await host.enroll(server.url, 'early')
  assert.equal(status, 200, body.message)
  const [ca] = certificatesFromPem(String(body.authority))
  assert.ok(ca!.notBefore.getTime() <= runtime.now())
  const { authorities } = (await ask(server.url, 'GET', `${AK_API}/authority`, { user: 'early' })).body as unknown as {
    authorities: { version: number; crl: string }[]
  }
  for (const { crl } of authorities) assert.ok(crlsFromPem(crl)[0]!.thisUpdate.getTime() <= runtime.now())
  assert.deepEqual(
    authorities.map(({ version }) => version),
    [2, 1],
  )
})

test('who may ask for certificates, see them and enrol', async () => {
  const keys = {
    attester: await makeApiKey(server, 'one', 'attester'),
    pinned: await makeApiKey(server, 'one', 'attester', 'another node'),
    auditor: await makeApiKey(server, 'one', 'auditor'),
  }
  const status = async (apiKey: string, method: string, path: string, body?: unknown) =>
    (await ask(server.url, method, path, { apiKey, body })).status
  assert.equal(await status(keys.attester, 'POST', CHALLENGES, host.request), 200)
  assert.equal(await status(keys.pinned, 'POST', CHALLENGES, host.request), 403)
  assert.equal(await status(keys.auditor, 'POST', CHALLENGES, host.request), 403)
  const { body: challenge } = await call(CHALLENGES, host.request)
  assert.equal(
    await status(keys.pinned, 'POST', AK_API, { challenge_id: challenge.challenge_id, secret: await host.recover(challenge) }),
    403,
  )
  for (const path of [AK_API, `${AK_API}/authority`, ENROLMENT_API]) {
    assert.equal(await status(keys.attester, 'GET', path), 403)
    assert.equal(await status(keys.auditor, 'GET', path), 200)
  }
  for (const key of [keys.attester, keys.auditor]) {
    assert.equal(await status(key, 'POST', ENROLMENT_API, { ek_digest: 'ee'.repeat(32), node_id: 'x' }), 403)
    assert.equal(await status(key, 'DELETE', ENROLMENT_API, { ek_digest: 'ee'.repeat(32) }), 403)
    assert.equal(await status(key, 'POST', `${AK_API}/revocations`, { node_id: 'x' }), 403)
  }
})

eachDatabase('servers that share a store share CAs, challenges and revocations; an altered enrolment is refused', async (store) => {
  const options = { dataDir: store.location.dataDir, databaseUrl: store.location.databaseUrl, runtime }
  await using first = await startTestServer(options)
  await giveSigningKeys(first.server.context.signingKeys)
  await using second = await startTestServer(options)
  await storeCertificate(first.url, 'one', makers.pem, ['tpm_ek'], 'makers')
  const { body: challenge } = await ask(first.url, 'POST', CHALLENGES, { user: 'one', body: host.request })
  const answer = { challenge_id: challenge.challenge_id, secret: await host.recover(challenge) }
  const { status, body: issued } = await ask(second.url, 'POST', AK_API, { user: 'one', body: answer })
  assert.equal(status, 200, issued.message)
  assert.equal((await ask(first.url, 'POST', AK_API, { user: 'one', body: answer })).status, 400, 'used on the other server')
  await first.server.context.feed.poll()
  const { body: authority } = await ask(first.url, 'GET', `${AK_API}/authority`, { user: 'one' })
  assert.equal((authority.authorities as { certificate: string }[])[0]!.certificate, issued.authority)

  const location = { dataDir: store.location.dataDir, databaseUrl: store.location.databaseUrl }
  const { authorities } = first.server.context.attestation.akCertificates
  const check = () => authorities.checkIssued('one', certificatesFromPem(String(issued.certificate))[0]!.der)
  assert.deepEqual(
    (await check()).map(({ passed }) => passed),
    [true],
  )
  await ask(first.url, 'POST', `${AK_API}/revocations`, {
    user: 'one',
    body: { serial_number: issued.serial_number, reason: 'superseded' },
  })
  assert.equal((await check())[0]!.found, 'revoked')
  await queryDatabase(location, 'update ak_certificates set revoked_at = null, reason = null')
  await assert.rejects(check(), { name: 'StorageError', code: 'altered' })
  await queryDatabase(location, 'delete from ak_certificates')
  assert.match(String((await check())[0]!.found), /no record/)

  await ask(first.url, 'POST', ENROLMENT_API, { user: 'one', body: { node_id: 'mine', ek_digest: host.ekDigest } })
  await queryDatabase(location, `update ak_enrolments set node_id = 'yours'`)
  const altered = await ask(first.url, 'POST', CHALLENGES, { user: 'one', body: host.request })
  assert.equal(altered.status, 400)
  assert.match(altered.body.message, /altered in the store/)
  // Another user's row, moved here.
  await queryDatabase(location, `update ak_enrolments set user_id = 'two', node_id = 'mine'`)
  assert.deepEqual((await ask(first.url, 'GET', ENROLMENT_API, { user: 'two' })).body.enrolments, [])
})
