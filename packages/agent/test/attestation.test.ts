// The whole way: a machine with a TPM, the agent, a server, and somebody who relies on the token.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openTpm, tpm2 } from '@vouchsafe/tpm'
import { certificatesFromPem } from '@vouchsafe/x509'
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose'
import type { EvidenceDocument } from '../src/wire.ts'
import { claimsOf } from '../src/tokens.ts'
import { startAuthority, USER } from './support/authority.ts'
import type { Authority } from './support/authority.ts'
import { ask, daemon, EVIDENCES, TOKENS } from './support/daemon.ts'
import { certifyEndorsementKey, makeCa, startHost } from '@vouchsafe/testkit/host'
import type { TestHost } from '@vouchsafe/testkit/host'
import { agent, agentOk } from './support/run.ts'

interface AttesterClaims {
  attestation_status: string
  is_log_valid: boolean
  log_status?: string
  policy_info?: { policy_matched: boolean }[]
}

/** A machine that a local CA has certified, whose certificate the user has stored; gives its configuration. */
async function enrolled(host: TestHost, authority: Authority, nodeId = 'node-1'): Promise<string> {
  const config = await host.config({ agent: { user_id: USER }, server: { server_url: authority.url } })
  const ca = await makeCa(host.swtpm)
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', nodeId])
  await authority.client.addCertificate({ name: `AK CA of ${nodeId}`, type: ['tpm_boot', 'tpm_ima'], content: ca.pem })
  return config
}

async function tokenOf(config: string, ...options: string[]) {
  const { token } = (await agentOk(['token', '--config', config, '--json', ...options])).json() as { token: string }
  return claimsOf(token) as { status: string; ueid: string; tpm_boot: AttesterClaims; tpm_ima: AttesterClaims; [name: string]: unknown }
}

test('a key certified by a local CA: the token is verified with jose from the JWKS, and says what ran', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const config = await enrolled(host, authority)
  const policies = [await authority.addPolicy('tpm_boot')]
  await using service = await daemon(config)
  const { status, body } = await ask(service.url, TOKENS, {
    body: { attester_info: [{ attester_type: 'tpm_boot', policy_ids: policies }], challenge: true, attester_data: { rack: 7 } },
  })
  assert.equal(status, 200, JSON.stringify(body))
  const keys = createRemoteJWKSet(new URL(`${authority.url}/.well-known/jwks.json`))
  const { payload } = await jwtVerify(body['token'] as string, keys)
  assert.deepEqual([payload['ueid'], payload['tenant'], payload['status'], payload['attester_data']], ['node-1', USER, 'pass', { rack: 7 }])
  const boot = payload['tpm_boot'] as AttesterClaims & { secure_boot: string }
  assert.deepEqual([boot.attestation_status, boot.is_log_valid, boot.secure_boot], ['pass', true, 'enabled'])
  const none = createLocalJWKSet({ keys: [] })
  await assert.rejects(jwtVerify(body['token'] as string, none))
})

test('the server certifies a key that its TPM proves to hold; the name is that of the enrolment', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const config = await host.config({ agent: { user_id: USER }, server: { server_url: authority.url } })

  assert.match(
    (await agent(['provision', '--config', config])).stderr,
    /the TPM holds no certificate for its endorsement key.*agent\.ek_cert_path/,
  )
  const makers = await makeCa(host.swtpm, 'TPM makers')
  const ekCertificate = await certifyEndorsementKey(host.swtpm, makers)
  assert.match(
    (await agent(['provision', '--config', config])).stderr,
    /Server error: .*ek_certificate: it does not lead to a certificate of type tpm_ek/,
  )
  await authority.client.addCertificate({ name: 'TPM makers', type: ['tpm_ek'], content: makers.pem })

  const unnamed = (await agentOk(['provision', '--config', config, '--json'])).json() as { keys: [{ nodeId: string; made: boolean }] }
  assert.match(unnamed.keys[0].nodeId, /^[0-9a-f]{64}$/)
  // Those that failed have left nothing behind.
  assert.equal(unnamed.keys[0].made, true)
  const issued = async () => (await authority.client.listAkCertificates()).length
  const count = await issued()
  const misnamed = await agent(['provision', '--config', config, '--node-id', 'node-1', '--replace'])
  assert.match(misnamed.stderr, /the server's certificate would be for the node '[0-9a-f]{64}', not for 'node-1'/)
  assert.equal(await issued(), count)
  const { ek_digest } = await authority.client.addAkEnrolment('rack 7, host "3"', { ek_certificate: ekCertificate })
  assert.equal(ek_digest, unnamed.keys[0].nodeId)
  const named = (await agentOk(['provision', '--config', config, '--json', '--replace'])).json() as {
    keys: [{ nodeId: string; made: boolean }]
  }
  assert.deepEqual([named.keys[0].nodeId, named.keys[0].made], ['rack 7, host "3"', true])

  const { ueid, tpm_boot, tpm_ima } = await tokenOf(config)
  assert.deepEqual([ueid, tpm_boot.is_log_valid, tpm_ima.log_status ?? 'replay_success'], ['rack 7, host "3"', true, 'replay_success'])
})

test('an RSA endorsement key whose certificate is in a file', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const makers = await makeCa(host.swtpm, 'TPM makers')
  const file = host.swtpm.path('ek.pem')
  await writeFile(file, await certifyEndorsementKey(host.swtpm, makers, 'rsa'))
  await using tpm = await openTpm(host.swtpm.address)
  await tpm2.nvUndefineSpace(tpm, { index: await tpm2.nvReadPublic(tpm, 0x01c00002) })
  await tpm.close()
  await authority.client.addCertificate({ name: 'TPM makers', type: ['tpm_ek'], content: makers.pem })
  const certificate = host.swtpm.path('ak.pem')
  const config = await host.config({
    agent: { user_id: USER, ek_cert_path: file },
    server: { server_url: authority.url },
    plugins: [
      { name: 'tpm_boot', params: { tcti_config: host.swtpm.address, log_file_path: host.bootLogPath, ak_cert_path: certificate } },
    ],
  })
  await agentOk(['provision', '--config', config])
  assert.equal(certificatesFromPem(await readFile(certificate, 'utf8')).length, 1)
  assert.equal((await tokenOf(config)).tpm_boot.is_log_valid, true)
})

