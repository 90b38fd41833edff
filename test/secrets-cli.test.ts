// The secret manager end to end: the real command line against a real server.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { commandProcesses } from '@vouchsafe/testkit/command-process'
import type { CommandProcesses, Finished } from '@vouchsafe/testkit/command-process'
import { call, enroll } from '@vouchsafe/testkit/ehsm-calls'
import type { Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'

const DAY_MS = 86_400_000
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

interface Place extends Pick<CommandProcesses, 'start'> {
  url: string
  app: Credentials
  folder: string
  /** Runs a command that must succeed without a complaint; gives what it printed. */
  done(args: readonly string[], input?: string): Promise<string>
  /** Runs a command that must fail with one line and nothing on standard output; gives the line. */
  refused(code: number, args: readonly string[], input?: string): Promise<string>
}

/** An app of a new server. `done` and `refused` run the command in this process, which is faster, or as a process of its own. */
async function withServer(how: 'here' | 'as processes', body: (place: Place) => Promise<void>): Promise<void> {
  await using server = await startTestServer()
  await using terminal = await openTerminal(server.url)
  const app = await enroll(server.url)
  const credentials = { VOUCHSAFE_URL: server.url, VOUCHSAFE_APPID: app.appid, VOUCHSAFE_APIKEY: app.apikey }
  Object.assign(terminal.env, credentials)
  using processes = commandProcesses(credentials)
  const { start } = processes
  const execute = async (args: readonly string[], input: string | undefined): Promise<Finished> => {
    if (how === 'as processes') return start(args, input).finished
    const { code, text, stderr } = await terminal.vouchsafe(args, input)
    return { code, stdout: text, stderr }
  }
  await body({
    url: server.url,
    app,
    folder: terminal.dir,
    start,
    async done(args, input) {
      const { code, stdout, stderr } = await execute(args, input)
      assert.deepEqual([code, stderr], [0, ''], args.join(' '))
      return stdout
    },
    async refused(wanted, args, input) {
      const { code, stdout, stderr } = await execute(args, input)
      assert.deepEqual([code, stdout], [wanted, ''], args.join(' '))
      assert.match(stderr, /^vouchsafe: .*\n$/)
      return stderr.slice('vouchsafe: '.length, -1)
    },
  })
}

/** The rows of a table, without its heading. */
function rows(table: string): string[][] {
  const [, ...lines] = table.trimEnd().split('\n')
  return lines.map((line) => line.split(/ {2,}/))
}

test('a secret is created, changed, read, listed, described, deleted and restored', () =>
  withServer('as processes', async ({ done, refused, folder }) => {
    const first = ' schlüssel "1"&x=y\t🔑\r\nsecond line\n'
    assert.equal(
      await done(['secrets', 'create', 'orders/db', '--description', 'for orders', '--rotate-every', '90d'], first),
      'orders/db is created\n',
    )
    assert.equal(await done(['secrets', 'get', 'orders/db']), first)
    await writeFile(join(folder, 'in'), 'second\n')
    assert.equal(await done(['secrets', 'put', 'orders/db', '--in', join(folder, 'in'), '--trim']), 'orders/db has a new value\n')
    assert.equal(await done(['secrets', 'get', 'orders/db']), 'second')
    assert.equal(await done(['secrets', 'get', 'orders/db', '--version', '1']), first)
    const { createTime, ...value } = JSON.parse(await done(['secrets', 'get', 'orders/db', '--json'])) as { createTime: number }
    assert.deepEqual(value, { secretName: 'orders/db', secretData: 'second', versionId: 2 })
    assert.ok(Math.abs(createTime - Date.now()) < 60_000)

    const out = join(folder, 'out')
    assert.equal(await done(['secrets', 'get', 'orders/db', '--out', out, '--version', '1']), '')
    assert.deepEqual([await readFile(out, 'utf8'), (await stat(out)).mode & 0o777], [first, 0o600])

    const versions = rows(await done(['secrets', 'versions', 'orders/db']))
    assert.deepEqual(
      versions.map(([version]) => version),
      ['2', '1'],
    )
    for (const [, time] of versions) assert.match(time!, TIME)
    await done(['secrets', 'create', 'other'], 'x')
    const listed = rows(await done(['secrets', 'list']))
    assert.deepEqual(
      listed.map(([name, , description]) => [name, description]),
      [
        ['orders/db', 'for orders'],
        ['other', undefined],
      ],
    )
    const described = await done(['secrets', 'describe', 'orders/db'])
    assert.match(
      described,
      /^name +orders\/db\ndescription +for orders\ncreated .*\nrotated every +90d\nlast rotation +never\nnext rotation /,
    )

    const planned = await done(['secrets', 'delete', 'orders/db', '--recovery-days', '7', '--yes'])
    assert.equal(planned, 'The orders/db will be deleted after 7 days.\n')
    assert.equal(await refused(1, ['secrets', 'get', 'orders/db']), "Can't find the orders/db's value.")
    assert.match(await refused(1, ['secrets', 'versions', 'orders/db']), /or it is scheduled for deletion/)
    assert.match(await done(['secrets', 'describe', 'orders/db']), /^deleted at /m)
    const { secrets } = JSON.parse(await done(['secrets', 'list', '--json'])) as { secrets: { plannedDeleteTime?: number }[] }
    assert.ok(Math.abs(secrets[0]!.plannedDeleteTime! - Date.now() - 7 * DAY_MS) < 60_000)
    assert.equal(secrets[1]!.plannedDeleteTime, undefined)
    assert.equal(await done(['secrets', 'restore', 'orders/db']), 'orders/db is restored\n')
    assert.equal(await done(['secrets', 'get', 'orders/db']), 'second')

    assert.equal(await done(['secrets', 'delete', 'orders/db', '--force', '--yes']), 'The orders/db delete success\n')
    assert.equal(await refused(1, ['secrets', 'restore', 'orders/db']), 'Can not restore secret, the secretName not find.')
    assert.deepEqual(
      rows(await done(['secrets', 'list'])).map(([name]) => name),
      ['other'],
    )
  }))

test('names of every kind of character are kept exactly and cannot steer the terminal', () =>
  withServer('here', async ({ done }) => {
    const names = ['a&b=c', ' x ', 'X', 'x', '%00"\'\\', 'tab\tand\r\nbreak\u000b\u000c', '--force', 'ü', 'u\u0308', '🔑'.repeat(32)]
    for (const name of names) await done(['secrets', 'create', '--', name], `value of ${name}`)
    for (const name of names) assert.equal(await done(['secrets', 'get', '--', name]), `value of ${name}`)
    const { secrets } = JSON.parse(await done(['secrets', 'list', '--json'])) as { secrets: { secretName: string }[] }
    assert.deepEqual(
      secrets.map(({ secretName }) => secretName),
      names,
    )
    assert.equal((await done(['secrets', 'list'])).split('\n').length, names.length + 2)
  }))

test("what cannot be done is refused in one line, with the server's reason", () =>
  withServer('here', async ({ done, refused }) => {
    const keyid = (await done(['keys', 'create', 'ec-p256'])).trim()
    await done(['secrets', 'create', 's'], 'value')
    const unknown = '00000000-0000-4000-8000-000000000000'
    const table: [args: string[], message: RegExp | string][] = [
      [['create', 's'], 'Secret name already exists, cannot use the same secret name'],
      [['create', 'n'.repeat(65)], 'Parameter invalid, The secretName length error.'],
      [['create', ''], 'Missing required parameters, The secretName cannot be empty.'],
      [['create', 'n', '--key', unknown], 'Cannot find cmk by keyid.'],
      [['create', 'n', '--key', keyid], /EH_EC_P256|symmetric/],
      [['create', 'n', '--key', 'nonsense'], 'Parameter invalid, The encryptionKeyId length error.'],
      [['create', 'n', '--rotate-every', '1h'], 'The rotation time is less than 6 hours or more than 8760 hours'],
      [['create', 'n', '--description', 'd'.repeat(4097)], 'Parameter invalid, The description length error.'],
      [['put', 'unknown'], 'Can not find secretName'],
      [['get', 'unknown'], "Can't find the unknown's value."],
      [['get', 's', '--version', '2'], "secret 's' has no version 2"],
      [['describe', 'unknown'], "there is no secret 'unknown'"],
      [['delete', 'unknown', '--yes'], 'Delete error, Can not find the secretName'],
      [['delete', 's'], /No terminal to confirm it on: give --yes$/],
      [['restore', 'unknown'], 'Can not restore secret, the secretName not find.'],
      [['rotation', 'set', 'not a URL'], 'Parameter invalid, The url must be an https:// address.'],
      [['rotation', 'set', 'http://example.org/'], /^Parameter invalid, The url must be an https:\/\/ address/],
      [['rotation', 'set', 'https://169.254.169.254/'], /^Parameter invalid, The url names an address that this server may not call/],
      [['rotation', 'now', 'unknown'], 'Cannot find secretName'],
    ]
    for (const [args, message] of table) {
      const line = await refused(1, ['secrets', ...args], 'hunter2')
      if (typeof message === 'string') assert.equal(line, message)
      else assert.match(line, message)
      assert.ok(!line.includes('hunter2'))
    }
    for (const value of ['', 'x'.repeat(4097)]) await refused(1, ['secrets', 'put', 's'], value)
    assert.equal(await done(['secrets', 'get', 's']), 'value')
    assert.equal(rows(await done(['secrets', 'versions', 's'])).length, 1)
  }))

test('a secret under a key of the app follows the key: disabled, deleted', () =>
  withServer('here', async ({ done, refused }) => {
    const keyid = (await done(['keys', 'create', 'sm4-ctr'])).trim()
    await done(['secrets', 'create', 's', '--key', keyid], 'value')
    await done(['keys', 'disable', keyid])
    assert.equal(await refused(1, ['secrets', 'get', 's']), 'keyid is disabled')
    assert.equal(await refused(1, ['run', '--secret', 's=S', '--', 'true']), 'keyid is disabled')
    await done(['keys', 'enable', keyid])
    assert.equal(await done(['secrets', 'get', 's']), 'value')
    assert.match(
      await done(['keys', 'delete', keyid, '--yes']),
      /^success! 1 secrets depend on this key; it can be restored until \S+\.\n$/,
    )
    assert.match(await refused(1, ['secrets', 'get', 's']), /^Cannot find cmk by keyid\./)
  }))

test('the client and other clients see the same secrets', () =>
  withServer('here', async ({ done, url, app }) => {
    await done(['secrets', 'create', 's'], 'value')
    const { message, result } = await call(url, app, 'GetSecretValue', { secretName: 's' })
    assert.deepEqual([message, result['secretData']], ['successful', 'value'])
    await call(url, app, 'PutSecretValue', { secretName: 's', secretData: 'other' })
    assert.equal(await done(['secrets', 'get', 's']), 'other')
  }))

test('run starts a command with secrets in its environment, passes a signal on, and exits as it exits', () =>
  withServer('as processes', async ({ done, refused, start }) => {
    await done(['secrets', 'create', 'db'], 's3cret')
    await done(['secrets', 'create', 'a=b'], 'other')
    const script = 'echo "$DB/$OTHER"; trap "echo terminated; exit 9" TERM; echo ready; while :; do sleep 0.05; done'
    const { child, printed, finished } = start(['run', '--secret', 'db=DB', '--secret', 'a=b=OTHER', '--', 'sh', '-c', script])
    await printed('ready')
    child.kill('SIGTERM')
    assert.deepEqual(await finished, { code: 9, stdout: 's3cret/other\nready\nterminated\n', stderr: '' })
    assert.equal(await refused(1, ['run', '--secret', 'unknown=X', '--', 'echo', 'started']), "Can't find the unknown's value.")
  }))

interface Webhook extends AsyncDisposable {
  url: string
  /** The signing key in base64, as soon as the test knows it. */
  key: string
  answer: { status: number; body: object }
  /** Questions with a good signature. */
  seen: { secretName: string; currentVersionId: number }[]
  /** How many others came. */
  forged: number
}

/** A webhook as docs/secrets.md tells to write one. */
async function startWebhook(): Promise<Webhook> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const text = `vouchsafe-rotation-v1\n${request.headers['x-vouchsafe-timestamp'] as string}\n${body}`
    const signature = createHmac('sha256', Buffer.from(webhook.key, 'base64')).update(text).digest('base64')
    if (request.headers['x-vouchsafe-webhook-signature'] === signature) webhook.seen.push(JSON.parse(body))
    else webhook.forged++
    response.writeHead(webhook.answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(webhook.answer.body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const webhook: Webhook = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/rotate`,
    key: '',
    answer: { status: 200, body: {} },
    seen: [],
    forged: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return webhook
}

test('a rotation asks the webhook for the new value; a failure shows, and the value stays', () =>
  withServer('here', async ({ done }) => {
    await using webhook = await startWebhook()
    assert.equal(await done(['secrets', 'rotation', 'show']), 'there is no rotation webhook\n')
    await done(['secrets', 'create', 'db'], 'first')
    const set = JSON.parse(await done(['secrets', 'rotation', 'set', webhook.url, '--json'])) as { url: string; signingKey: string }
    assert.equal(set.url, webhook.url)
    webhook.key = set.signingKey
    const shown = JSON.parse(await done(['secrets', 'rotation', 'show', '--json'])) as { url: string; createdAt: number }
    assert.equal(shown.url, webhook.url)
    assert.ok(Math.abs(shown.createdAt - Date.now()) < 60_000)

    webhook.answer = { status: 200, body: { secretData: 'second' } }
    assert.equal(await done(['secrets', 'rotation', 'now', 'db']), 'the rotation of db is under way\n')
    await eventually(async () => assert.equal(await done(['secrets', 'get', 'db']), 'second'))
    assert.equal(await done(['secrets', 'get', 'db', '--version', '1']), 'first')
    assert.deepEqual(
      webhook.seen.map(({ secretName, currentVersionId }) => [secretName, currentVersionId]),
      [['db', 1]],
    )
    const rotated = await done(['secrets', 'describe', 'db'])
    assert.match(rotated, /^last rotation +\d{4}-/m)
    assert.doesNotMatch(rotated, /^last failure/m)

    webhook.answer = { status: 503, body: {} }
    await done(['secrets', 'rotation', 'now', 'db'])
    await eventually(async () =>
      assert.match(await done(['secrets', 'describe', 'db']), /^last failure +\S+Z the webhook answered with HTTP status 503$/m),
    )
    assert.equal(await done(['secrets', 'get', 'db']), 'second')

    await done(['secrets', 'rotation', 'remove'])
    await done(['secrets', 'rotation', 'now', 'db'])
    await eventually(async () => assert.doesNotMatch(await done(['secrets', 'describe', 'db']), /^last failure/m))
    assert.equal(await done(['secrets', 'get', 'db']), 'second')
    assert.deepEqual([rows(await done(['secrets', 'versions', 'db'])).length, webhook.seen.length, webhook.forged], [2, 2, 0])
  }))
