import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTerminal } from '@vouchsafe/testkit/terminal'

interface Seen {
  request: string
  body: unknown
}

/** A server's operator socket in a data directory, which gives one answer to everything. */
async function withSocket(answer: { status: number; text: string }, body: (dataDir: string, seen: Seen[]) => Promise<void>) {
  const dataDir = await mkdtemp(join(tmpdir(), 'vouchsafe-op-'))
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    seen.push({ request: `${request.method} ${request.url}`, body: text && JSON.parse(text) })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text)
  })
  await new Promise<void>((resolve) => server.listen(join(dataDir, 'operator.sock'), resolve))
  try {
    await body(dataDir, seen)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(dataDir, { recursive: true })
  }
}

const ok = (body: object) => ({ status: 200, text: JSON.stringify(body) })

test('keys restore asks the server on this machine, found by --data-dir or the environment', () =>
  withSocket(ok({ keyid: 'k', appid: 'a', status: 'disabled' }), async (dataDir, seen) => {
    await using terminal = await openTerminal()
    const { code, text } = await terminal.vouchsafe(['keys', 'restore', 'k', '--data-dir', dataDir])
    assert.deepEqual([code, text], [0, 'k of app a is restored and disabled\n'])
    terminal.env['VOUCHSAFE_DATA_DIR'] = dataDir
    const json = await terminal.vouchsafe(['keys', 'restore', 'k', '--app', 'a', '--json'])
    assert.deepEqual(json.json(), { keyid: 'k', appid: 'a', status: 'disabled' })
    assert.deepEqual(seen, [
      { request: 'POST /v1/keys/restore', body: { keyid: 'k' } },
      { request: 'POST /v1/keys/restore', body: { keyid: 'k', appid: 'a' } },
    ])
  }))

test('keys list --deleted shows what can be restored, of all apps or of one', () => {
  const deleted = { keyid: 'k', appid: 'a', keyspec: 'EH_SM2', deletedAt: Date.UTC(2026, 10, 1), destroyAt: Date.UTC(2026, 11, 1) }
  return withSocket(ok({ keys: [deleted] }), async (dataDir, seen) => {
    await using terminal = await openTerminal()
    const { text } = await terminal.vouchsafe(['keys', 'list', '--deleted', '--data-dir', dataDir])
    assert.match(text.split('\n')[1]!, /^k +EH_SM2 +a +2026-11-01T00:00:00Z +2026-12-01T00:00:00Z$/)
    const json = await terminal.vouchsafe(['keys', 'list', '--deleted', '--app', 'a&b', '--data-dir', dataDir, '--json'])
    assert.deepEqual(json.json(), { keys: [deleted] })
    assert.deepEqual(
      seen.map(({ request }) => request),
      ['GET /v1/keys/deleted', 'GET /v1/keys/deleted?appid=a%26b'],
    )
  })
})

test('apps set sends what is named and nothing else', () =>
  withSocket(ok({}), async (dataDir, seen) => {
    await using terminal = await openTerminal()
    for (const flags of [
      ['--require-strict-signature', '--no-accept-upper-case'],
      ['--no-require-strict-signature'],
      ['--accept-upper-case', '--no-enabled'],
    ])
      assert.equal((await terminal.vouchsafe(['apps', 'set', 'a', ...flags, '--data-dir', dataDir])).code, 0)
    assert.deepEqual(
      seen.map(({ body }) => body),
      [
        { appid: 'a', strictSignature: true, acceptUpperCase: false },
        { appid: 'a', strictSignature: false },
        { appid: 'a', acceptUpperCase: true, enabled: false },
      ],
    )
  }))

test('apps list shows the settings of each app', () => {
  const apps = [{ appid: 'a', enabled: true, strictSignature: false, acceptUpperCase: true }]
  return withSocket(ok({ apps }), async (dataDir) => {
    await using terminal = await openTerminal()
    const { text } = await terminal.vouchsafe(['apps', 'list', '--data-dir', dataDir])
    assert.deepEqual(
      text.split('\n').map((line) => line.split(/ {2,}/)),
      [['APPID', 'ENABLED', 'STRICT SIGNATURE', 'UPPER CASE'], ['a', 'yes', 'no', 'yes'], ['']],
    )
    assert.deepEqual((await terminal.vouchsafe(['apps', 'list', '--data-dir', dataDir, '--json'])).json(), { apps })
  })
})

for (const [answer, message] of [
  [{ status: 404, text: '{"error":"there is no such key"}' }, 'there is no such key'],
  [{ status: 500, text: '{}' }, 'the server answered with status 500'],
  [{ status: 200, text: '<html>' }, 'is not a Vouchsafe server'],
] as const) {
  test(`an operator command fails with the server's reason: ${message}`, () =>
    withSocket(answer, async (dataDir) => {
      await using terminal = await openTerminal()
      const { code, stderr } = await terminal.vouchsafe(['keys', 'restore', 'k', '--data-dir', dataDir])
      assert.equal(code, 1)
      assert.match(stderr, new RegExp(`^vouchsafe: .*${message}\n$`))
    }))
}

test('an operator command makes no data directory by mistake', async () => {
  await using terminal = await openTerminal()
  await writeFile(terminal.path('file'), '')
  for (const name of ['missing', 'file']) {
    const { code, stderr } = await terminal.vouchsafe(['apps', 'list', '--data-dir', terminal.path(name)])
    assert.equal(code, 1)
    assert.match(stderr, /there is no data directory .*--data-dir/)
  }
})
