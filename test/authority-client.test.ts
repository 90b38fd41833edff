// The client of the attestation authority takes what a live TPM's host needs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthorityClient, VouchsafeError } from '@vouchsafe/client'
import { activateAk } from '@vouchsafe/tpm'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { bootLog } from '@vouchsafe/testkit/boot-log'
import { BOOT_PCRS, claimsOf } from '@vouchsafe/testkit/evidence'
import { liveHost } from '@vouchsafe/testkit/live-host'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { startTestServer } from '@vouchsafe/testkit/server'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'

test('a host with a TPM gets a certificate for its key, attests with it, and is refused once that is revoked', async () => {
  await using server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
  const client = new AuthorityClient({ baseUrl: server.url, user: 'payroll' })
  const pki = pkiAt(Date.now())
  const makers = await pki.root('CN=TPM makers')
  await using swtpm = await startSwtpm()
  await using host = await liveHost(swtpm, pki, makers)
  const log = bootLog()
  await host.boot(log)

  await client.addCertificate({ name: 'makers', type: 'tpm_ek', content: makers.pem })
  const enrolment = await client.addAkEnrolment('rack 7', { ek_certificate: host.ekCertificate })
  assert.deepEqual(await client.listAkEnrolments(), [enrolment])
  const { ek_certificate, ek_public, ak_public } = host.request
  const publics = { ek_public: Buffer.from(ek_public, 'base64'), ak_public: Buffer.from(ak_public, 'base64') }
  const challenge = await client.challengeAk({ ek_certificate, ...publics })
  const decoded = { credentialBlob: challenge.credential_blob, encryptedSecret: challenge.encrypted_secret }
  const secret = await activateAk(host.tpm, { ek: host.ek, ak: host.ak }, decoded)
  const issued = await client.issueAkCertificate(challenge.challenge_id, new Uint8Array(secret))
  assert.equal(issued.node_id, 'rack 7')
  assert.equal((await client.listAkAuthorities())[0]!.certificate, issued.authority)

  const attest = async () => {
    const nonce = await client.challenge(['tpm_boot'])
    const qualifying = Buffer.from(nonce.value, 'base64').subarray(0, 32)
    const evidence = await host.evidence(issued.certificate, BOOT_PCRS, { type: 'TcgEventLog', bytes: log.bytes() }, qualifying)
    const measurements = [{ node_id: 'rack 7', nonce, evidences: [{ attester_type: 'tpm_boot', evidence }] }]
    return client.attest({ agent_version: '1.0', measurements, explanation: true })
  }
  const { tokens, errors } = await attest()
  assert.equal(errors, undefined)
  const claims = claimsOf(tokens[0]!.token)
  assert.deepEqual([claims['ueid'], claims['tenant']], ['rack 7', 'payroll'])
  const verdict = await client.verifyToken(tokens[0]!.token)
  assert.equal(verdict.verification_pass, true)
  assert.equal(verdict.token_body?.['jti'], claims['jti'])
  assert.equal((await new AuthorityClient({ baseUrl: server.url, user: 'other' }).verifyToken(tokens[0]!.token)).verification_pass, false)
  const { keys } = await client.jsonWebKeySet()
  assert.ok(keys.some(({ kid }) => kid === verdict.token_header?.['kid']))

  assert.deepEqual(await client.revokeAkCertificates({ node_id: 'rack 7' }, 'keyCompromise'), [issued.serial_number])
  assert.equal((await client.listAkCertificates('rack 7'))[0]!.reason, 'keyCompromise')
  await assert.rejects(attest(), (error) => error instanceof VouchsafeError && error.code === 400)
  assert.equal(await client.deleteAkEnrolment(enrolment.ek_digest), true)
})
