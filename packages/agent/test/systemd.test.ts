// The unit that is shipped: systemd understands it, it is as closed as can be, and the agent works with what it leaves.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, chown, readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeCa, startHost } from '@vouchsafe/testkit/host'
import { agentOk } from './support/run.ts'

const UNIT = fileURLToPath(new URL('../systemd/vouchsafe-agent.service', import.meta.url))
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const NOBODY = 65534

test('systemd reads the unit without a complaint, and finds little that it exposes', async () => {
  await using host = await startHost()
  const unit = host.swtpm.path('vouchsafe-agent.service')
  const text = await readFile(UNIT, 'utf8')
  // The program is where the package is installed, which is not on every machine.
  await writeFile(unit, text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true').replace(/^Documentation=.*$/m, ''))
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' })
  const complaints = verified.stderr.split('\n').filter((line) => line.includes('vouchsafe-agent'))
  assert.deepEqual(complaints, [])
  const security = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], { encoding: 'utf8' })
  const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(security)?.[1])
  assert.ok(exposure <= 2.5, security)
})

test("a server's root key and settings on the same machine are hidden from the agent, which may read all files", async () => {
  const server = await readFile(fileURLToPath(new URL('../../../deploy/vouchsafe.service', import.meta.url)), 'utf8')
  const hidden = /^InaccessiblePaths=(.*)$/m.exec(await readFile(UNIT, 'utf8'))![1]!.split(' ')
  for (const setting of [/^Environment=VOUCHSAFE_DATA_DIR=(.*)$/m, /^EnvironmentFile=-(.*)$/m])
    assert.ok(hidden.includes(`-${setting.exec(server)![1]}`), String(setting))
})

test('an account without rights, that may use the TPM and read the logs, is all that evidence needs', async () => {
  await using host = await startHost()
  const config = await host.config()
  const ca = await makeCa(host.swtpm)
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'node-1'])
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    await chmod(host.swtpm.dir, 0o755)
    for (const file of [config, host.bootLogPath, host.imaLogPath]) await chmod(file, 0o444)
    // As the group tss has the device.
    await chown(host.swtpm.path('tpm'), NOBODY, NOBODY)
  }
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'evidence', '--config', config, '--nonce-type', 'ignore']
  const account = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: {}, cwd: '/', maxBuffer: 1e8, ...account })
  assert.equal(status, 0, stderr)
  assert.equal((JSON.parse(stdout) as { measurements: unknown[] }).measurements.length, 1)
})
