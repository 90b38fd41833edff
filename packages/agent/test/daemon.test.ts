// The agent as a service: on schedule, over a reset of its TPM, with its certificate renewed, under a service manager.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openTpm, tpm2 } from '@vouchsafe/tpm'
import { parseCertificate } from '@vouchsafe/x509'
import type { LastResult } from '../src/scheduler.ts'
import { systemRuntime } from '../src/runtime.ts'
import { startAuthority, USER } from './support/authority.ts'
import { ask, daemon, STATUS } from './support/daemon.ts'
import { certifyEndorsementKey, makeCa, startHost } from '@vouchsafe/testkit/host'
import type { TestCa } from '@vouchsafe/testkit/host'
import { instant } from './support/instant.ts'
import { agentOk } from './support/run.ts'

/** Results one after the other. */
function resultQueue() {
  const waiting: ((result: LastResult) => void)[] = []
  const results: LastResult[] = []
  return {
    push(result: LastResult) {
      const next = waiting.shift()
      if (next === undefined) results.push(result)
      else next(result)
    },
    /** The next one that fits. */
    async next(fits: (result: LastResult) => boolean): Promise<LastResult> {
      for (;;) {
        const result = results.shift() ?? (await new Promise<LastResult>((resolve) => waiting.push(resolve)))
        if (fits(result)) return result
      }
    },
  }
}

test('attests on schedule across a reset of the TPM: what the new boot did not measure fails, the new boot passes', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  await authority.addPolicy('tpm_boot', undefined, true)
  await authority.addPolicy('tpm_ima', undefined, true)
  const config = await host.config({
    agent: { user_id: USER },
    server: { server_url: authority.url },
    schedulers: [{ name: 'challenge', cron_expression: '*/30 * * * * *', initial_delay: { min: 0, max: 5 }, max_retries: 0 }],
  })
  const ca = await makeCa(host.swtpm)
  await authority.client.addCertificate({ name: 'AK CA', type: ['tpm_boot', 'tpm_ima'], content: ca.pem })
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1'])

  const results = resultQueue()
  await using service = await daemon(config, { runtime: instant(), onResult: (result) => results.push(result) })
  const passes = ({ outcome, detail }: LastResult) => outcome === 'ok' && detail === 'pass'
  await results.next(passes)
  // The machine loses its power: PCRs are as new, while the logs of the old boot are still there.
  await host.swtpm.reset()
  await results.next(({ outcome, detail }) => outcome === 'ok' && detail === 'fail')
  await host.boot({ kernel: 'another kernel' })
  await host.measure(['/usr/bin/true'])
  await results.next(passes)
  const { body } = await ask(service.url, STATUS, { method: 'GET' })
  assert.equal((body['last_attestation'] as LastResult).outcome, 'ok')
})

test('renews a certificate of the server when a third of its time is left, or where the writing of one was interrupted', async () => {
  await using host = await startHost()
  await using authority = await startAuthority()
  const makers = await makeCa(host.swtpm, 'TPM makers')
  const ekCertificate = await certifyEndorsementKey(host.swtpm, makers)
  await authority.client.addCertificate({ name: 'TPM makers', type: ['tpm_ek'], content: makers.pem })
  await authority.client.addAkEnrolment('node-1', { ek_certificate: ekCertificate })
  const config = await host.config({ agent: { user_id: USER, renew_certificate: true }, server: { server_url: authority.url } })
  const certified = async (ca: TestCa, ago: number) => {
    const options = ['--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1', '--days', '1']
    await agentOk(['provision', '--config', config, ...options], { ...systemRuntime, now: () => Date.now() - ago * 86_400_000 })
  }
  const nvIndex = 0x150001b
  /** The issuer after the daemon has looked once: it ends only after that. */
  const issuer = async () => {
    await (await daemon(config))[Symbol.asyncDispose]()
    await using tpm = await openTpm(host.swtpm.address)
    return parseCertificate(await tpm2.nvRead(tpm, nvIndex)).issuer.text
  }
  const local = await makeCa(host.swtpm)
  await certified(local, 1.5)
  // The server may call the node by another name.
  assert.equal(await issuer(), 'CN=Test AK CA')
  const earlier = await makeCa(host.swtpm, 'Attestation keys of fleet 0,O=Vouchsafe')
  await certified(earlier, 0.6)
  assert.match(await issuer(), /CN=Attestation keys of fleet 0/)
  await certified(earlier, 0.7)
  assert.match(await issuer(), /CN=Attestation keys of fleet 1/)
  await certified(earlier, 1.5)
  assert.match(await issuer(), /CN=Attestation keys of fleet 1/)

  await (async () => {
    await using tpm = await openTpm(host.swtpm.address)
    const index = await tpm2.nvReadPublic(tpm, nvIndex)
    const der = await tpm2.nvRead(tpm, nvIndex)
    await tpm2.nvUndefineSpace(tpm, { index })
    await tpm2.nvDefineSpace(tpm, {
      nvPublic: { ...index.nvPublic, attributes: index.nvPublic.attributes.filter((each) => each !== 'written') },
    })
    await tpm2.nvWrite(tpm, nvIndex, der.subarray(0, 100), { by: 'owner' })
  })()
  assert.match(await issuer(), /CN=Attestation keys of fleet 1/)
  assert.equal((await agentOk(['token', '--config', config])).stderr, '')
})

test('tells systemd when it is ready, that it lives, and when it ends', async () => {
  await using host = await startHost()
  const config = await host.config()
  const path = host.swtpm.path('notify')
  const script = [
    'import socket, sys',
    's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)',
    's.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)',
    `s.bind(sys.argv[1])`,
    'print("bound", flush=True)',
    'while True:',
    '    for line in s.recv(4096).decode().splitlines():',
    '        if line: print(line, flush=True)',
  ].join('\n')
  const manager = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const lines = createInterface(manager.stdout)[Symbol.asyncIterator]()
    const expectLine = async (expected: string) => {
      for (;;) {
        const { value, done } = (await lines.next()) as { value: string; done?: boolean }
        if (done === true) assert.fail(`no ${expected}`)
        if (value === expected) return
      }
    }
    await expectLine('bound')
    {
      await using _service = await daemon(config, { env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000', PATH: process.env['PATH'] } })
      await expectLine('READY=1')
      await expectLine('WATCHDOG=1')
    }
    await expectLine('STOPPING=1')
  } finally {
    manager.kill()
    await once(manager, 'exit')
  }
})

test('the command serves until SIGTERM, through its launcher, and then ends well', async () => {
  await using host = await startHost()
  const config = await host.config()
  const bin = fileURLToPath(new URL('../bin/vouchsafe-agent.mjs', import.meta.url))
  const child = spawn(process.execPath, [bin, 'run', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { value } = (await lines.next()) as { value: string }
  const url = /^vouchsafe-agent: listening on (http:\S+)$/.exec(value)?.[1]
  assert.equal((await ask(url, '/health', { method: 'GET' })).text, '{"status":"healthy"}')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})
