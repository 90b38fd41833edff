import assert from 'node:assert/strict'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { NOW, openTerminal } from '@vouchsafe/testkit/terminal'
import type { Terminal } from '@vouchsafe/testkit/terminal'
import { startService } from './support/service.ts'
import type { Service } from './support/service.ts'

const DAY_MS = 86_400_000
const VALUE = ' schlüssel "1"\t🔑\r\nsecond line\n'

async function withService(body: (terminal: Terminal, service: Service) => Promise<void>) {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  await terminal.vouchsafe(['enroll'])
  await body(terminal, service)
}

test('secrets create sends the value of standard input or a file exactly, with what its options say', () =>
  withService(async (terminal, service) => {
    await writeFile(terminal.path('value'), VALUE)
    const piped = await terminal.vouchsafe(['secrets', 'create', 'a=b & c'], VALUE)
    assert.deepEqual([piped.code, piped.text, piped.stderr], [0, 'a=b & c is created\n', ''])
    const options = ['--key', 'aac3e45a-d3dc-4791-89b6-4ada0e38e6ef', '--description', 'for orders', '--rotate-every', '90d']
    const filed = await terminal.vouchsafe(['secrets', 'create', 's', '--in', terminal.path('value'), ...options, '--json'])
    assert.deepEqual(filed.json(), { secretName: 's' })
    const sent = service.seen.filter(({ action }) => action === 'CreateSecret').map(({ payload }) => payload)
    assert.deepEqual(sent, [
      { secretName: 'a=b & c', secretData: VALUE },
      {
        secretName: 's',
        secretData: VALUE,
        encryptionKeyId: 'aac3e45a-d3dc-4791-89b6-4ada0e38e6ef',
        description: 'for orders',
        rotationInterval: '90d',
      },
    ])
    const again = await terminal.vouchsafe(['secrets', 'create', 's'], VALUE)
    assert.deepEqual([again.code, again.stderr], [1, 'vouchsafe: Secret name already exists, cannot use the same secret name\n'])
  }))

test('--trim takes away one line break at the end and nothing else', () =>
  withService(async (terminal, service) => {
    await terminal.vouchsafe(['secrets', 'create', 's', '--trim'], 'value\n')
    for (const text of ['value\r\n', ' value \n\n', 'value', '\nvalue\n']) await terminal.vouchsafe(['secrets', 'put', 's', '--trim'], text)
    assert.deepEqual(service.secrets.get('s')!.values, ['value', 'value', ' value \n', 'value', '\nvalue'])
  }))

test('a value that is empty, too long, or not UTF-8 is refused before anything is sent, and never quoted', () =>
  withService(async (terminal, service) => {
    const asked = service.seen.length
    const rows: [value: string | Uint8Array, args: string[], message: RegExp][] = [
      ['', [], /the value is empty/],
      ['\n', ['--trim'], /the value is empty/],
      ['🔑'.repeat(2049), [], /the value has 4098 characters: .* at most 4096/],
      ['x'.repeat(64 * 1024 + 1), [], /the input is too long: the value of a secret has at most 4096 characters/],
      [Uint8Array.of(0x78, 0xff), [], /not UTF-8 text/],
    ]
    for (const command of ['create', 'put'])
      for (const [value, args, message] of rows) {
        const { code, text, stderr } = await terminal.vouchsafe(['secrets', command, 's', ...args], value)
        assert.deepEqual([code, text], [1, ''])
        assert.match(stderr, message)
        assert.ok(!stderr.includes('xx') && !stderr.includes('🔑'))
      }
    assert.equal(service.seen.length, asked)
    assert.equal((await terminal.vouchsafe(['secrets', 'create', 's'], '🔑'.repeat(2048))).code, 0)
  }))

