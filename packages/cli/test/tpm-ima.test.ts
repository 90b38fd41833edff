import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openTerminal } from '@vouchsafe/testkit/terminal'

const DIGEST = createHash('sha256').update('content').digest()

function le32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** An ima-sig line as the kernel writes it, and its template data. */
function measured(path: string, sig = Buffer.alloc(0)) {
  const fields = [Buffer.concat([Buffer.from('sha256:\0'), DIGEST]), Buffer.from(`${path}\0`), sig]
  const data = Buffer.concat(fields.flatMap((field) => [le32(field.length), field]))
  const digest = createHash('sha1').update(data).digest('hex')
  return { data, line: `10 ${digest} ima-sig sha256:${DIGEST.toString('hex')} ${path} ${sig.toString('hex')}\n` }
}

function pcr10(entries: { data: Buffer }[], bank: string): string {
  let value = Buffer.alloc(createHash(bank).digest().length)
  for (const { data } of entries) value = createHash(bank).update(value).update(createHash(bank).update(data).digest()).digest()
  return value.toString('hex')
}

const HOST = [measured('boot_aggregate'), measured('/bin/sh'), measured('/bin/tail')]
const LOG = HOST.map(({ line }) => line).join('')

interface Answer {
  entries: { path: string; authenticated?: boolean; fileDigest: string; fileSignature?: { status: string } }[]
  authenticated: number | null
  pcr10: string
  form: string
}

test('tpm ima prints entries, how many are authenticated, and PCR 10', async () => {
  await using terminal = await openTerminal()
  await writeFile(terminal.path('log'), LOG)
  const plain = await terminal.vouchsafe(['tpm', 'ima', terminal.path('log'), '--json'])
  const all = plain.json() as Answer
  assert.deepEqual([plain.code, all.authenticated, all.pcr10], [0, null, pcr10(HOST, 'sha256')])
  assert.deepEqual(
    all.entries.map(({ path, authenticated }) => [path, authenticated]),
    [
      ['boot_aggregate', undefined],
      ['/bin/sh', undefined],
      ['/bin/tail', undefined],
    ],
  )
  assert.equal(all.entries[0]?.fileDigest, `sha256:${DIGEST.toString('hex')}`)

  for (const bank of ['sha1', 'sha256', 'sha384', 'sm3']) {
    const args = ['tpm', 'ima', '-', '--bank', bank, '--expect', pcr10(HOST.slice(0, 2), bank), '--json']
    const { code, json } = await terminal.vouchsafe(args, LOG)
    const answer = json() as Answer
    assert.deepEqual([code, answer.authenticated, answer.pcr10], [0, 2, pcr10(HOST, bank)])
    assert.deepEqual(
      answer.entries.map(({ authenticated }) => authenticated),
      [true, true, false],
    )
  }
})

test('tpm ima exits 1 when the log does not lead to the value, and says so', async () => {
  await using terminal = await openTerminal()
  const { code, text } = await terminal.vouchsafe(['tpm', 'ima', '-', '--expect', 'ab'.repeat(32)], LOG)
  assert.equal(code, 1)
  assert.match(text, /^0 {2}10 {3}not covered {2}ima-sig {3}sha256:[0-9a-f]{64} {2}boot_aggregate$/m)
  assert.match(text, /^FAILED {2}pcr-10 {12}expected (ab){32}, found [0-9a-f]{64} \(no number of the 3 entries leads to the value\)$/m)
})

test('names cannot move the cursor of the terminal', async () => {
  await using terminal = await openTerminal()
  const { text } = await terminal.vouchsafe(['tpm', 'ima', '-'], measured('/a\x1b[2Jb\nc').line)
  assert.match(text, /\/a\\u001b\[2Jb\\u000ac/)
})

test('tpm ima verifies file signatures with keys from files and folders', async () => {
  await using terminal = await openTerminal()
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const spki = publicKey.export({ type: 'pkcs1', format: 'der' })
  const signature = sign('sha256', Buffer.from('content'), privateKey)
  const keyId = createHash('sha1').update(spki).digest().subarray(-4)
  const sig = Buffer.concat([Buffer.from([3, 2, 4]), keyId, Buffer.from([1, 0]), signature])
  const wrong = Buffer.from(sig)
  wrong[100]! ^= 1
  await mkdir(terminal.path('keys'))
  await writeFile(terminal.path('keys/one.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  const log = [measured('/good', sig), measured('/none')]
  for (const keys of [terminal.path('keys'), terminal.path('keys/one.pem')]) {
    const { code, json } = await terminal.vouchsafe(['tpm', 'ima', '-', '--keys', keys, '--json'], log.map(({ line }) => line).join(''))
    assert.deepEqual([code, (json() as Answer).entries.map(({ fileSignature }) => fileSignature?.status)], [0, ['valid', 'none']])
  }
  const bad = await terminal.vouchsafe(['tpm', 'ima', '-', '--keys', terminal.path('keys')], measured('/bad', wrong).line)
  assert.equal(bad.code, 1)
  assert.match(bad.text, new RegExp(`invalid ${keyId.toString('hex')} {2}ima-sig`))
})

test('wrong options, no logs and no keys are clear errors', async () => {
  await using terminal = await openTerminal()
  await mkdir(terminal.path('empty'))
  const cases: [args: string[], code: number, message: RegExp][] = [
    [['-', '--bank', 'md5'], 2, /--bank is one of sha1, sha256, sha384, sha512, sm3/],
    [['-', '--expect', 'ab'], 2, /--expect is 64 hex digits in the bank sha256/],
    [['-', '--keys', terminal.path('empty')], 1, /no keys in /],
    [['-'], 1, /-: entry 0: no PCR, template digest and template name \(at byte 0\)/],
    [[terminal.path('absent')], 1, /absent/],
  ]
  for (const [args, code, message] of cases) {
    const result = await terminal.vouchsafe(['tpm', 'ima', ...args], 'no log')
    assert.equal(result.code, code)
    assert.match(result.stderr, message)
  }
})
