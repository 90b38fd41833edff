import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, verify } from 'node:crypto'
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { NOW, openTerminal } from '@vouchsafe/testkit/terminal'
import type { Terminal } from '@vouchsafe/testkit/terminal'

const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('hex')

/** A folder with these files. */
async function folderOf(terminal: Terminal, files: Record<string, string>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = terminal.path(join('root', name))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
  return terminal.path('root')
}

function openssl(...args: string[]): Buffer {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
}

/** A private key and its public key, as files. */
function keyPair(terminal: Terminal, ...genpkey: string[]): { key: string; pub: string } {
  const [key, pub] = [terminal.path('key.pem'), terminal.path('pub.pem')]
  openssl('genpkey', ...genpkey, '-out', key)
  openssl('pkey', '-in', key, '-pubout', '-out', pub)
  return { key, pub }
}

/** The payload's and the header's JSON, and what the signature covers. */
function parts(jwt: string): { header: unknown; payload: { referenceValues: unknown[] }; signed: string; signature: Buffer } {
  const [header = '', payload = '', signature = ''] = jwt.trim().split('.')
  const json = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as never
  return { header: json(header), payload: json(payload), signed: `${header}.${payload}`, signature: Buffer.from(signature, 'base64url') }
}

test('a folder gives a value for each file, with the names that IMA logs on the hosts, links left out', async () => {
  await using terminal = await openTerminal()
  const root = await folderOf(terminal, { 'usr/bin/b': 'two', 'usr/bin/a b': 'one', 'etc/empty': '' })
  await symlink('b', join(root, 'usr/bin/link'))
  await symlink('..', join(root, 'usr/up'))
  const { code, text, stderr } = await terminal.vouchsafe(['baseline', 'make', root, '--prefix', '/'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(JSON.parse(text), {
    referenceValues: [
      { fileName: '/etc/empty', sha256: hash('sha256', '') },
      { fileName: '/usr/bin/a_b', sha256: hash('sha256', 'one') },
      { fileName: '/usr/bin/b', sha256: hash('sha256', 'two') },
    ],
  })
  const here = await terminal.vouchsafe(['baseline', 'make', root])
  assert.ok(here.text.includes(`"${root.replaceAll(' ', '_')}/usr/bin/b"`))
})

test('a file of more than one read is hashed whole', async () => {
  await using terminal = await openTerminal()
  const content = 'x'.repeat(3 * 1024 * 1024 + 17)
  const root = await folderOf(terminal, { big: content })
  const { json } = await terminal.vouchsafe(['baseline', 'make', root, '--no-names', '--json'])
  const { content: made } = json() as { content: string }
  assert.deepEqual(JSON.parse(made), { referenceValues: [{ sha256: hash('sha256', content) }] })
})

test('other hashes are named beside the digest; names count where that is asked for', async () => {
  await using terminal = await openTerminal()
  const root = await folderOf(terminal, { a: 'one' })
  for (const alg of ['sha1', 'sha384', 'sha512', 'sm3']) {
    const { text } = await terminal.vouchsafe(['baseline', 'make', root, '--prefix', '/opt/', '--hash', alg, '--match-file-name'])
    const digest = hash(alg, 'one')
    assert.deepEqual(JSON.parse(text), { referenceValues: [{ fileName: '/opt/a', alg, digest }], matchFileName: true })
  }
})

test('an IMA log gives each file once, without the boot aggregate and violations', async () => {
  await using terminal = await openTerminal()
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const measurements = [
    { path: 'boot_aggregate' },
    { path: '/usr/bin/a', digest: digest('a') },
    { path: '/usr/bin/b', digest: digest('b'), violation: true },
    { path: '/usr/bin/a', digest: digest('a') },
    { path: '/usr/bin/old', algorithm: 'sha1', digest: createHash('sha1').update('old').digest() },
    { path: '/usr/bin/a', digest: digest('new') },
    { path: '/usr/bin/w', algorithm: 'wp512', digest: Buffer.alloc(64) },
  ]
  for (const format of ['ascii', 'binary'] as const) {
    const log = writeImaLog(measurements, { format })
    await writeFile(terminal.path('log'), log)
    for (const { text, stderr } of [
      await terminal.vouchsafe(['baseline', 'make', terminal.path('log')]),
      await terminal.vouchsafe(['baseline', 'make', '-'], log),
    ]) {
      assert.deepEqual(JSON.parse(text), {
        referenceValues: [
          { fileName: '/usr/bin/a', sha256: hash('sha256', 'a') },
          { fileName: '/usr/bin/old', alg: 'sha1', digest: hash('sha1', 'old') },
          { fileName: '/usr/bin/a', sha256: hash('sha256', 'new') },
        ],
      })
      assert.match(stderr, /left out: 1 entries are violations.*\n.*left out: 1 entries have no digest that a baseline can hold\n$/)
    }
  }
})

for (const { alg, key: generated, digest, options } of [
  { alg: 'RS384', key: ['-algorithm', 'RSA'], digest: '-sha384', options: [] },
  { alg: 'PS256', key: ['-algorithm', 'RSA'], digest: '-sha256', options: ['rsa_padding_mode:pss', 'rsa_pss_saltlen:32'] },
  { alg: 'PS512', key: ['-algorithm', 'RSA-PSS'], digest: '-sha512', options: ['rsa_padding_mode:pss', 'rsa_pss_saltlen:64'] },
]) {
  test(`a baseline signed with ${alg} verifies with OpenSSL`, async () => {
    await using terminal = await openTerminal()
    const root = await folderOf(terminal, { a: 'one' })
    const { key, pub } = keyPair(terminal, ...generated)
    const out = terminal.path('baseline.jwt')
    const asked = alg === 'RS384' ? [] : ['--alg', alg]
    const { code, text } = await terminal.vouchsafe(['baseline', 'make', root, '--sign-key', key, ...asked, '--out', out])
    const jwt = await readFile(out, 'utf8')
    assert.deepEqual([code, text], [0, `1 reference values, ${jwt.length} bytes\n`])
    const { header, payload, signed, signature } = parts(jwt)
    assert.deepEqual([header, payload.referenceValues.length], [{ alg, typ: 'JWT' }, 1])
    await writeFile(terminal.path('signed'), signed)
    await writeFile(terminal.path('signature'), signature)
    const sigopts = options.flatMap((option) => ['-sigopt', option])
    const args = ['-verify', pub, '-signature', terminal.path('signature'), ...sigopts, terminal.path('signed')]
    assert.equal(openssl('dgst', digest, ...args).toString(), 'Verified OK\n')
  })
}

test('EC keys sign with the algorithm of their curve, r and s side by side', async () => {
  await using terminal = await openTerminal()
  const root = await folderOf(terminal, { a: 'one' })
  for (const [curve, alg, size] of [
    ['P-256', 'ES256', 64],
    ['P-384', 'ES384', 96],
    ['P-521', 'ES512', 132],
  ] as const) {
    const { key, pub } = keyPair(terminal, '-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`)
    const { text } = await terminal.vouchsafe(['baseline', 'make', root, '--sign-key', key])
    const { header, signed, signature } = parts(text)
    assert.deepEqual([header, signature.length], [{ alg, typ: 'JWT' }, size])
    const publicKey = { key: await readFile(pub), dsaEncoding: 'ieee-p1363' as const }
    assert.ok(verify(`sha${alg.slice(2)}`, Buffer.from(signed), publicKey, signature))
  }
})

test('--cert must be that of the key, and valid now', async () => {
  await using terminal = await openTerminal()
  const root = await folderOf(terminal, { a: 'one' })
  const [key, cert] = [terminal.path('key.pem'), terminal.path('cert.pem')]
  const make = () => terminal.vouchsafe(['baseline', 'make', root, '--sign-key', key, '--cert', cert])
  const YEAR_MS = 365 * 24 * 60 * 60 * 1000
  for (const [at, code, message] of [
    [NOW, 0, /^$/],
    [NOW - YEAR_MS, 1, /cert\.pem expired on /],
    [NOW + YEAR_MS, 1, /cert\.pem is valid from .* on$/m],
  ] as const) {
    const { pem, privateKey } = await pkiAt(at).selfSigned()
    await writeFile(cert, pem)
    await writeFile(key, privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const made = await make()
    assert.equal(made.code, code)
    assert.match(made.stderr, message)
  }
  await writeFile(cert, (await pkiAt(NOW).selfSigned()).pem)
  assert.match((await make()).stderr, /cert\.pem is not the certificate of .*key\.pem/)
})

test('what cannot make a baseline is refused with its reason, and writes nothing', async () => {
  await using terminal = await openTerminal()
  const root = await folderOf(terminal, { a: 'one' })
  await mkdir(terminal.path('empty'))
  const { key } = keyPair(terminal, '-algorithm', 'ED25519')
  const out = terminal.path('out')
  await writeFile(terminal.path('text'), 'not a log')
  await writeFile(terminal.path('aggregate'), writeImaLog([{ path: 'boot_aggregate' }], { format: 'ascii' }))
  const rsa = terminal.path('rsa.pem')
  openssl('genrsa', '-aes128', '-passout', 'pass:x', '-out', terminal.path('encrypted.pem'))
  openssl('genrsa', '-out', rsa)
  for (const [code, args, message] of [
    [1, [terminal.path('missing')], /there is no such file or folder/],
    [1, [terminal.path('empty')], /there are no files in/],
    [1, [terminal.path('text')], /text: entry 0/],
    [1, [terminal.path('aggregate')], /this log has no entry for a file/],
    [1, [root, '--sign-key', key], /the key must be RSA, or EC on P-256, P-384 or P-521/],
    [1, [root, '--sign-key', terminal.path('text')], /text: this is not a PEM private key/],
    [1, [root, '--sign-key', terminal.path('encrypted.pem')], /this private key is encrypted; decrypt it first/],
    [1, [root, '--sign-key', rsa, '--cert', rsa], /this is not a PEM certificate/],
    [2, [root, '--sign-key', rsa, '--alg', 'ES256'], /--alg must be one of RS384, RS256/],
    [2, [root, '--alg', 'RS256'], /--alg goes with --sign-key/],
    [2, [root, '--cert', rsa], /--cert goes with --sign-key/],
    [2, [root, '--hash', 'md5'], /--hash must be one of sha1, sha256/],
    [2, [root, '--match-file-name', '--no-names'], /--match-file-name needs the names/],
    [2, [terminal.path('aggregate'), '--hash', 'sha1'], /--prefix and --hash are for folders/],
  ] as const) {
    const result = await terminal.vouchsafe(['baseline', 'make', ...args, '--out', out])
    assert.deepEqual([result.code, result.text], [code, ''], args.join(' '))
    assert.match(result.stderr, message)
    await assert.rejects(stat(out))
  }
})
