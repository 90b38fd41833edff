// The operators' commands of the attestation authority, through the real command line against a real server.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, CHALLENGE } from '@vouchsafe/testkit/authority'
import { anyPrivateKey } from '@vouchsafe/testkit/authority-keys'
import { startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'

test('keys with roles are made, listed and revoked; signing keys are imported from a file, listed and rotated', async () => {
  await using server = await startTestServer()
  await using terminal = await openTerminal()
  terminal.env['VOUCHSAFE_DATA_DIR'] = server.dataDir
  const file = join(server.dataDir, 'key.pem')
  await writeFile(file, anyPrivateKey())
  for (const name of ['NSK', 'FSK', 'TSK']) {
    const { code, text } = await terminal.vouchsafe(['signing-keys', 'import', name, file])
    assert.deepEqual([code, text], [0, `imported as ${name} version 1\n`])
  }
  const rotated = await terminal.vouchsafe(['signing-keys', 'rotate', 'TSK'])
  assert.match(rotated.text, /^NAME +VERSION +ALGORITHM +CREATED +KID\nTSK +2 +rsa_3072 +\d{4}-.*Z +[\w-]{43}\n$/)
  assert.equal((await terminal.vouchsafe(['signing-keys', 'list'])).text.trim().split('\n').length, 5)
  assert.equal((await terminal.vouchsafe(['signing-keys', 'rotate', 'PSK'])).code, 2)
  const current = await terminal.vouchsafe(['signing-keys', 'retire', 'TSK', '2'])
  assert.equal(current.code, 1)
  assert.match(current.stderr, /TSK version 2 signs.*signing-keys rotate TSK/)
  assert.equal((await terminal.vouchsafe(['signing-keys', 'retire', 'TSK', '1'])).text, 'TSK version 1 is retired\n')
  assert.equal((await terminal.vouchsafe(['signing-keys', 'retire', 'TSK', 'one'])).code, 2)
  assert.equal((await terminal.vouchsafe(['signing-keys', 'list'])).text.trim().split('\n').length, 4)
  assert.equal((await terminal.vouchsafe(['signing-keys', 'import', 'TSK', join(server.dataDir, 'missing')])).code, 1)

  const made = await terminal.vouchsafe([
    'users',
    'keys',
    'create',
    'payroll',
    '--role',
    'attester',
    '--node',
    'n 1',
    '--label',
    'x',
    '--expires',
    '90d',
  ])
  assert.equal(made.code, 0)
  const [, id, apiKey] = /^credential (\S+)\nAPI key \(shown only once\): (\w{32})\n$/.exec(made.text)!
  assert.equal((await ask(server.url, 'POST', 'challenge', { apiKey: apiKey!, body: CHALLENGE })).status, 200)
  const { text } = await terminal.vouchsafe(['users', 'keys', 'list', '--user', 'payroll'])
  assert.match(text.split('\n')[1]!, new RegExp(`^${id} +payroll +api-key +attester +n 1 +x +\\d{4}-.*Z$`))
  assert.equal((await terminal.vouchsafe(['users', 'keys', 'revoke', id!])).text, `credential ${id} is revoked\n`)
  assert.equal((await ask(server.url, 'POST', 'challenge', { apiKey: apiKey!, body: CHALLENGE })).status, 401)
  assert.equal((await terminal.vouchsafe(['users', 'keys', 'create', 'payroll'])).code, 2)
})