test('secrets put adds a version, and says how many old ones were let go', () =>
  withService(async (terminal, service) => {
    await terminal.vouchsafe(['secrets', 'create', 's'], 'one')
    assert.equal((await terminal.vouchsafe(['secrets', 'put', 's'], 'two')).text, 's has a new value\n')
    assert.deepEqual(service.secrets.get('s')!.values, ['one', 'two'])
    service.secrets.get('s')!.prunes = 2
    assert.equal((await terminal.vouchsafe(['secrets', 'put', 's'], 'three')).text, 's has a new value; old versions dropped: 2\n')
    assert.deepEqual((await terminal.vouchsafe(['secrets', 'put', 's', '--json'], 'four')).json(), { secretName: 's', prunedVersions: 2 })
  }))

test('secrets get writes the value and nothing but the value, current or of a version', () =>
  withService(async (terminal) => {
    await terminal.vouchsafe(['secrets', 'create', 's'], VALUE)
    await terminal.vouchsafe(['secrets', 'put', 's'], 'two')
    assert.deepEqual((await terminal.vouchsafe(['secrets', 'get', 's', '--version', '1'])).stdout, Buffer.from(VALUE))
    const current = await terminal.vouchsafe(['secrets', 'get', 's'])
    assert.deepEqual([current.code, current.text, current.stderr], [0, 'two', ''])
    const json = await terminal.vouchsafe(['secrets', 'get', 's', '--json'])
    assert.deepEqual(json.json(), { secretName: 's', secretData: 'two', versionId: 2, createTime: NOW })

    const noVersion = await terminal.vouchsafe(['secrets', 'get', 's', '--version', '7'])
    assert.deepEqual([noVersion.code, noVersion.text, noVersion.stderr], [1, '', "vouchsafe: secret 's' has no version 7\n"])
    const noSecret = await terminal.vouchsafe(['secrets', 'get', 'unknown'])
    assert.deepEqual([noSecret.code, noSecret.text, noSecret.stderr], [1, '', "vouchsafe: Can't find the unknown's value.\n"])
  }))

test('secrets get --out writes a file that its owner alone can read, and prints no value, not even as JSON', () =>
  withService(async (terminal) => {
    await terminal.vouchsafe(['secrets', 'create', 's'], VALUE)
    const out = terminal.path('out')
    await writeFile(out, 'old')
    await chmod(out, 0o644)
    const filed = await terminal.vouchsafe(['secrets', 'get', 's', '--out', out])
    assert.deepEqual([filed.code, filed.text, filed.stderr], [0, '', ''])
    assert.equal(await readFile(out, 'utf8'), VALUE)
    assert.equal((await stat(out)).mode & 0o777, 0o600)
    const json = await terminal.vouchsafe(['secrets', 'get', 's', '--out', out, '--json'])
    assert.deepEqual(json.json(), { secretName: 's', versionId: 1, createTime: NOW, out })
  }))

test('a value that starts with dashes or a name that does is no option', () =>
  withService(async (terminal, service) => {
    assert.equal((await terminal.vouchsafe(['secrets', 'create', '--', '--json'], '--out')).code, 0)
    assert.deepEqual(service.secrets.get('--json')!.values, ['--out'])
    assert.equal((await terminal.vouchsafe(['secrets', 'get', '--', '--json'])).text, '--out')
  }))

test('secrets list shows each secret on a line that cannot steer the terminal, and never a value', () =>
  withService(async (terminal, service) => {
    assert.equal((await terminal.vouchsafe(['secrets', 'list'])).text, '')
    await terminal.vouchsafe(['secrets', 'create', 'a\u001b[2Jb', '--description', 'one\ntwo'], 'value-1')
    await terminal.vouchsafe(['secrets', 'create', 's'], 'value-2')
    service.secrets.get('s')!.plannedDeleteTime = NOW + 7 * DAY_MS
    const { text, stderr } = await terminal.vouchsafe(['secrets', 'list'])
    assert.deepEqual(
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
      [
        ['NAME', 'CREATED', 'DELETED AT', 'DESCRIPTION'],
        ['a\\u001b[2Jb', '2026-11-22T00:00:00Z', 'one\\u000atwo'],
        ['s', '2026-11-22T00:00:00Z', '2026-11-29T00:00:00Z'],
      ],
    )
    assert.equal(stderr, '')
    const json = await terminal.vouchsafe(['secrets', 'list', '--json'])
    assert.deepEqual(json.json(), {
      secrets: [
        { secretName: 'a\u001b[2Jb', createTime: NOW, description: 'one\ntwo' },
        { secretName: 's', createTime: NOW, plannedDeleteTime: NOW + 7 * DAY_MS },
      ],
    })
    assert.ok(!json.text.includes('value-'))
  }))

