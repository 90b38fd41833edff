import assert from 'node:assert/strict'
import { chmod, lstat, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import type { Terminal } from '@vouchsafe/testkit/terminal'
import { startService } from './support/service.ts'
import type { Service } from './support/service.ts'

async function withKey(spec: string, body: (terminal: Terminal, id: string, service: Service) => Promise<void>) {
  await using service = await startService()
  await using terminal = await openTerminal(service.url)
  await terminal.vouchsafe(['enroll'])
  await body(terminal, (await terminal.vouchsafe(['keys', 'create', spec])).text.trim(), service)
}

const DATA = Buffer.from([0, 0xff, 0x0a, 0x80, 0xc3, 0x28])

for (const [spec, action] of [
  ['aes-gcm-256', 'Encrypt'],
  ['sm4-ctr', 'Encrypt'],
  ['rsa-2048', 'AsymmetricEncrypt'],
  ['sm2', 'AsymmetricEncrypt'],
] as const) {
  test(`encrypt and decrypt carry bytes unchanged through pipes and files with ${spec}, by ${action}`, () =>
    withKey(spec, async (terminal, id, service) => {
      const piped = await terminal.vouchsafe(['encrypt', id], DATA)
      assert.equal(piped.code, 0, piped.stderr)
      assert.ok(service.seen.some((one) => one.action === action && one.payload['plaintext'] === DATA.toString('base64')))
      assert.deepEqual((await terminal.vouchsafe(['decrypt', id], piped.stdout)).stdout, DATA)

      await writeFile(terminal.path('in'), DATA)
      const toFile = await terminal.vouchsafe(['encrypt', id, '--in', terminal.path('in'), '--out', terminal.path('sealed')])
      assert.deepEqual([toFile.code, toFile.text], [0, ''])
      await terminal.vouchsafe(['decrypt', id, '--in', terminal.path('sealed'), '--out', terminal.path('opened')])
      assert.deepEqual(await readFile(terminal.path('opened')), DATA)
    }))
}

test('output files are readable by their owner only, also where there was a file that others could read', () =>
  withKey('aes-gcm-128', async (terminal, id) => {
    await writeFile(terminal.path('out'), 'old')
    await chmod(terminal.path('out'), 0o644)
    for (const name of ['out', 'new']) {
      await terminal.vouchsafe(['encrypt', id, '--out', terminal.path(name)], DATA)
      assert.equal((await stat(terminal.path(name))).mode & 0o777, 0o600)
    }
  }))

test('output through a symbolic link replaces its target, output to a device goes to the device, and nothing is left behind', () =>
  withKey('aes-gcm-128', async (terminal, id) => {
    await writeFile(terminal.path('target'), 'old')
    await symlink(terminal.path('target'), terminal.path('link'))
    const sealed = await terminal.vouchsafe(['encrypt', id], DATA)
    for (const out of [terminal.path('link'), '/dev/null'])
      assert.equal((await terminal.vouchsafe(['decrypt', id, '--out', out], sealed.stdout)).code, 0)
    assert.ok((await lstat(terminal.path('link'))).isSymbolicLink())
    assert.deepEqual(await readFile(terminal.path('target')), DATA)
    assert.ok((await stat('/dev/null')).isCharacterDevice())
    assert.equal((await terminal.vouchsafe(['decrypt', id, '--out', terminal.dir], sealed.stdout)).code, 1)
    assert.deepEqual((await readdir(terminal.dir)).sort(), ['config', 'link', 'target'])
  }))

test('base64 goes out with --base64 and comes in with --in-base64, line breaks and all', () =>
  withKey('aes-gcm-128', async (terminal, id) => {
    const { text } = await terminal.vouchsafe(['encrypt', id, '--base64'], DATA)
    assert.match(text, /^[A-Za-z0-9+/]+=*\n$/)
    const folded = text.trim().replace(/.{8}/g, '$&\r\n')
    assert.deepEqual((await terminal.vouchsafe(['decrypt', id, '--in-base64'], folded)).stdout, DATA)
    assert.equal((await terminal.vouchsafe(['decrypt', id, '--in-base64', '--base64'], folded)).text, `${DATA.toString('base64')}\n`)
    for (const wrong of ['a', 'ab-_', '====', 'ab=c', 'not base64!'])
      assert.match((await terminal.vouchsafe(['decrypt', id, '--in-base64'], wrong)).stderr, /the input is not base64/)
  }))

test('with --json the data is base64 in a document, or the name of the file it went to', () =>
  withKey('aes-gcm-128', async (terminal, id) => {
    const sealed = await terminal.vouchsafe(['encrypt', id, '--json'], DATA)
    const { keyid, ciphertext } = sealed.json() as { keyid: string; ciphertext: string }
    assert.equal(keyid, id)
    const opened = await terminal.vouchsafe(['decrypt', id, '--json'], Buffer.from(ciphertext, 'base64'))
    assert.deepEqual(opened.json(), { keyid: id, plaintext: DATA.toString('base64') })
    const out = terminal.path('out')
    const filed = await terminal.vouchsafe(['decrypt', id, '--json', '--out', out], Buffer.from(ciphertext, 'base64'))
    assert.deepEqual(filed.json(), { keyid: id, out, bytes: DATA.length })
  }))

test('binary output does not go to a terminal; text, files and JSON do', () =>
  withKey('aes-gcm-128', async (terminal, id) => {
    const refused = await terminal.vouchsafe(['encrypt', id], DATA, { tty: true })
    assert.deepEqual([refused.code, refused.text], [2, ''])
    assert.match(refused.stderr, /--out FILE or --base64/)
    for (const option of [['--base64'], ['--json'], ['--out', terminal.path('out')]])
      assert.equal((await terminal.vouchsafe(['encrypt', id, ...option], DATA, { tty: true })).code, 0)
  }))

test('aad from a file or as text is bound to the ciphertext', () =>
  withKey('aes-gcm-128', async (terminal, id) => {
    await writeFile(terminal.path('aad'), 'order 7')
    const sealed = await terminal.vouchsafe(['encrypt', id, '--aad', terminal.path('aad')], DATA)
    assert.deepEqual((await terminal.vouchsafe(['decrypt', id, '--aad-text', 'order 7'], sealed.stdout)).stdout, DATA)
    const wrong = await terminal.vouchsafe(['decrypt', id, '--aad-text', 'order 8'], sealed.stdout)
    assert.deepEqual([wrong.code, wrong.text, wrong.stderr], [1, '', 'vouchsafe: Decryption failed\n'])
    assert.equal((await terminal.vouchsafe(['encrypt', id, '--aad', 'x', '--aad-text', 'y'], DATA)).code, 2)
  }))

test('options that would do nothing for the kind of key are refused', async () => {
  const rows: [spec: string, options: string[], message: RegExp][] = [
    ['aes-gcm-128', ['--padding', 'oaep'], /take no --padding/],
    ['sm2', ['--padding', 'oaep'], /take no --padding/],
    ['sm4-cbc', ['--aad-text', 'x'], /do not authenticate additional data/],
    ['rsa-2048', ['--aad-text', 'x'], /do not authenticate additional data/],
    ['rsa-2048', ['--padding', 'pss'], /must be one of: oaep, pkcs1/],
  ]
  for (const [spec, options, message] of rows)
    await withKey(spec, async (terminal, id, service) => {
      const { code, stderr } = await terminal.vouchsafe(['encrypt', id, ...options], DATA)
      assert.equal(code, 2)
      assert.match(stderr, message)
      assert.ok(!service.seen.some(({ action }) => action.endsWith('Encrypt')))
    })
})

test('RSA padding is passed on', () =>
  withKey('rsa-2048', async (terminal, id, service) => {
    await terminal.vouchsafe(['encrypt', id, '--padding', 'pkcs1'], DATA)
    assert.equal(service.seen.at(-1)!.payload['padding_mode'], 'EH_RSA_PKCS1')
  }))

test('input that no action takes is not read to its end', () =>
  withKey('aes-gcm-128', async (terminal, id, service) => {
    const { code, stderr } = await terminal.vouchsafe(['encrypt', id], Buffer.alloc(64 * 1024 + 1))
    assert.equal(code, 1)
    assert.match(stderr, /the input is too long: at most 6144 bytes/)
    assert.ok(!service.seen.some(({ action }) => action === 'Encrypt'))
  }))

test('files that cannot be read or written are named, in one line', () =>
  withKey('aes-gcm-128', async (terminal, id) => {
    const missing = terminal.path('missing')
    const read = await terminal.vouchsafe(['encrypt', id, '--in', missing])
    assert.deepEqual([read.code, read.stderr], [1, `vouchsafe: ${missing}: there is no such file or folder\n`])
    const write = await terminal.vouchsafe(['encrypt', id, '--out', `${missing}/out`], DATA)
    assert.equal(write.code, 1)
    assert.match(write.stderr, /there is no such file or folder\n$/)
  }))

test('verify exits 0 for the signature that sign made with the same options, and 1 for any other', () =>
  withKey('ec-p256', async (terminal, id, service) => {
    await writeFile(terminal.path('message'), DATA)
    const options = ['--digest', 'sha384', '--padding', 'pss', '--prehashed']
    const message = ['--in', terminal.path('message')]
    await terminal.vouchsafe(['sign', id, ...message, ...options, '--out', terminal.path('signature')])
    const { keyid: _, message: sent, ...modes } = service.seen.at(-1)!.payload
    assert.equal(sent, DATA.toString('base64'))
    assert.deepEqual(modes, { message_type: 'EH_DIGEST', digest_mode: 'EH_SHA_384', padding_mode: 'EH_RSA_PKCS1_PSS' })

    const verify = (...args: string[]) => terminal.vouchsafe(['verify', id, '--signature', terminal.path('signature'), ...args], DATA)
    const valid = await verify(...message, ...options)
    assert.deepEqual([valid.code, valid.text, valid.stderr], [0, 'valid\n', ''])
    const other = await verify(...options.slice(2))
    assert.deepEqual([other.code, other.text, other.stderr], [1, 'not valid\n', ''])
    assert.deepEqual((await verify(...options, '--json')).json(), { keyid: id, valid: true })
    assert.deepEqual((await verify('--json')).json(), { keyid: id, valid: false })
  }))

test('signatures may be base64 text both ways', () =>
  withKey('ec-p256', async (terminal, id) => {
    const { text } = await terminal.vouchsafe(['sign', id, '--base64'], DATA)
    await writeFile(terminal.path('signature'), text)
    assert.equal((await terminal.vouchsafe(['verify', id, '--signature', terminal.path('signature'), '--base64'], DATA)).code, 0)
    assert.equal((await terminal.vouchsafe(['verify', id, '--signature', terminal.path('signature')], DATA)).code, 1)
  }))
