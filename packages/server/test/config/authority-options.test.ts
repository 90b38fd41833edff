// The options of the attestation authority: rules between them, and what is said aloud at start.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { MAIN, temporaryFolder } from '@vouchsafe/testkit/server'
import { ConfigError, readConfig } from '../../src/config/config.ts'
import { testCa } from '../support/certificates.ts'

/** What the server logs until it is ready; then it is told to end. */
async function logOf(flags: string[]): Promise<string> {
  const dataDir = await temporaryFolder()
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'server', '--data-dir', dataDir, ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stdout.once('data', () => child.kill('SIGTERM'))
  const code = await new Promise((resolve) => child.once('close', resolve))
  await rm(dataDir, { recursive: true })
  assert.equal(code, 0, log)
  return log
}

test('unsafe choices are announced: User-Id alone on loopback, ignored nonces, the key manager', async () => {
  using ca = testCa()
  const { cert, key } = ca.issue('/CN=localhost')
  const tls = ['--tls-cert', cert, '--tls-key', key]
  const plain = await logOf(['--listen', '127.0.0.1:0'])
  assert.match(plain, /on loopback a User-Id alone is accepted/)
  assert.doesNotMatch(plain, /ignored-nonces|key-manager/)
  const keyManager = ['--key-manager-listen', '127.0.0.1:0', '--key-manager-ca', ca.file, '--key-manager-clients', 'one,two']
  const unsafe = await logOf(['--listen', '0.0.0.0:0', ...tls, '--ignored-nonces', ...keyManager])
  assert.doesNotMatch(unsafe, /on loopback a User-Id alone/)
  assert.match(unsafe, /captured evidence can be used again/)
  assert.match(unsafe, /"clients":\["one","two"\].*can read the PRIVATE keys/)
})

test('options that need others are refused without them, and values that cannot be by their name', () => {
  const refused = (message: RegExp, ...flags: string[]) =>
    assert.throws(
      () => readConfig(flags, {}),
      (error) => error instanceof ConfigError && message.test(error.message),
    )
  const tls = ['--tls-cert', 'c', '--tls-key', 'k']
  refused(/tls-client-ca needs tls-cert and tls-key/, '--tls-client-ca', 'ca')
  assert.equal(readConfig(['--tls-client-ca', 'ca', '--tls-self-signed'], {}).tlsClientCa, 'ca')
  const keyManager = ['--key-manager-listen', '127.0.0.1:1', '--key-manager-ca', 'ca', '--key-manager-clients', 'one', ...tls]
  assert.deepEqual(readConfig(keyManager, {}).keyManagerClients, ['one'])
  for (const missing of ['--key-manager-ca', '--key-manager-clients']) {
    const at = keyManager.indexOf(missing)
    refused(/key-manager-listen: give/, ...keyManager.slice(0, at), ...keyManager.slice(at + 2))
  }
  refused(/key-manager-listen: give/, ...keyManager.slice(0, 6))
  for (const rate of ['10', '0/1', '1/0', 'all', '1/1/1', '']) refused(/PER_SECOND\/BURST/, '--management-rate', rate)
  assert.equal(readConfig(['--management-rate', 'none'], {}).managementRate, undefined)
  refused(/is not one of RS256, PS256, PS384, ES256, ES384/, '--token-algorithm', 'HS256')
  refused(/from 1 to 100/, '--evidence-limit-mib', '101')
  refused(/must not be empty/, '--key-manager-clients', 'one,')
})
