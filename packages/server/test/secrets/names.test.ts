import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'
import { enrollApp, openDomain, secretsOf } from '../support/domain.ts'
import { appCall, asApp } from '@vouchsafe/testkit/callers'

const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i)) + '\t\n\r\v\f'

eachDatabase('names and values come back exactly as they were sent, whatever they hold', async (store) => {
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  const { manager } = domain.secrets
  const app = await enrollApp(domain)
  const text = (maxLength: number) =>
    fc
      .array(fc.oneof(fc.integer({ min: 1, max: 0xffff }), fc.constantFrom(0x20, 0x22, 0x5c, 0xd800, 0xdfff, 0xfffd)), {
        minLength: 1,
        maxLength,
      })
      .map((units) => String.fromCharCode(...units))
  const taken = new Map<string, string>()
  const property = fc.asyncProperty(text(64), text(4096), text(300), async (name, value, description) => {
    if (taken.has(name)) return
    taken.set(name, value)
    await manager.create(appCall(app, 'CreateSecret'), {
      name,
      value: `${value.slice(0, 4095)}\0`,
      keyId: undefined,
      description,
      rotationInterval: undefined,
    })
    await manager.put(appCall(app, 'PutSecretValue'), name, value)
    assert.equal((await manager.value(asApp(app), name, undefined))?.value, value)
    assert.equal((await manager.value(asApp(app), name, 1))?.value, `${value.slice(0, 4095)}\0`)
    const found = await manager.find(asApp(app), name)
    assert.deepEqual([found?.name, found?.description], [name, description])
  })
  await fc.assert(property, { numRuns: 60 })
  for (const [name, value] of taken) assert.equal((await manager.value(asApp(app), name, undefined))?.value, value)
  assert.deepEqual(new Set((await secretsOf(domain, app)).map(({ name }) => name)), new Set(taken.keys()))
})

test('names that differ only in case, blanks or normal form are different secrets', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const names = [
    'name',
    'Name',
    'NAME',
    ' name',
    'name ',
    'name\n',
    'n\u00e4me',
    'na\u0308me',
    PRINTABLE.slice(0, 64),
    PRINTABLE.slice(36),
    'x'.repeat(64),
  ]
  for (const secretName of names) await succeed(server.url, app, 'CreateSecret', { secretName, secretData: `of ${secretName}` })
  for (const secretName of names) {
    const { result } = await call(server.url, app, 'GetSecretValue', { secretName })
    assert.deepEqual([result.secretName, result.secretData], [secretName, `of ${secretName}`])
  }
  assert.equal((await succeed(server.url, app, 'ListSecrets')).totalCount, names.length)
  assert.equal((await succeed(server.url, app, 'ListSecrets', { secretName: 'nam' })).totalCount, 0, 'the filter is no prefix')
})

test('the longest value and description are kept', async () => {
  await using server = await startTestServer()
  const app = await enroll(server.url)
  const secretData = '語'.repeat(4096)
  const description = '😀'.repeat(2048)
  await succeed(server.url, app, 'CreateSecret', { secretName: 'long', secretData, description })
  assert.equal((await succeed(server.url, app, 'GetSecretValue', { secretName: 'long' })).secretData, secretData)
  assert.equal((await succeed(server.url, app, 'DescribeSecret', { secretName: 'long' })).description, description)
})

test('the call log names the secret as JSON, cannot be broken by a name, and holds no value', async () => {
  const server = await startTestServer()
  const app = await enroll(server.url)
  const secretName = 'a"b\\c\n{"actor":"forged"}\u2028\ud800'
  let lines: string[]
  try {
    await succeed(server.url, app, 'CreateSecret', { secretName, secretData: 'the hidden value' })
    await succeed(server.url, app, 'GetSecretValue', { secretName })
    await call(server.url, app, 'GetSecretValue', { secretName: 'x'.repeat(50_000) })
    await call(server.url, app, 'GetSecretValue', { secretName: { toString: 1 } })
    await server.server[Symbol.asyncDispose]()
    const folder = join(server.dataDir, 'audit')
    const [file] = await readdir(folder)
    lines = (await readFile(join(folder, file!), 'utf8')).trimEnd().split('\n')
  } finally {
    await server[Symbol.asyncDispose]()
  }
  const records = lines.map((line) => JSON.parse(line) as { action: string; object: string; outcome: string; code?: string })
  assert.deepEqual(
    records.map(({ action, object, outcome, code }) => [action, object, code ?? outcome]),
    [
      // Canonical JSON takes no lone surrogate.
      ['CreateSecret', secretName.toWellFormed(), 'ok'],
      ['GetSecretValue', secretName.toWellFormed(), 'ok'],
      ['GetSecretValue', 'x'.repeat(64), 'invalid'],
      ['GetSecretValue', '', 'invalid'],
    ],
  )
  assert.ok(!lines.join('\n').includes('hidden value'))
})