for (const [pages, wanted] of [
  [true, 8001],
  [false, 4000],
] as const) {
  test(`secrets list gives ${pages ? 'all pages' : 'the one page of a server that has no more'}, each secret once`, async () => {
    await using service = await startService({ pages })
    await using terminal = await openTerminal(service.url)
    await terminal.vouchsafe(['enroll'])
    for (let i = 0; i < 8001; i++) service.secrets.set(`s${i}`, { description: '', rotationInterval: '30d', values: ['v'] })
    const { secrets } = (await terminal.vouchsafe(['secrets', 'list', '--json'])).json() as { secrets: { secretName: string }[] }
    assert.deepEqual(
      secrets.map(({ secretName }) => secretName),
      Array.from({ length: wanted }, (_, i) => `s${i}`),
    )
  })
}

test('secrets versions lists the newest first', () =>
  withService(async (terminal) => {
    await terminal.vouchsafe(['secrets', 'create', 's'], 'one')
    await terminal.vouchsafe(['secrets', 'put', 's'], 'two')
    const { text } = await terminal.vouchsafe(['secrets', 'versions', 's'])
    assert.match(text, /^VERSION +CREATED\n2 +2026-11-22T00:00:00Z\n1 +2026-11-22T00:00:00Z\n$/)
    assert.deepEqual((await terminal.vouchsafe(['secrets', 'versions', 's', '--json'])).json(), {
      secretName: 's',
      versions: [
        { versionId: 2, createTime: NOW },
        { versionId: 1, createTime: NOW },
      ],
    })
    const unknown = await terminal.vouchsafe(['secrets', 'versions', 'unknown'])
    assert.deepEqual([unknown.code, unknown.text], [1, ''])
    assert.match(unknown.stderr, /there is no secret 'unknown', or it is scheduled for deletion/)
  }))

test('secrets describe shows the rotation, with its failure, and a planned deletion', () =>
  withService(async (terminal, service) => {
    await terminal.vouchsafe(['secrets', 'create', 's', '--rotate-every', '90d'], 'v')
    const { text } = await terminal.vouchsafe(['secrets', 'describe', 's'])
    assert.match(text, /^name +s\ncreated +2026-11-22T00:00:00Z\nrotated every +90d\nlast rotation +never\nnext rotation +2026-12-22/)
    Object.assign(service.secrets.get('s')!, {
      description: 'for orders',
      plannedDeleteTime: NOW + DAY_MS,
      rotationFailure: { at: NOW, message: 'status 500\u001b' },
    })
    const more = (await terminal.vouchsafe(['secrets', 'describe', 's'])).text
    assert.match(more, /^description +for orders$/m)
    assert.match(more, /^deleted at +2026-11-23T00:00:00Z$/m)
    assert.match(more, /^last failure +2026-11-22T00:00:00Z status 500\\u001b$/m)
    const json = (await terminal.vouchsafe(['secrets', 'describe', 's', '--json'])).json() as { rotationFailure: unknown }
    assert.deepEqual(json.rotationFailure, { at: NOW, message: 'status 500\u001b' })
    const unknown = await terminal.vouchsafe(['secrets', 'describe', 'unknown'])
    assert.deepEqual([unknown.code, unknown.stderr], [1, "vouchsafe: there is no secret 'unknown'\n"])
  }))

