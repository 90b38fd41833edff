// What the doctor finds, and what it advises.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { Finding } from '../src/doctor.ts'
import { systemRuntime } from '../src/runtime.ts'
import type { Runtime } from '../src/runtime.ts'
import { startAuthority, USER } from './support/authority.ts'
import { makeCa, startHost } from '@vouchsafe/testkit/host'
import { agent, agentOk } from './support/run.ts'

async function examined(config: string, runtime?: Runtime) {
  const { code, stdout } = await agent(['doctor', '--config', config, '--json'], runtime)
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  const find = (name: RegExp) => findings.find((finding) => name.test(finding.name))
  return { code, findings, find, states: findings.map(({ state }) => state) }
}

test('a machine before and after it is set up', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const config = await host.config({ agent: { user_id: USER }, server: { server_url: authority.url } })
  const before = await examined(config)
  assert.equal(before.code, 1)
  const key = before.find(/attestation key/)
  assert.deepEqual([key?.state, key?.advice], ['failed', 'vouchsafe-agent provision'])
  assert.match(key!.found, /the TPM has no key at 0x81010020/)

  const ca = await makeCa(host.swtpm)
  await agentOk([
    'provision',
    '--config',
    config,
    '--ca-cert',
    ca.certificatePath,
    '--ca-key',
    ca.keyPath,
    '--node-id',
    'node-1',
    '--days',
    '10',
  ])
  const after = await examined(config)
  assert.deepEqual([after.code, new Set(after.states)], [0, new Set(['ok'])], JSON.stringify(after.findings))
  assert.match(after.find(/its certificate/)!.found, /node 'node-1', issued by CN=Test AK CA, until /)
  assert.match(after.find(/tpm_ima/)!.found, /agrees with the PCRs/)
  assert.match((await agentOk(['doctor', '--config', config])).stdout, /^ok {7}configuration: /)

  await host.extend(2)
  const moved = await examined(config)
  assert.deepEqual([moved.code, moved.find(/tpm_boot/)?.state], [0, 'warning'])
  await writeFile(host.imaLogPath, '')
  const empty = await examined(config)
  assert.deepEqual([empty.code, empty.find(/tpm_ima/)?.found], [1, 'it is empty'])
  assert.match(empty.find(/tpm_ima/)!.advice!, /ima_policy=tcb/)
})

test('a clock that is off, a certificate about to end, one that has ended', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const config = await host.config({ agent: { user_id: USER }, server: { server_url: authority.url } })
  const ca = await makeCa(host.swtpm)
  await agentOk([
    'provision',
    '--config',
    config,
    '--ca-cert',
    ca.certificatePath,
    '--ca-key',
    ca.keyPath,
    '--node-id',
    'node-1',
    '--days',
    '10',
  ])
  const inDays = (days: number) => examined(config, { ...systemRuntime, now: () => Date.now() + days * 86_400_000 })
  const late = await inDays(8)
  assert.deepEqual([late.code, late.find(/its certificate/)?.state, late.find(/clock/)?.state], [0, 'warning', 'warning'])
  assert.match(late.find(/clock/)!.found, /^6912\d\d seconds ahead of the server$/)
  const ended = await inDays(11)
  assert.deepEqual([ended.code, ended.find(/its certificate/)?.state], [1, 'failed'])
  assert.match(ended.find(/its certificate/)!.found, /it expired on /)
})

test('a TPM, a bank and a server that are not there', async () => {
  await using host = await startHost()
  const config = await host.config({
    server: { server_url: 'http://127.0.0.1:1' },
    plugins: [
      { name: 'tpm_boot', params: { tcti_config: '/dev/no-tpm', log_file_path: host.bootLogPath } },
      { name: 'tpm_ima', params: { tcti_config: 'swtpm:/no/such/socket', log_file_path: host.imaLogPath } },
    ],
  })
  const { code, findings, find } = await examined(config)
  assert.equal(code, 1)
  assert.match(find(/no-tpm/)!.advice!, /enable the TPM/)
  assert.match(find(/no\/such\/socket/)!.advice!, /start the emulator/)
  assert.match(find(/^server/)!.advice!, /is the server running/)
  assert.deepEqual(
    findings.map(({ state }) => state),
    ['ok', 'failed', 'failed', 'failed'],
  )
})
