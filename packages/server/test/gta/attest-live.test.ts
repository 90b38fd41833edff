// A live TPM: an AK certificate from the server, then boot and runtime evidence, over both databases.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { attest, attestBody, bootBank, BOOT_PCRS, claimsOf, storeCertificate } from '@vouchsafe/testkit/evidence'
import { writeImaLog, type Measurement } from '@vouchsafe/testkit/ima-log-writer'
import { AK_API, ENROLMENT_API, liveHost } from '@vouchsafe/testkit/live-host'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { startTestServer } from '@vouchsafe/testkit/server'
import { newSigner, signedJwt } from '@vouchsafe/testkit/signers'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'

const POLICY = `package verification
default matched = false
matched {
    boot := input.evidence.logs[_]
    boot.is_log_valid
}
result = {"policy_matched": matched, "custom_data": {"hash_alg": input.evidence.pcrs.hash_alg}}`

/** The kernel's digest of the boot: SHA-256 over PCRs 0–9. */
function bootAggregate(log: Uint8Array): Buffer {
  const { values } = bootBank(log, 'sha256', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  return createHash('sha256')
    .update(Buffer.concat([...values.values()]))
    .digest()
}

eachDatabase('a live TPM gets an AK certificate, and attests its boot and what ran', async (store) => {
  const pki = pkiAt(Date.now())
  await using server = await startTestServer({ dataDir: store.location.dataDir, databaseUrl: store.location.databaseUrl })
  const { url } = server
  await giveSigningKeys(server.server.context.signingKeys)
  const makers = await pki.root('CN=TPM makers')
  await using swtpm = await startSwtpm()
  await using host = await liveHost(swtpm, pki, makers)
  const log = bootLog()
  await host.boot(log)
  const measurements: Measurement[] = [
    { path: 'boot_aggregate', digest: bootAggregate(log.bytes()) },
    { path: '/usr/bin/bash' },
    { path: '/usr/lib/systemd/systemd', template: 'ima-sig', sig: Buffer.alloc(40, 3) },
  ]
  await host.measure(measurements)

  const untrusted = await host.enroll(url, 'one')
  assert.equal(untrusted.status, 400)
  assert.match(untrusted.body.message, /ek_certificate/)
  await storeCertificate(url, 'one', makers.pem, ['tpm_ek'], 'makers')
  const enrolled = await ask(url, 'POST', ENROLMENT_API, {
    user: 'one',
    body: { node_id: 'rack 7, host "3"', ek_certificate: host.ekCertificate },
  })
  assert.equal(enrolled.status, 200, enrolled.body.message)
  assert.equal(enrolled.body.ek_digest, host.ekDigest)
  const { status, body: issued } = await host.enroll(url, 'one')
  assert.equal(status, 200, issued.message)
  assert.equal(issued.node_id, 'rack 7, host "3"')

  const policy = await ask(url, 'POST', 'policy', {
    user: 'one',
    body: {
      name: 'valid logs',
      attester_type: ['tpm_boot', 'tpm_ima'],
      content_type: 'text',
      content: Buffer.from(POLICY).toString('base64'),
      is_default: true,
    },
  })
  assert.equal(policy.status, 200, policy.body.message)
  const signer = newSigner('rsa')
  await storeCertificate(url, 'one', signer.certificate, ['refvalue'], 'baselines')
  const referenceValues = measurements
    .slice(1)
    .map(({ path }) => ({ fileName: path, sha256: createHash('sha256').update(path).digest('hex') }))
  const baseline = await ask(url, 'POST', 'ref_value', {
    user: 'one',
    body: { name: 'system', attester_type: 'tpm_ima', content: signedJwt(signer, { referenceValues }, { alg: 'RS384' }) },
  })
  assert.equal(baseline.status, 200, baseline.body.message)

  const { body: challenge } = await ask(url, 'POST', 'challenge', { user: 'one', body: CHALLENGE })
  const nonce = Buffer.from(challenge.nonce.value, 'base64').subarray(0, 32)
  const akCert = String(issued.certificate)
  const pcrs = [...BOOT_PCRS, 8, 9]
  const boot = await host.evidence(akCert, BOOT_PCRS, { type: 'TcgEventLog', bytes: log.bytes() }, nonce)
  const runtime = { type: 'ImaLog', bytes: writeImaLog([...measurements, { path: '/later' }], { format: 'ascii' }) }
  const ima = await host.evidence(akCert, [...pcrs, 10], runtime, nonce)
  const body = { ...attestBody(String(issued.node_id), boot), nonce_type: 'default', explanation: true }
  body.measurements[0]!.nonce = challenge.nonce
  body.measurements[0]!.evidences.push({ attester_type: 'tpm_ima', evidence: ima })
  const answer = await attest(url, body)
  assert.equal(answer.status, 200, answer.body.message)
  const claims = claimsOf(answer.body.tokens[0]!.token) as Record<string, Record<string, unknown>>
  assert.equal(claims.status, 'pass')
  assert.equal(claims.tpm_boot!.attestation_status, 'pass')
  assert.equal(claims.tpm_boot!.secure_boot, 'enabled')
  assert.deepEqual(claims.tpm_boot!.policy_info, [
    {
      appraisal_policy_id: (policy.body.policy as { id: string }).id,
      policy_version: 1,
      policy_matched: true,
      attestation_valid: true,
      custom_data: { hash_alg: 'sha256' },
    },
  ])
  const { is_log_valid, ref_value_match_status, entries, unauthenticated_entries, boot_aggregate } = claims.tpm_ima!
  assert.deepEqual(
    { is_log_valid, ref_value_match_status, entries, unauthenticated_entries, boot_aggregate },
    { is_log_valid: true, ref_value_match_status: 'matched', entries: 3, unauthenticated_entries: 1, boot_aggregate: 'matched' },
  )
  const explanation = claims.explanation as unknown as Record<string, { checks: { name: string; passed: boolean }[] }>
  assert.ok(explanation.tpm_boot!.checks.some(({ name, passed }) => name === 'quote_signature' && passed))

  const { body: revoked } = await ask(url, 'POST', `${AK_API}/revocations`, {
    user: 'one',
    body: { node_id: 'rack 7, host "3"', reason: 'keyCompromise' },
  })
  assert.deepEqual(revoked.revoked, [issued.serial_number])
  const refused = await attest(url, attestBody('rack 7, host "3"', boot))
  assert.equal(refused.status, 400)
  assert.match(refused.body.message, /Certificate chain validation failed: revocation .*keyCompromise/)
})
