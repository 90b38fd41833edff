// Evidence as it is collected from a real TPM emulator, checked with the libraries that verifiers use.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseEventLog, parseImaLog, publicAreaKey, replay, replayImaLog, tpm2, openTpm, verifyQuote } from '@vouchsafe/tpm'
import type { PcrBank } from '@vouchsafe/tpm'
import { certificatesFromPem, publicKeyOf } from '@vouchsafe/x509'
import { writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import type { EvidenceDocument } from '../src/wire.ts'
import { extendCommand, startTpmProxy } from './support/tpm-proxy.ts'
import { makeCa, startHost } from '@vouchsafe/testkit/host'
import type { TestHost } from '@vouchsafe/testkit/host'
import { agent, agentOk } from './support/run.ts'

interface TpmEvidence {
  ak_cert: string
  quote: { quote_data: string; signature: string }
  pcrs: { hash_alg: 'sha256'; pcr_values: { pcr_index: number; pcr_value: string }[] }
  logs: [{ log_type: string; log_data: string }]
}

const NONCE = { iat: 1, value: randomBytes(64).toString('base64'), signature: randomBytes(384).toString('base64') }

async function provisioned(host: TestHost, nodeId = 'node-1'): Promise<string> {
  const config = await host.config()
  const ca = await makeCa(host.swtpm)
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', nodeId])
  return config
}

function evidenceOf(document: EvidenceDocument, type: string): TpmEvidence {
  return document.measurements[0].evidences.find(({ attester_type }) => attester_type === type)!.evidence as TpmEvidence
}

function verdictOf({ ak_cert, quote, pcrs }: TpmEvidence, qualifyingData: Uint8Array | 'any') {
  const bank: PcrBank = {
    algorithm: pcrs.hash_alg,
    values: new Map(pcrs.pcr_values.map(({ pcr_index, pcr_value }) => [pcr_index, Buffer.from(pcr_value, 'hex')])),
  }
  return {
    bank,
    verdict: verifyQuote({
      quote: Buffer.from(quote.quote_data, 'base64'),
      signature: Buffer.from(quote.signature, 'base64'),
      publicKey: publicKeyOf(certificatesFromPem(ak_cert)[0]!),
      qualifyingData,
      pcrs: bank,
    }),
  }
}

test('evidence for a nonce of the server: quotes carry its first 32 bytes, and both logs lead to the quoted PCRs', async () => {
  await using host = await startHost()
  const config = await provisioned(host)
  const { stdout } = await agentOk(['evidence', '--config', config, '--nonce', JSON.stringify(NONCE), '--attester-data', '{"a":[1]}'])
  const document = JSON.parse(stdout) as EvidenceDocument
  assert.equal(document.agent_version, '0.1.0')
  assert.deepEqual([document.nonce_type, document.user_nonce], ['default', null])
  const [{ node_id, nonce, attester_data, evidences }] = document.measurements
  assert.deepEqual([node_id, nonce, attester_data], ['node-1', NONCE, { a: [1] }])
  assert.deepEqual(
    evidences.map(({ attester_type, policy_ids }) => [attester_type, policy_ids]),
    [
      ['tpm_boot', null],
      ['tpm_ima', null],
    ],
  )

  const expected = Buffer.from(NONCE.value, 'base64').subarray(0, 32)
  const boot = evidenceOf(document, 'tpm_boot')
  const bootVerdict = verdictOf(boot, expected)
  assert.deepEqual(
    bootVerdict.verdict.checks.filter(({ passed }) => !passed),
    [],
  )
  assert.equal(boot.logs[0].log_type, 'TcgEventLog')
  const bootPcrs = replay(parseEventLog(Buffer.from(boot.logs[0].log_data, 'base64')), 'sha256')
  for (const [index, value] of bootVerdict.bank.values) assert.deepEqual(Buffer.from(bootPcrs.get(index)!.value), value, `PCR ${index}`)

  const ima = evidenceOf(document, 'tpm_ima')
  const imaVerdict = verdictOf(ima, expected)
  assert.ok(imaVerdict.verdict.valid)
  assert.equal(ima.logs[0].log_type, 'ImaLog')
  const { entries } = parseImaLog(Buffer.from(ima.logs[0].log_data, 'base64'))
  const replayed = replayImaLog(entries, { algorithm: 'sha256', expected: imaVerdict.bank.values.get(10)! })
  assert.deepEqual([replayed.authenticated, replayed.tail], [4, 0])
})

test("evidence for a nonce of the asker's own, and for none", async () => {
  await using host = await startHost()
  const config = await provisioned(host)
  const userNonce = randomBytes(48).toString('base64')
  const own = (
    await agentOk(['evidence', '--config', config, '--nonce-type', 'user', '--user-nonce', userNonce])
  ).json() as EvidenceDocument
  assert.deepEqual([own.nonce_type, own.user_nonce, own.measurements[0].nonce], ['user', userNonce, null])
  assert.ok(verdictOf(evidenceOf(own, 'tpm_boot'), Buffer.from(userNonce, 'base64').subarray(0, 32)).verdict.valid)

  const none = (
    await agentOk(['evidence', '--config', config, '--nonce-type', 'ignore', '--attester-types', 'tpm_ima'])
  ).json() as EvidenceDocument
  assert.deepEqual(
    [none.nonce_type, none.user_nonce, none.measurements[0].nonce, none.measurements[0].attester_data],
    ['ignore', null, null, null],
  )
  assert.ok(verdictOf(evidenceOf(none, 'tpm_ima'), new Uint8Array(0)).verdict.valid)
})

test('what is measured after the quote is cut off the IMA log, a half-written entry too', async () => {
  await using host = await startHost()
  const config = await provisioned(host)
  const whole = await readFile(host.imaLogPath)
  // In the log, and not yet in the PCR: as the kernel has it for a moment.
  await appendFile(host.imaLogPath, whole.subarray(whole.indexOf('\n') + 1))
  await appendFile(host.imaLogPath, '10 0123456789abcdef')
  const document = (
    await agentOk(['evidence', '--config', config, '--nonce-type', 'ignore', '--attester-types', 'tpm_ima'])
  ).json() as EvidenceDocument
  assert.deepEqual(Buffer.from(evidenceOf(document, 'tpm_ima').logs[0].log_data, 'base64').toString(), whole.toString())
})

test('a log that does not lead to the PCRs is given as it is, with a warning: the server judges', async () => {
  await using host = await startHost()
  const config = await provisioned(host)
  await host.extend(4)
  const { stdout, stderr } = await agentOk(['evidence', '--config', config, '--nonce-type', 'ignore', '--attester-types', 'tpm_boot'])
  assert.match(stderr, /the log does not replay to the values of PCR 4/)
  const { ak_cert: _, ...boot } = evidenceOf(JSON.parse(stdout) as EvidenceDocument, 'tpm_boot')
  assert.equal(boot.logs[0].log_data, (await readFile(host.bootLogPath)).toString('base64'))
})

test('logs that are missing, malformed or too long are refused by name', async () => {
  await using host = await startHost()
  const config = await provisioned(host)
  const evidence = async (type: string) => {
    const { code, stderr } = await agent(['evidence', '--config', config, '--nonce-type', 'ignore', '--attester-types', type])
    assert.equal(code, 1)
    return stderr
  }
  await writeFile(host.bootLogPath, randomBytes(500))
  assert.match(await evidence('tpm_boot'), /Failed to collect evidence: tpm_boot: the log can't be read: /)
  await writeFile(host.imaLogPath, 'no log at all\n')
  assert.match(await evidence('tpm_ima'), /Failed to collect evidence: tpm_ima: the log can't be read: /)
  const missing = await host.config({
    plugins: [{ name: 'tpm_boot', params: { tcti_config: host.swtpm.address, log_file_path: '/no/such/log' } }],
  })
  const { stderr } = await agent(['evidence', '--config', missing, '--nonce-type', 'ignore'])
  assert.match(stderr, /log \/no\/such\/log: there is no such file/)
})

test('a key, a certificate or a bank that is not as configured is refused by name', async () => {
  await using host = await startHost()
  const config = await provisioned(host)
  const evidence = async (params: object, agentSection: object = {}) => {
    const changed = await host.config({
      agent: agentSection,
      plugins: [{ name: 'tpm_boot', params: { tcti_config: host.swtpm.address, log_file_path: host.bootLogPath, ...params } }],
    })
    return (await agent(['evidence', '--config', changed, '--nonce-type', 'ignore'])).stderr
  }
  assert.match(await evidence({ ak_handle: 0x81010021 }), /the TPM has no key at 0x81010021: 'vouchsafe-agent provision' sets it up/)
  assert.match(await evidence({ ak_nv_index: 0x1500020 }), /the attestation key has no certificate at NV index 0x1500020/)
  assert.match(await evidence({ ak_cert_path: '/no/such/cert.pem' }), /no certificate at \/no\/such\/cert\.pem/)
  assert.match(await evidence({}, { uuid: 'other' }), /is for the node 'node-1', agent\.uuid says 'other'/)
  assert.match(
    await evidence({ quote_signature_scheme: { signature_algo: 'rsassa' } }),
    /signs with ecdsa and sha256, quote_signature_scheme says rsassa/,
  )
  const foreign = await makeCa(host.swtpm)
  assert.match(await evidence({ ak_cert_path: foreign.certificatePath }), /is for another key/)
  await host.swtpm.kill()
  assert.match(await evidence({}), /Failed to collect evidence: tpm_boot: TPM at .*: connect/)
  assert.ok(config)
})

test('a key that another tool has made, with RSA and a certificate split over two NV indices, is used as it is', async () => {
  await using host = await startHost()
  const config = await host.config({
    plugins: [
      {
        name: 'tpm_boot',
        params: {
          tcti_config: host.swtpm.address,
          log_file_path: host.bootLogPath,
          quote_signature_scheme: { signature_alg: 'rsapss', hash_alg: 'sha256' },
        },
      },
    ],
  })
  const ca = await makeCa(host.swtpm)
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1'])
  await using connection = await openTpm(host.swtpm.address)
  const der = await tpm2.nvRead(connection, 0x150001b)
  await tpm2.nvUndefineSpace(connection, { index: await tpm2.nvReadPublic(connection, 0x150001b) })
  const half = Math.floor(der.length / 2)
  for (const [i, part] of [der.subarray(0, half), Buffer.concat([der.subarray(half), Buffer.alloc(20)])].entries()) {
    const index = 0x150001b + i
    await tpm2.nvDefineSpace(connection, {
      nvPublic: {
        index,
        nameAlg: 'sha256',
        nvType: 'ordinary',
        attributes: ['ownerWrite', 'ownerRead', 'authRead'],
        authPolicy: new Uint8Array(0),
        dataSize: part.length,
      },
    })
    await tpm2.nvWrite(connection, index, part, { by: 'owner' })
  }
  await connection.close()
  const document = (await agentOk(['evidence', '--config', config, '--nonce-type', 'ignore'])).json() as EvidenceDocument
  const evidence = evidenceOf(document, 'tpm_boot')
  const { verdict } = verdictOf(evidence, 'any')
  assert.ok(verdict.valid)
  assert.equal(verdict.signature?.scheme, 'rsapss')
  await using again = await openTpm(host.swtpm.address)
  const ak = await tpm2.readPublic(again, 0x81010020)
  assert.ok(publicKeyOf(certificatesFromPem(evidence.ak_cert)[0]!).equals(publicAreaKey(ak.publicArea)))
})

test('a PCR that moves between the quote and the reading of its values: both are taken again', async () => {
  await using host = await startHost()
  await provisioned(host)
  // Outside of what the log tells, so that the second try agrees with itself but not with the log.
  const moves = extendCommand(4, randomBytes(32))
  await using proxy = await startTpmProxy(host.swtpm.path('proxy'), host.swtpm.data, (count) => (count === 1 ? moves : undefined))
  const config = await host.config({
    plugins: [{ name: 'tpm_boot', params: { tcti_config: proxy.address, log_file_path: host.bootLogPath } }],
  })
  const document = (await agentOk(['evidence', '--config', config, '--nonce-type', 'ignore'])).json() as EvidenceDocument
  assert.ok(verdictOf(evidenceOf(document, 'tpm_boot'), new Uint8Array(0)).verdict.valid)
  assert.equal(proxy.quotes(), 2)
})

test('a file that is measured between the quote and the reading of the log: the log is cut where the quote ends', async () => {
  await using host = await startHost()
  await provisioned(host)
  const before = await readFile(host.imaLogPath)
  const late = [{ path: '/usr/bin/late' }]
  await using proxy = await startTpmProxy(host.swtpm.path('proxy'), host.swtpm.data, (count) => {
    if (count > 1) return undefined
    appendFileSync(host.imaLogPath, writeImaLog(late, { format: 'ascii' }))
    return undefined
  })
  const config = await host.config({
    plugins: [{ name: 'tpm_ima', params: { tcti_config: proxy.address, log_file_path: host.imaLogPath } }],
  })
  const document = (await agentOk(['evidence', '--config', config, '--nonce-type', 'ignore'])).json() as EvidenceDocument
  assert.equal(Buffer.from(evidenceOf(document, 'tpm_ima').logs[0].log_data, 'base64').toString(), before.toString())
  assert.equal(proxy.quotes(), 1)
})

test('PCRs that never rest are refused', async () => {
  await using host = await startHost()
  await provisioned(host)
  await using proxy = await startTpmProxy(host.swtpm.path('proxy'), host.swtpm.data, () => extendCommand(4, randomBytes(32)))
  const config = await host.config({
    plugins: [{ name: 'tpm_boot', params: { tcti_config: proxy.address, log_file_path: host.bootLogPath } }],
  })
  const { code, stderr } = await agent(['evidence', '--config', config, '--nonce-type', 'ignore'])
  assert.equal(code, 1)
  assert.match(stderr, /Failed to collect evidence: tpm_boot: the PCRs are being extended all the time/)
})