test('pass, fail by policy, unknown without policy; the document is as the agent API says', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const config = await enrolled(host, authority)
  const unknown = await tokenOf(config)
  assert.deepEqual(
    [unknown.status, unknown.tpm_boot.attestation_status, unknown.tpm_ima.attestation_status],
    ['fail', 'unknown', 'unknown'],
  )

  const holds = await authority.addPolicy('tpm_boot')
  const fails = await authority.addPolicy('tpm_boot', 'input.evidence.secure_boot == "disabled"')
  const boot = ['--attester-types', 'tpm_boot']
  assert.equal((await tokenOf(config, ...boot, '--policy-ids', holds)).status, 'pass')
  assert.equal((await tokenOf(config, ...boot, '--policy-ids', `${holds},${fails}`)).status, 'fail')
  const { stderr, code } = await agent(['token', '--config', config, ...boot, '--policy-ids', 'nothing'])
  assert.deepEqual([code, /Server error: .*nothing/.test(stderr)], [1, true], stderr)
})

/** Sends evidence that the agent has collected to the server, changed. */
async function attestChanged(
  authority: Authority,
  serviceUrl: string | undefined,
  change: (evidence: ChangedEvidence, document: EvidenceDocument) => void,
): Promise<Record<string, unknown>> {
  const nonce = await authority.client.challenge(['tpm_boot'])
  const { status, body } = await ask(serviceUrl, EVIDENCES, { body: { attester_types: ['tpm_boot'], nonce_type: 'default', nonce } })
  assert.equal(status, 200, JSON.stringify(body))
  const document = body as unknown as EvidenceDocument
  change(document.measurements[0].evidences[0]!.evidence as ChangedEvidence, document)
  const { tokens } = await authority.client.attest(document)
  return claimsOf(tokens[0]!.token)
}

interface ChangedEvidence {
  ak_cert: string
  quote: { quote_data: string; signature: string }
  pcrs: { pcr_values: { pcr_index: number; pcr_value: string }[] }
  logs: { log_data: string }[]
}

test('a tampered log, a wrong nonce, a foreign key and a moved PCR are each refused with their reason', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const config = await enrolled(host, authority)
  await authority.addPolicy('tpm_boot', undefined, true)
  await using service = await daemon(config)
  const attest = (change: Parameters<typeof attestChanged>[2]) => attestChanged(authority, service.url, change)

  assert.equal((await attest(() => undefined))['status'], 'pass')
  const tampered = await attest(({ logs }) => {
    const log = Buffer.from(logs[0]!.log_data, 'base64')
    // The last byte of the event's digest, which is followed by the size of its data.
    log[log.indexOf('Calling EFI Application from Boot Option') - 5]! ^= 1
    logs[0]!.log_data = log.toString('base64')
  })
  const { is_log_valid, attestation_status } = tampered['tpm_boot'] as AttesterClaims
  assert.deepEqual([tampered['status'], is_log_valid, attestation_status], ['fail', false, 'fail'])

  const other = await authority.client.challenge(['tpm_boot'])
  await assert.rejects(
    attest((_evidence, document) => Object.assign(document.measurements[0], { nonce: other })),
    /nonce/i,
  )
  await assert.rejects(
    attest((_evidence, document) => Object.assign(document, { nonce_type: 'user', user_nonce: randomBytes(48).toString('base64') })),
    /nonce/i,
  )
  const foreign = await makeCa(host.swtpm, 'node-1')
  await assert.rejects(
    attest((evidence) => void (evidence.ak_cert = foreign.pem)),
    /Certificate chain validation failed/,
  )
  await assert.rejects(
    attest(({ pcrs }) => {
      pcrs.pcr_values.find(({ pcr_index }) => pcr_index === 4)!.pcr_value = randomBytes(32).toString('hex')
    }),
    /PCR digest/i,
  )
  // Moved in the TPM: the quote holds, the log no longer leads to it.
  await host.extend(4)
  const moved = await attest(() => undefined)
  assert.deepEqual([moved['status'], (moved['tpm_boot'] as AttesterClaims).is_log_valid], ['fail', false])
})

test("another machine's key is refused though its CA is trusted for another node", async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  await enrolled(host, authority, 'node-2')
  const pinned = await host.config({ agent: { user_id: USER, uuid: 'node-1' }, server: { server_url: authority.url } })
  const { code, stderr } = await agent(['token', '--config', pinned])
  assert.equal(code, 1)
  assert.match(stderr, /Failed to collect evidence: .* is for the node 'node-2', agent\.uuid says 'node-1'/)
})

test('ten callers at once on one TPM: each gets a token of its own challenge', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const config = await enrolled(host, authority)
  await using service = await daemon(config)
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => ask(service.url, TOKENS, { body: { challenge: true, attester_data: i } })),
  )
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(10).fill(200),
  )
  const claims = answers.map(({ body }) => claimsOf(body['token'] as string))
  assert.deepEqual(
    claims.map(({ attester_data }) => attester_data),
    Array.from({ length: 10 }, (_, i) => i),
  )
  assert.equal(new Set(claims.map(({ eat_nonce }) => JSON.stringify(eat_nonce))).size, 10)
})
