// Enrolment and apps, as an operator manages them: through the command line, with a server and without.
import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { call, enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { openInstallation } from './support/installation.ts'

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`an enrolment token enrols one app, once (${kind})`, async () => {
    await using place = await openInstallation(kind)
    const server = await place.start(['--enroll', 'token'])
    assert.match(await place.refused(['enroll']), /needs a token/)
    const token = (await place.done(['enroll-tokens', 'create', '--label', 'orders', '--expires', '1h'])).trim()
    assert.match(token, /^vse_[\w-]{43}$/)
    place.env['VOUCHSAFE_ENROLL_TOKEN'] = token
    const { appid } = JSON.parse(await place.done(['enroll', '--json'])) as { appid: string }
    assert.match(await place.refused(['enroll', '--profile', 'second']), /unknown, used or expired/)
    const [listed] = (JSON.parse(await place.done(['enroll-tokens', 'list', '--json'])) as { tokens: Record<string, unknown>[] }).tokens
    assert.deepEqual([listed!['label'], listed!['appid']], ['orders', appid])
    assert.ok(!JSON.stringify(listed).includes(token.slice(4)))
    assert.match(await place.done(['enroll-tokens', 'list']), new RegExp(`used by ${appid}  orders`))
    const audit = JSON.parse(await place.done(['audit', 'query', '--action', 'Enroll', '--plane', 'management', '--json'])) as {
      records: { object: string; detail?: object }[]
    }
    assert.deepEqual(
      audit.records.map(({ object, detail }) => [object, detail]),
      [[appid, { enrollToken: listed!['id'] }]],
    )
    assert.equal(await server.context.storage.countApps(), 1)
  })
}

test('a token that was revoked, has expired or was never made enrols nobody', async () => {
  await using place = await openInstallation('sqlite')
  let now = Date.now()
  const server = await place.start(['--enroll', 'token'], {
    ...(await import('@vouchsafe/server/testing')).systemRuntime,
    now: () => now,
  })
  const make = async () =>
    JSON.parse(await place.done(['enroll-tokens', 'create', '--expires', '10m', '--json'])) as { id: string; token: string }
  const [revoked, expired] = [await make(), await make()]
  await place.done(['enroll-tokens', 'revoke', revoked.id])
  assert.match(await place.refused(['enroll-tokens', 'revoke', revoked.id]), /no enrolment token/)
  now += 10 * 60_000
  const file = place.path('token')
  for (const token of [revoked.token, expired.token, 'vse_never-made', 'no token at all']) {
    await writeFile(file, `${token}\n`)
    assert.match(await place.refused(['enroll', '--token-file', file]), /unknown, used or expired/)
  }
  assert.equal(await server.context.storage.countApps(), 0)
})

test('of several that use one token at once, one is enrolled', async () => {
  await using place = await openInstallation('postgres')
  const [one, other] = [await place.start(['--enroll', 'token']), await place.start(['--enroll', 'token'])]
  const token = (await place.done(['enroll-tokens', 'create'])).trim()
  const ask = async (url: string) =>
    ((await (await fetch(`${url}/ehsm?Action=Enroll`, { headers: { authorization: `Bearer ${token}` } })).json()) as { code: number }).code
  const codes = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(i % 2 ? one.url : other.url)))
  assert.equal(codes.filter((code) => code === 200).length, 1)
  assert.equal(await one.context.storage.countApps(), 1)
})

test('in open mode a token works where open enrolment does not, and beyond its limit', async () => {
  await using place = await openInstallation('sqlite')
  const server = await place.start(['--listen', '0.0.0.0:0', '--insecure-http', '--enroll-limit', '0'])
  const url = server.url.replace('0.0.0.0', '127.0.0.1')
  assert.match(await place.refused(['enroll', '--url', url]), /closed on this listener/)
  place.env['VOUCHSAFE_ENROLL_TOKEN'] = (await place.done(['enroll-tokens', 'create'])).trim()
  await place.done(['enroll', '--url', url])
})

test('closed enrolment takes no token either', async () => {
  await using place = await openInstallation('sqlite')
  await place.start(['--enroll', 'closed'])
  place.env['VOUCHSAFE_ENROLL_TOKEN'] = (await place.done(['enroll-tokens', 'create'])).trim()
  assert.match(await place.refused(['enroll']), /enrolment is closed/)
})

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`an API key is rotated with an overlap, and all servers know within a second (${kind})`, async () => {
    await using place = await openInstallation(kind)
    const [one, other] = [await place.start(), await place.start()]
    const app = await enroll(one.url)
    for (const { url } of [one, other]) await succeed(url, app, 'ListKey')
    const apikey = (await place.done(['apps', 'rotate-key', app.appid, '--overlap', '1h'])).trim()
    const renewed = { appid: app.appid, apikey }
    assert.notEqual(apikey, app.apikey)
    for (const { url } of [one, other]) for (const credentials of [app, renewed]) await succeed(url, credentials, 'ListKey')
    assert.match(await place.done(['apps', 'show', app.appid]), /API key +made \S+, ends \S+\nAPI key +made \S+\n$/)

    const file = place.path('apikey')
    await place.done(['apps', 'rotate-key', app.appid, '--overlap', '0', '--out', file])
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    const last = { appid: app.appid, apikey: (await readFile(file, 'utf8')).trim() }
    for (const { url } of [one, other]) {
      await eventually(async () => {
        for (const old of [app, renewed]) assert.equal((await call(url, old, 'ListKey')).message, 'sign error')
      })
      await succeed(url, last, 'ListKey')
    }
  })
}

test('the old API key ends with the overlap, and the keys that overlap are bounded', async () => {
  await using place = await openInstallation('sqlite')
  const { systemRuntime } = await import('@vouchsafe/server/testing')
  let ahead = 0
  const server = await place.start([], { ...systemRuntime, now: () => Date.now() + ahead })
  const app = await enroll(server.url)
  const stamp = () => ({ timestamp: String(Date.now() + ahead) })
  const rotate = ['apps', 'rotate-key', app.appid, '--overlap', '2h']
  await place.done(rotate)
  ahead = 2 * 3_600_000 - 60_000
  await succeed(server.url, app, 'ListKey', undefined, stamp())
  ahead += 61_000
  assert.equal((await call(server.url, app, 'ListKey', undefined, stamp())).message, 'sign error')
  await place.done(rotate)
  await place.done(rotate)
  assert.match(await place.refused(rotate), /3 API keys of this app are valid already/)
  await place.done(['apps', 'rotate-key', app.appid, '--overlap', '0'])
  assert.match(await place.refused(['apps', 'rotate-key', 'no-such-app']), /there is no app/)
})

test('apps are shown, disabled and enabled, with a server and without', async () => {
  await using place = await openInstallation('sqlite')
  const server = await place.start()
  const app = await enroll(server.url)
  assert.equal(await place.done(['apps', 'disable', app.appid]), `app ${app.appid} is disabled\n`)
  assert.equal((await call(server.url, app, 'ListKey')).message, 'app is disabled')
  await server[Symbol.asyncDispose]()
  assert.match(await place.done(['apps', 'show', app.appid]), /^enabled +no$/m)
  assert.equal(await place.done(['apps', 'enable', app.appid]), `app ${app.appid} is enabled\n`)
  const again = await place.start()
  await succeed(again.url, app, 'ListKey')
  assert.match(await place.refused(['apps', 'show', 'nobody']), /there is no app nobody/)
})
