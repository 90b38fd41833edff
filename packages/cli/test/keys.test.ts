import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { NOW, openTerminal } from '@vouchsafe/testkit/terminal'
import type { Terminal } from '@vouchsafe/testkit/terminal'
import { keyCheckValue } from '../src/key-check.ts'
import { startService } from './support/service.ts'
import type { Service } from './support/service.ts'

const DAY_MS = 86_400_000

async function withKeys(body: (terminal: Terminal, service: Service, create: (...args: string[]) => Promise<string>) => Promise<void>) {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  await terminal.vouchsafe(['enroll'])
  const create = async (...args: string[]) => {
    const { code, text, stderr } = await terminal.vouchsafe(['keys', 'create', ...args])
    assert.equal(code, 0, stderr)
    return text.trim()
  }
  await body(terminal, service, create)
}

test('keys create sends what its options say', () =>
  withKeys(async (_terminal, service, create) => {
    await create('aes-gcm-256')
    await create('rsa-3072', '--usage', 'sign', '--padding', 'pss', '--digest', 'sha384', '--alias', 'orders', '--expires', '90d')
    await create('hmac', '--external', '--expires', '2030-12-31')
    const sent = service.seen.filter(({ action }) => action === 'CreateKey').map(({ payload }) => payload)
    assert.deepEqual(sent, [
      { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' },
      {
        keyspec: 'EH_RSA_3072',
        origin: 'EH_INTERNAL_KEY',
        keyusage: 'EH_KEYUSAGE_SIGN_VERIFY',
        padding_mode: 'EH_RSA_PKCS1_PSS',
        digest_mode: 'EH_SHA_384',
        alias: 'orders',
        expireTime: NOW + 90 * DAY_MS,
      },
      { keyspec: 'EH_HMAC', origin: 'EH_EXTERNAL_KEY', expireTime: Date.UTC(2030, 11, 31) },
    ])
  }))

test('keys list shows each key on a line, with a state, and an alias that cannot steer the terminal', () =>
  withKeys(async (terminal, service, create) => {
    assert.equal((await terminal.vouchsafe(['keys', 'list'])).text, '')
    const [enabled, disabled, expired] = [await create('aes-gcm-128', '--alias', 'a\u001b[2J'), await create('sm2'), await create('hmac')]
    await terminal.vouchsafe(['keys', 'disable', disabled])
    service.keys.get(expired)!.expireTime = NOW - 1
    const { text } = await terminal.vouchsafe(['keys', 'list'])
    const lines = text.split('\n')
    assert.match(lines[0]!, /^KEYID +SPEC +STATE +CREATED +EXPIRES +ALIAS$/)
    assert.match(
      lines[1]!,
      new RegExp(`^${enabled} +EH_AES_GCM_128 +enabled +2026-11-22T00:00:00Z +2027-11-22T00:00:00Z +a\\\\u001b\\[2J$`),
    )
    assert.match(lines[2]!, new RegExp(`^${disabled} +EH_SM2 +disabled `))
    assert.match(lines[3]!, new RegExp(`^${expired} +EH_HMAC +expired `))
    const { keys } = (await terminal.vouchsafe(['keys', 'list', '--json'])).json() as { keys: { keyid: string }[] }
    assert.deepEqual(
      keys.map((key) => key.keyid),
      [enabled, disabled, expired],
    )
  }))

test('keys show gives description and notes, and the public key of asymmetric keys that may be used', () =>
  withKeys(async (terminal, _service, create) => {
    const symmetric = await create('aes-gcm-128')
    const asymmetric = await create('ec-p256')
    const first = (await terminal.vouchsafe(['keys', 'show', symmetric])).text
    for (const part of ['EH_AES_GCM_128', 'enabled', '2027-11-22T00:00:00Z', '00C0FF', 'keep it safe'])
      assert.ok(first.includes(part), part)
    assert.ok(!first.includes('PEM'))
    assert.ok((await terminal.vouchsafe(['keys', 'show', asymmetric])).text.endsWith(`PEM of ${asymmetric}\n`))
    const json = (await terminal.vouchsafe(['keys', 'show', asymmetric, '--json'])).json() as { publicKey: string; status: string }
    assert.deepEqual([json.publicKey, json.status], [`PEM of ${asymmetric}\n`, 'enabled'])
    await terminal.vouchsafe(['keys', 'disable', asymmetric])
    const { code, text } = await terminal.vouchsafe(['keys', 'show', asymmetric])
    assert.equal(code, 0)
    assert.ok(text.includes('disabled') && !text.includes('PEM'))
  }))

test('keys enable, disable, set and extend change the key', () =>
  withKeys(async (terminal, service, create) => {
    const id = await create('aes-gcm-128', '--alias', 'old')
    await terminal.vouchsafe(['keys', 'disable', id])
    assert.equal(service.keys.get(id)!.keyState, 0)
    await terminal.vouchsafe(['keys', 'enable', id])
    assert.equal(service.keys.get(id)!.keyState, 1)
    assert.match((await terminal.vouchsafe(['keys', 'set', id, '--alias', 'new'])).text, /alias +new/)
    await terminal.vouchsafe(['keys', 'set', id, '--alias', ''])
    assert.equal(service.keys.get(id)!.alias, '')
    await terminal.vouchsafe(['keys', 'extend', id, '--expires', '400d'])
    assert.equal(service.keys.get(id)!.expireTime, NOW + 400 * DAY_MS)
    const { code, stderr } = await terminal.vouchsafe(['keys', 'extend', 'unknown', '--expires', '1d'])
    assert.deepEqual([code, stderr], [1, 'vouchsafe: keyid error\n'])
  }))

test('keys delete asks on a terminal, and does nothing unless the answer is yes', () =>
  withKeys(async (terminal, service, create) => {
    const id = await create('aes-gcm-128')
    for (const answer of ['n\n', '\n', 'yesterday\n', '']) {
      const { code, stderr } = await terminal.vouchsafe(['keys', 'delete', id], answer, { tty: true })
      assert.equal(code, 1, answer)
      assert.match(stderr, /nothing was done/)
    }
    assert.ok(service.keys.has(id))
    const { code, text } = await terminal.vouchsafe(['keys', 'delete', id], 'y\n', { tty: true })
    assert.deepEqual([code, text, service.keys.size], [0, 'success!\n', 0])
  }))

test('keys delete without a terminal needs --yes, for one key and for all', () =>
  withKeys(async (terminal, service, create) => {
    const ids = [await create('aes-gcm-128'), await create('sm2'), await create('hmac')]
    for (const args of [[ids[0]!], ['--all']]) {
      for (const tty of [false, 'output'] as const) {
        const { code, stderr } = await terminal.vouchsafe(['keys', 'delete', ...args], 'y\n', { tty })
        assert.equal(code, 1)
        assert.match(stderr, /give --yes/)
      }
    }
    assert.equal(service.keys.size, 3)
    assert.equal((await terminal.vouchsafe(['keys', 'delete', ids[0]!, '--yes'])).code, 0)
    assert.deepEqual([...service.keys.keys()], ids.slice(1))
    assert.equal((await terminal.vouchsafe(['keys', 'delete', '--all', '--yes', '--json'])).code, 0)
    assert.equal(service.keys.size, 0)
  }))

for (const padding of ['oaep', 'pkcs1']) {
  test(`keys import wraps the material with ${padding}, from a file or standard input, and compares check values`, () =>
    withKeys(async (terminal, _service, create) => {
      for (const [spec, length] of [
        ['aes-gcm-192', 24],
        ['hmac', 32],
      ] as const) {
        const material = randomBytes(length)
        const id = await create(spec, '--external')
        await writeFile(terminal.path('key'), material)
        const expected = keyCheckValue(spec === 'hmac' ? 'EH_HMAC' : 'EH_AES_GCM_192', material)
        const file = await terminal.vouchsafe(['keys', 'import', id, '--in', terminal.path('key'), '--padding', padding])
        assert.equal(file.text, `${id} is imported, key check value ${expected}\n`, file.stderr)
        const stdin = await terminal.vouchsafe(['keys', 'import', id, '--padding', padding, '--json'], material)
        assert.deepEqual(stdin.json(), { keyid: id, keyCheckValue: expected })
      }
    }))
}

test('keys import fails when the server holds another key than the input', () =>
  withKeys(async (terminal, _service, create) => {
    // The service takes any 16 bytes for AES, so an SM4 key's check value differs there.
    const id = await create('sm4-ctr', '--external')
    const { code, text, stderr } = await terminal.vouchsafe(['keys', 'import', id], randomBytes(16))
    assert.deepEqual([code, text], [1, ''])
    assert.match(stderr, /the server holds another key: its check value is [0-9A-F]{6}, that of the input [0-9A-F]{6}/)
  }))

test('keys import refuses material that does not fit, before it asks for parameters', () =>
  withKeys(async (terminal, service, create) => {
    const aes = await create('aes-gcm-256', '--external')
    assert.match((await terminal.vouchsafe(['keys', 'import', aes], randomBytes(16))).stderr, /has 32 bytes, the input has 16/)
    const rsa = await create('rsa-2048', '--external')
    assert.match((await terminal.vouchsafe(['keys', 'import', rsa], randomBytes(16))).stderr, /EH_RSA_2048 cannot be imported/)
    assert.ok(!service.seen.some(({ action }) => action === 'GetParametersForImport'))
  }))

test('key check values are those of the block cipher over a zero block', () => {
  // FIPS 197 and GB/T 32907 give other blocks; the zero key over the zero block is NIST's KAT (AESAVS, 66e94b…) for AES-128.
  assert.equal(keyCheckValue('EH_AES_GCM_128', Buffer.alloc(16)), '66E94B')
  const key = randomBytes(16)
  assert.equal(
    keyCheckValue('EH_SM4_CBC', key),
    createCipheriv('sm4-cbc', key, Buffer.alloc(16)).update(Buffer.alloc(16)).toString('hex', 0, 3).toUpperCase(),
  )
})
