import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { APIKEY, startService } from './support/service.ts'

test('enroll keeps the credentials in a file of mode 0600 and prints the appid, not the apikey', async () => {
  await using service = await startService()
  await using terminal = await openTerminal()
  const { code, text, stderr } = await terminal.vouchsafe(['enroll', '--url', service.url])
  assert.equal(code, 0, stderr)
  const file = terminal.path('config/vouchsafe/profiles.json')
  const { profiles } = JSON.parse(await readFile(file, 'utf8')) as {
    profiles: Record<string, { url: string; appid: string; apikey: string }>
  }
  assert.deepEqual(Object.keys(profiles), ['default'])
  assert.deepEqual([profiles['default']!.url, profiles['default']!.apikey], [service.url, APIKEY])
  assert.ok(text.includes(profiles['default']!.appid) && !text.includes(APIKEY))
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal((await stat(dirname(file))).mode & 0o777, 0o700)
  assert.deepEqual(await readdir(dirname(file)), ['profiles.json'])
  assert.equal((await terminal.vouchsafe(['keys', 'list'])).code, 0)
})

test('enroll prints the apikey with --show only, also in JSON', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  assert.ok(!(await terminal.vouchsafe(['enroll', '--json'])).text.includes(APIKEY))
  const shown = await terminal.vouchsafe(['enroll', '--profile', 'other', '--show', '--json'])
  assert.equal((shown.json() as { apikey: string }).apikey, APIKEY)
  assert.match((await terminal.vouchsafe(['enroll', '--profile', 'third', '--show'])).text, new RegExp(`^apikey ${APIKEY}$`, 'm'))
})

test('enroll replaces a profile only with --force and leaves the others alone', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  for (const name of ['a', 'b']) await terminal.vouchsafe(['enroll', '--profile', name])
  const file = terminal.path('config/vouchsafe/profiles.json')
  const before = await readFile(file, 'utf8')
  const refused = await terminal.vouchsafe(['enroll', '--profile', 'a'])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /profile 'a' exists/)
  assert.equal(service.seen.length, 2, 'nobody is enrolled in vain')
  assert.equal(await readFile(file, 'utf8'), before)
  assert.equal((await terminal.vouchsafe(['enroll', '--profile', 'a', '--force'])).code, 0)
  const old = (JSON.parse(before) as { profiles: Record<string, unknown> }).profiles
  const now = (JSON.parse(await readFile(file, 'utf8')) as { profiles: Record<string, unknown> }).profiles
  assert.notDeepEqual(now['a'], old['a'])
  assert.deepEqual(now['b'], old['b'])
})

test('enroll asks the server for nothing when the profile could not be written', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  await writeFile(terminal.path('config'), 'a file where the folder should be')
  const { code } = await terminal.vouchsafe(['enroll'])
  assert.equal(code, 1)
  assert.equal(service.seen.length, 0)
})

test('a profile file that others may read or write is refused', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  await terminal.vouchsafe(['enroll'])
  const file = terminal.path('config/vouchsafe/profiles.json')
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    await chmod(file, mode)
    for (const command of [
      ['keys', 'list'],
      ['enroll', '--force'],
      ['enroll', '--profile', 'x'],
    ]) {
      const { code, stderr } = await terminal.vouchsafe(command)
      assert.equal(code, 1)
      assert.match(stderr, /others may read or change .*chmod 600/)
    }
  }
  assert.equal(service.seen.length, 1, 'nobody is enrolled in vain')
  await chmod(file, 0o600)
  assert.equal((await terminal.vouchsafe(['keys', 'list'])).code, 0)
})

test('a broken profile file is named and never quoted', async () => {
  await using terminal = await openTerminal()
  const file = terminal.path('config/vouchsafe/profiles.json')
  await mkdir(dirname(file), { recursive: true })
  for (const broken of [
    `{"profiles":{"default":{"apikey":"${APIKEY}",`,
    '[]',
    '{"profiles":7}',
    `{"profiles":{"default":{"apikey":"${APIKEY}"}}}`,
  ]) {
    await writeFile(file, broken, { mode: 0o600 })
    const { code, stderr } = await terminal.vouchsafe(['keys', 'list'])
    assert.equal(code, 1)
    assert.ok(stderr.includes(file) && !stderr.includes(APIKEY), stderr)
  }
})

test('VOUCHSAFE_PROFILE_FILE names another file', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  terminal.env['VOUCHSAFE_PROFILE_FILE'] = terminal.path('mine.json')
  await terminal.vouchsafe(['enroll'])
  assert.equal((await stat(terminal.path('mine.json'))).mode & 0o777, 0o600)
})

test('credentials of the environment beat the default profile, and a named profile beats them', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  await terminal.vouchsafe(['enroll', '--profile', 'old'])
  const { appid } = (await terminal.vouchsafe(['enroll', '--json'])).json() as { appid: string }
  Object.assign(terminal.env, { VOUCHSAFE_APPID: appid, VOUCHSAFE_APIKEY: 'wrong' })
  assert.match((await terminal.vouchsafe(['keys', 'list'])).stderr, /sign error/)
  assert.equal((await terminal.vouchsafe(['keys', 'list', '--profile', 'default'])).code, 0)
  terminal.env['VOUCHSAFE_APIKEY'] = APIKEY
  assert.equal((await terminal.vouchsafe(['keys', 'list'])).code, 0)
  terminal.env['VOUCHSAFE_APIKEY'] = undefined
  assert.match((await terminal.vouchsafe(['keys', 'list'])).stderr, /VOUCHSAFE_APIKEY is not set/)
})

test('--url beats the address of the environment and of the profile', async () => {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  await terminal.vouchsafe(['enroll'])
  terminal.env['VOUCHSAFE_URL'] = 'ftp://nowhere'
  assert.match((await terminal.vouchsafe(['keys', 'list'])).stderr, /the server address must begin with http/)
  assert.equal((await terminal.vouchsafe(['keys', 'list', '--url', service.url])).code, 0)
  assert.equal((await terminal.vouchsafe(['keys', 'list', '--profile', 'default'])).code, 0)
})

test('without credentials the error says how to get some; without a server, where to look', async () => {
  await using terminal = await openTerminal()
  assert.match((await terminal.vouchsafe(['encrypt', 'x', '--profile', 'prod'])).stderr, /'vouchsafe enroll --profile prod'/)
  const service = await startService()
  await service[Symbol.asyncDispose]()
  const { code, stderr } = await terminal.vouchsafe(['enroll', '--url', service.url])
  assert.equal(code, 1)
  assert.match(stderr, /^vouchsafe: Enroll: .*is the server running, and is its address correct\?\n$/)
})