test('secrets delete asks on a terminal, and does nothing unless the answer is yes', () =>
  withService(async (terminal, service) => {
    await terminal.vouchsafe(['secrets', 'create', 's'], 'v')
    const before = structuredClone(service.secrets)
    for (const force of [[], ['--force']])
      for (const answer of ['n\n', '\n', 'yesterday\n', '']) {
        const { code, stderr } = await terminal.vouchsafe(['secrets', 'delete', 's', ...force], answer, { tty: true })
        assert.equal(code, 1)
        assert.match(stderr, force.length > 0 ? /at once, and for good\? .*nothing was done/s : /secret s\? .*nothing was done/s)
      }
    for (const tty of [false, 'output'] as const) {
      const { code, stderr } = await terminal.vouchsafe(['secrets', 'delete', 's', '--force'], 'y\n', { tty })
      assert.equal(code, 1)
      assert.match(stderr, /give --yes/)
    }
    assert.deepEqual(service.secrets, before)
    const { code, text } = await terminal.vouchsafe(['secrets', 'delete', 's'], 'y\n', { tty: true })
    assert.deepEqual([code, text], [0, 'The s will be deleted after 30 days.\n'])
    assert.equal(service.secrets.get('s')!.plannedDeleteTime, NOW + 30 * DAY_MS)
  }))

test('secrets delete takes days or force; restore takes a planned deletion back', () =>
  withService(async (terminal, service) => {
    await terminal.vouchsafe(['secrets', 'create', 's'], 'v')
    const planned = await terminal.vouchsafe(['secrets', 'delete', 's', '--recovery-days', '7', '--yes', '--json'])
    assert.deepEqual(planned.json(), { secretName: 's', message: 'The s will be deleted after 7 days.' })
    assert.deepEqual(service.seen.at(-1)!.payload, { secretName: 's', recoveryPeriod: 7 })
    assert.equal((await terminal.vouchsafe(['secrets', 'restore', 's'])).text, 's is restored\n')
    assert.equal(service.secrets.get('s')!.plannedDeleteTime, undefined)
    assert.equal((await terminal.vouchsafe(['secrets', 'delete', 's', '--force', '--yes'])).text, 'The s delete success\n')
    assert.equal(service.secrets.size, 0)
    const gone = await terminal.vouchsafe(['secrets', 'restore', 's'])
    assert.deepEqual([gone.code, gone.stderr], [1, 'vouchsafe: Can not restore secret, the secretName not find.\n'])
  }))

test('secrets rotation sets, shows and removes the webhook, and rotates a secret now', () =>
  withService(async (terminal, service) => {
    const show = async () => (await terminal.vouchsafe(['secrets', 'rotation', 'show'])).text
    assert.equal(await show(), 'there is no rotation webhook\n')
    const url = 'https://example.org/rotate?x=1'
    const signingKey = Buffer.alloc(32, 7).toString('base64')
    const set = await terminal.vouchsafe(['secrets', 'rotation', 'set', url])
    assert.equal(set.text, `url          ${url}\nsigning key  ${signingKey}\n`)
    assert.deepEqual((await terminal.vouchsafe(['secrets', 'rotation', 'set', url, '--json'])).json(), { url, signingKey })
    assert.equal(await show(), `url      ${url}\ncreated  2026-11-22T00:00:00Z\n`)
    assert.deepEqual((await terminal.vouchsafe(['secrets', 'rotation', 'show', '--json'])).json(), { url, createdAt: NOW })
    assert.equal((await terminal.vouchsafe(['secrets', 'rotation', 'remove'])).code, 0)
    assert.deepEqual((await terminal.vouchsafe(['secrets', 'rotation', 'show', '--json'])).json(), { url: null, createdAt: null })

    assert.equal((await terminal.vouchsafe(['secrets', 'rotation', 'now', 's'])).code, 1)
    await terminal.vouchsafe(['secrets', 'create', 's'], 'v')
    assert.equal((await terminal.vouchsafe(['secrets', 'rotation', 'now', 's'])).code, 0)
    assert.deepEqual(service.seen.at(-1), { action: 'RotateSecret', payload: { secretName: 's' }, authorization: undefined })
  }))
