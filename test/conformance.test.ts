/** The conformance runner on tiny folders: what it runs, what it skips and why, and how it exits. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { GCM, SM2 } from '../packages/crypto/src/self-test-vectors.ts'

const RUNNER = fileURLToPath(new URL('../tools/conformance.ts', import.meta.url))

interface Run {
  status: number | null
  lines: string[]
  errors: string
}

/** The runner's lines but those of other packages' suites, which these test. */
function runner(...args: string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUNNER, ...args], { encoding: 'utf8' })
  return {
    status,
    lines: stdout.split('\n').filter((line) => line !== '' && !/^(rego|tpm-eventlog|tpm-quote|ima|dcap): /.test(line)),
    errors: stderr,
  }
}

/** Runs on a folder of the given files: objects are written as JSON, gzipped where the name says so, strings as they are. */
function runOn(files: Record<string, unknown>): Run {
  const directory = mkdtempSync(join(tmpdir(), 'vouchsafe-conformance-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(directory, name)
      mkdirSync(dirname(path), { recursive: true })
      const text = typeof content === 'string' ? content : JSON.stringify(content)
      writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
    }
    return runner(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const sealed = GCM.answers[128]
const good = {
  tcId: 1,
  comment: '',
  key: GCM.key.slice(0, 32),
  iv: sealed.slice(-56, -32),
  aad: GCM.aad,
  msg: GCM.plaintext,
  ct: sealed.slice(0, -56),
  tag: sealed.slice(-32),
  result: 'valid',
}
const altered = { ...good, tcId: 2, comment: 'altered tag', tag: '00'.repeat(16), result: 'invalid' }

function gcm(...tests: object[]): object {
  return { algorithm: 'AES-GCM', testGroups: [{ type: 'AeadTest', keySize: 128, ivSize: 96, tagSize: 128, tests }] }
}

test('plain and gzipped files pass, and absent folders are said', () => {
  const { status, lines } = runOn({ 'wycheproof/a_test.json': gcm(good), 'wycheproof/b_test.json.gz': gcm(good, altered) })
  assert.deepEqual(lines, ['sm: no folder sm', 'wycheproof: 3 passed, 0 failed, 0 skipped', 'sm: 0 passed, 0 failed, 0 skipped'])
  assert.equal(status, 0)
})

test('a wrong expectation fails, is named, and the runner exits with 1', () => {
  const cases = {
    'accepted what is invalid': { ...good, result: 'invalid' },
    'refused what is valid': { ...altered, result: 'valid' },
    'another plaintext': { ...good, msg: '00'.repeat(60) },
    'no hex': { ...good, ct: 'xyz' },
  }
  for (const [why, wrong] of Object.entries(cases)) {
    const { status, lines } = runOn({ 'wycheproof/a_test.json': gcm(good, { ...wrong, tcId: 77 }) })
    assert.equal(status, 1, why)
    assert.ok(
      lines.some((line) => line.startsWith('wycheproof: FAILED a_test.json tcId 77')),
      why,
    )
    assert.ok(lines.includes('wycheproof: 1 passed, 1 failed, 0 skipped'), why)
  }
})

test('a file that is no JSON fails', () => {
  const { status, lines } = runOn({ 'wycheproof/a_test.json': '{', 'sm/gmt-and-openssl.json': '[]' })
  assert.equal(status, 1)
  assert.deepEqual(lines.slice(-2), ['wycheproof: 0 passed, 1 failed, 0 skipped', 'sm: 0 passed, 1 failed, 0 skipped'])
})

test('what is not offered is skipped with one reason per file', () => {
  const group = { type: 'AeadTest', keySize: 128, ivSize: 128, tagSize: 128, tests: [good, good] }
  const { status, lines } = runOn({
    'wycheproof/long_iv_test.json': { algorithm: 'AES-GCM', testGroups: [group, group] },
    'wycheproof/kw_test.json': { algorithm: 'AES-WRAP', testGroups: [{ type: 'KeywrapTest', tests: [good] }] },
    'wycheproof/notes.txt': 'not a vector file',
  })
  assert.equal(status, 0)
  assert.deepEqual(lines, [
    'wycheproof: skipped 1 in kw_test.json: AES-WRAP is not offered',
    'wycheproof: skipped 4 in long_iv_test.json: AES-GCM with an IV other than 12 bytes is not offered',
    'sm: no folder sm',
    'wycheproof: 0 passed, 0 failed, 5 skipped',
    'sm: 0 passed, 0 failed, 0 skipped',
  ])
})

test('unknown folders are named', () => {
  const { status, lines } = runOn({ 'surprise/a.json': {}, 'another/b.json': {} })
  assert.equal(status, 0)
  assert.ok(lines.includes('conformance: unknown folders skipped: another, surprise'))
})

test('signatures are judged over the message and over its digest', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const message = Buffer.from('message')
  const group = {
    type: 'EcdsaVerify',
    sha: 'SHA-256',
    publicKey: { curve: 'secp256r1' },
    publicKeyDer: publicKey.export({ type: 'spki', format: 'der' }).toString('hex'),
    tests: [
      { tcId: 1, msg: message.toString('hex'), sig: sign('sha256', message, privateKey).toString('hex'), result: 'valid' },
      { tcId: 2, msg: '00', sig: sign('sha256', message, privateKey).toString('hex'), result: 'invalid' },
    ],
  }
  const { status, lines } = runOn({ 'wycheproof/ecdsa_test.json': { algorithm: 'ECDSA', testGroups: [group] } })
  assert.ok(lines.includes('wycheproof: 2 passed, 0 failed, 0 skipped'))
  assert.equal(status, 0)
})

test('the SM examples run from whatever parts the file has, and fail when altered', () => {
  const encrypt = {
    message_ascii: SM2.plaintext,
    private_key: SM2.scalar,
    public_key_xy: SM2.point.slice(2),
    c1c3c2: `04${SM2.c1}${SM2.c3}${SM2.c2}`,
  }
  assert.ok(runOn({ 'sm/gmt-and-openssl.json.gz': { encrypt } }).lines.includes('sm: 1 passed, 0 failed, 0 skipped'))
  const { status, lines } = runOn({ 'sm/gmt-and-openssl.json': { encrypt: { ...encrypt, message_ascii: 'other' }, sm3: [] } })
  assert.ok(lines.includes('sm: 0 passed, 1 failed, 0 skipped'))
  assert.equal(status, 1)
})

test('a folder that cannot be read is one clear line and exit 1, and no folder is a usage error', () => {
  const { status, lines, errors } = runner(join(tmpdir(), 'vouchsafe-no-such-folder'))
  assert.deepEqual([status, lines.length], [1, 0])
  assert.match(errors, /^conformance: cannot read .*: ENOENT\n$/)
  assert.equal(runner().status, 2)
})
