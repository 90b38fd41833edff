// The attestation authority end to end: the real command line against a real server.
import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { bootEvidence, claimsOf, imaEvidence, testNode } from '@vouchsafe/testkit/evidence'
import { writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { startTestServer } from '@vouchsafe/testkit/server'
import type { TestServer } from '@vouchsafe/testkit/server'
import { newSigner } from '@vouchsafe/testkit/signers'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import type { Terminal } from '@vouchsafe/testkit/terminal'

const POLICY = `package verification

default matched = false

matched {
    input.evidence.logs[_].is_log_valid
}

result = {"policy_matched": matched}
`

interface Place {
  server: TestServer
  terminal: Terminal
  /** Writes a file; gives its path. */
  file(name: string, content: string | Uint8Array): Promise<string>
  /** Runs a command that must succeed without a complaint; gives what it printed. */
  done(args: readonly string[]): Promise<string>
  /** Runs a command that must fail with nothing on standard output; gives the line. */
  refused(code: number, args: readonly string[]): Promise<string>
}

/** A server and a terminal whose user is `payroll`. */
async function withServer(body: (place: Place) => Promise<void>, flags: string[] = []): Promise<void> {
  await using server = await startTestServer({ flags })
  await giveSigningKeys(server.server.context.signingKeys)
  await using terminal = await openTerminal(server.url)
  terminal.env['VOUCHSAFE_USER'] = 'payroll'
  await body({
    server,
    terminal,
    async file(name, content) {
      await writeFile(terminal.path(name), content)
      return terminal.path(name)
    },
    async done(args) {
      const { code, text, stderr } = await terminal.vouchsafe(args)
      assert.deepEqual([code, stderr], [0, ''], args.join(' '))
      return text
    },
    async refused(expected, args) {
      const { code, text, stderr } = await terminal.vouchsafe(args)
      assert.deepEqual([code, text], [expected, ''], args.join(' '))
      return stderr
    },
  })
}

test('certificates and CRLs are set, listed, shown, changed and deleted, by the words of the original tool', async () => {
  await withServer(async ({ file, done, refused }) => {
    const pki = pkiAt(Date.now())
    const [root, other] = [await pki.root(), await pki.root('CN=Other')]
    const path = await file('root.pem', root.pem)
    const id = (await done(['cert', 'set', '--cert-type', 'tpm_boot', 'tpm_ima', '--content', `@${path}`, '--is-default'])).trim()
    assert.match(id, /^[0-9a-f]{32}$/)
    const second = await done(['certificate', 'set', '-n', 'other', '-d', 'text', '--cert_type', 'policy', '--content', other.pem])
    assert.match(await done(['cert', 'get']), new RegExp(`^ID +VERSION +NAME\n(?:.*other\n)?${id} +1 +root\\.pem\n`, 'm'))
    assert.equal((await done(['cert', 'get', '--cert-type', 'policy'])).trim().split('\n').length, 2)
    const [shown] = JSON.parse(await done(['cert', 'get', '--ids', id])) as [Record<string, unknown>]
    assert.deepEqual([shown['content'], shown['cert_type'], shown['is_default']], [root.pem, ['tpm_boot', 'tpm_ima'], true])

    assert.equal(await done(['cert', 'update', '--id', id, '--name', 'AK CA', '--is-default', 'false']), `${id} is now version 2\n`)
    assert.match(await done(['cert', 'get', '-i', id, second.trim()]), /"cert_name": "AK CA"[^]*"is_default": false/)

    const crl = await file('crl.pem', await pki.crl(root))
    const crlId = (await done(['cert', 'set', '--cert-type', 'crl', '--crl-content', `@${crl}`])).trim()
    assert.match(await done(['cert', 'get', '--cert-type', 'crl']), new RegExp(`^ID +STATE +NAME\n${crlId} +ok +crl\\.pem\n$`))
    assert.match(await refused(2, ['cert', 'delete', '--cert-type', 'crl']), /--delete-type must be one of id, all/)
    await done(['cert', 'delete', '--cert-type', 'crl', '--ids', crlId])
    assert.equal(await done(['cert', 'get', '--cert-type', 'crl']), '')

    await done(['cert', 'delete', '--delete-type', 'type', '--cert-type', 'policy'])
    await done(['cert', 'delete', '--delete-type', 'id', '--ids', id])
    assert.equal(await done(['cert', 'get']), '')
    assert.match(await refused(2, ['cert', 'set', '--content', root.pem]), /--cert-type is missing/)
    assert.match(await refused(2, ['cert', 'set', '--content', root.pem, '--cert-type', 'policy']), /--name is missing/)
    assert.match(await refused(2, ['cert', 'set', '-n', 'x', '--content', root.pem, '--cert-type', 'polcy']), /--cert-type must be of/)
    assert.match(await refused(1, ['cert', 'set', '-n', 'x', '--content', 'junk', '--cert-type', 'policy']), /certificate/)
  })
})

test('policies are set, listed, shown, changed and deleted; Rego is sent in base64, a JWT as it is', async () => {
  await withServer(async ({ file, done, refused }) => {
    const path = await file('boot.rego', POLICY)
    const id = (
      await done(['policy', 'set', '--attester-type', 'tpm_boot', 'tpm_ima', '--content-type', 'text', '--content', `@${path}`])
    ).trim()
    assert.match(await done(['policy', 'get']), new RegExp(`${id} +1 +tpm_boot,tpm_ima +\\S+Z +boot\\.rego\n$`))
    assert.match(await done(['policy', 'get', '-d', 'tpm_boot']), new RegExp(id))
    const [shown] = JSON.parse(await done(['policy', 'get', '--ids', id])) as [Record<string, unknown>]
    assert.deepEqual([shown['content'], shown['is_default']], [POLICY, false])
    assert.equal(await done(['policy', 'update', '--id', id, '--is-default', 'true', '--content', POLICY]), `${id} is now version 2\n`)

    const jwt = ['{"alg":"RS256"}', JSON.stringify({ policy: Buffer.from(POLICY).toString('base64') }), 'unsigned']
    const content = jwt.map((part) => Buffer.from(part).toString('base64url')).join('.')
    await done([
      'policy',
      'set',
      '--id',
      'mine',
      '-n',
      'j',
      '-a',
      'tpm_ima',
      '--content-type',
      'jwt',
      '--content',
      `@${await file('j', `${content}\n`)}`,
    ])
    assert.match(await done(['policy', 'get', '--ids', 'mine']), /"signature": "unverified"/)

    assert.match(
      await refused(1, ['policy', 'set', '-n', 'x', '-a', 'tpm_ima', '--content', 'package verification\nresult = nope(1)']),
      /nope/,
    )
    assert.match(await refused(2, ['policy', 'update', '--id', id, '--content-type', 'jwt']), /goes with --content/)
    await done(['policy', 'delete', '--delete-type', 'attester_type', '--attester-type', 'tpm_boot'])
    await done(['policy', 'delete', '--delete-type', 'all'])
    assert.equal(await done(['policy', 'get']), '')
  })
})

test('a host is attested: nonce, evidence against a made baseline and a policy, tokens that verify', async () => {
  await withServer(async ({ terminal, file, done, refused }) => {
    const pki = pkiAt(Date.now())
    const ca = await pki.root()
    const node = await testNode(pki, ca)
    const measurements = [{ path: 'boot_aggregate' }, { path: '/usr/bin/bash' }, { path: '/usr/bin/tool' }]
    await done(['cert', 'set', '--cert-type', 'tpm_boot', 'tpm_ima', '--content', `@${await file('ca.pem', ca.pem)}`])
    await done(['policy', 'set', '-a', 'tpm_ima', 'tpm_boot', '--content', `@${await file('p.rego', POLICY)}`, '--is-default'])

    const signer = newSigner('ec')
    const key = await file('key.pem', signer.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)
    const cert = await file('signer.pem', signer.certificate)
    await done(['cert', 'set', '--cert-type', 'refvalue', '--content', `@${cert}`])
    const log = await file('log', writeImaLog(measurements, { format: 'ascii' }))
    const jwt = terminal.path('host.jwt')
    // The terminal's clock is not the server's, by which the certificate is dated.
    await done(['baseline', 'make', log, '--sign-key', key, '--match-file-name', '--out', jwt])
    const baseline = (await done(['baseline', 'set', '--content', `@${jwt}`])).trim()
    assert.match(await done(['baseline', 'get']), new RegExp(`${baseline} +tpm_ima +host\\.jwt\n$`))
    assert.match(await done(['baseline', 'get', '--ids', baseline]), /"reference_values": 2/)

    const nonceFile = terminal.path('nonce.txt')
    await done(['nonce', 'get', '--attester-type', 'tpm_ima', 'tpm_boot', '--out', nonceFile])
    const nonce = JSON.parse(await readFile(nonceFile, 'utf8')) as { value: string }
    const qualifying = { nonce: Buffer.from(nonce.value, 'base64').subarray(0, 32) }
    const request = {
      agent_version: '1.0',
      measurements: [
        {
          node_id: node.nodeId,
          nonce,
          evidences: [
            { attester_type: 'tpm_boot', evidence: bootEvidence(node, qualifying) },
            { attester_type: 'tpm_ima', evidence: imaEvidence(node, measurements, qualifying) },
          ],
        },
      ],
    }
    const evidence = await file('evidence.txt', JSON.stringify(request))
    const out = terminal.path('token.txt')
    assert.equal(await done(['attest', '--file', evidence, '--out', out]), '')
    const claims = claimsOf((await readFile(out, 'utf8')).trim())
    assert.deepEqual([claims['ueid'], claims['status'], claims['tenant']], [node.nodeId, 'pass', 'payroll'])
    assert.match(await refused(1, ['attest', '--file', evidence]), /[Nn]once/)

    const verified = JSON.parse(await done(['token', 'verify', '--file', out])) as Record<string, unknown>
    assert.equal(verified['jti'], claims['jti'])
    const token = (await readFile(out, 'utf8')).trim()
    const forged = await terminal.vouchsafe(['token', 'verify', '--token', `${token.slice(0, -4)}AAAA`])
    assert.equal(forged.code, 1)
    assert.match(forged.text, /^Token verification failed: /)
    assert.match(await refused(2, ['token', 'verify']), /--file or --token/)

    await done(['baseline', 'update', '--id', baseline, '--name', 'renamed'])
    await done(['baseline', 'delete', '--delete-type', 'type', '--attester-type', 'tpm_ima'])
    assert.equal(await done(['baseline', 'get']), '')
  })
})

test("a refused measurement is named beside the others' tokens, and the exit code says so", async () => {
  await withServer(async ({ terminal, file, done }) => {
    const pki = pkiAt(Date.now())
    const [ca, stranger] = [await pki.root(), await pki.root('CN=Stranger')]
    await done(['cert', 'set', '-n', 'ca', '--cert-type', 'tpm_boot', '--content', ca.pem])
    const measurement = async (issuer: typeof ca, nodeId: string) => ({
      node_id: nodeId,
      evidences: [{ attester_type: 'tpm_boot', evidence: bootEvidence(await testNode(pki, issuer, nodeId)) }],
    })
    const measurements = [await measurement(stranger, 'node-x'), await measurement(ca, 'node-2')]
    const evidence = await file('e', JSON.stringify({ agent_version: '1', nonce_type: 'ignore', measurements }))
    const { code, text, stderr } = await terminal.vouchsafe(['attest', '-f', evidence])
    assert.equal(code, 1)
    assert.equal(claimsOf(text.trim())['ueid'], 'node-2')
    assert.match(stderr, /^vouchsafe: measurement 0 of node-x: .*\n$/)
    const { json } = await terminal.vouchsafe(['attest', '-f', evidence, '--json'])
    const { tokens, errors } = json() as { tokens: unknown[]; errors: { index: number }[] }
    assert.deepEqual([tokens.length, errors.length, errors[0]!.index], [1, 1, 0])
    for (const [content, message] of [
      ['[]', /is not a JSON object/],
      ['{', /is not a JSON object/],
      ['{}', /agent_version is required/],
    ] as const) {
      const refused = await terminal.vouchsafe(['attest', '-f', await file('bad', content)])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, message)
    }
  })
})

test('a user registers, works by its profile, and replaces its key; keys come from files, the environment and profiles, never from options', async () => {
  await withServer(async ({ server, terminal, file, done, refused }) => {
    delete terminal.env['VOUCHSAFE_USER']
    const registered = await done(['register', 'new'])
    const [, user] = /^user (\S+)\nkept as profile 'default' in (.*users\.json)\n$/.exec(registered)!
    const users = terminal.path('config/vouchsafe/users.json')
    assert.equal((await stat(users)).mode & 0o777, 0o600)
    const { profiles } = JSON.parse(await readFile(users, 'utf8')) as {
      profiles: Record<string, { user: string; apikey: string; url: string }>
    }
    const kept = profiles['default']!
    assert.deepEqual([kept.user, kept.url], [user, server.url])
    assert.match(await refused(1, ['register', 'new']), /profile 'default' exists/)

    const pki = pkiAt(Date.now())
    const root = (await pki.root()).pem
    await done(['cert', 'set', '-n', 'a', '--cert-type', 'policy', '--content', root])
    assert.match(await done(['cert', 'get']), /a\n$/)
    // Another user has none.
    assert.equal(await done(['cert', 'get', '-u', 'somebody']), '')

    await done(['register', 'refresh', '--profile', 'default'])
    const replaced = (JSON.parse(await readFile(users, 'utf8')) as { profiles: Record<string, { apikey: string }> }).profiles['default']!
    assert.notEqual(replaced.apikey, kept.apikey)
    const shown = await done(['register', 'refresh', '--nowrite', '-k', `@${await file('key', `${replaced.apikey}\n`)}`])
    assert.match(shown, new RegExp(`^User-Id ${user}\nAPI-Key \\w+\n$`))

    const auditor = await makeApiKey(server, 'ledger', 'auditor')
    terminal.env['VOUCHSAFE_USER_APIKEY'] = auditor
    assert.equal(await done(['cert', 'get']), '')
    assert.match(await refused(1, ['cert', 'set', '-n', 'b', '--cert-type', 'policy', '--content', root]), /role auditor/)
    assert.match(await refused(1, ['cert', 'get', '-u', 'payroll']), /User-Id/)
    // A profile that is named beats the environment.
    assert.match(await done(['cert', 'get', '--profile', 'default']), /a\n$/)
    assert.match(await refused(1, ['cert', 'get', '--profile', 'nobody']), /there is no profile 'nobody'.*register new --profile nobody/)
    const complaint = await refused(2, ['cert', 'get', '-k', auditor])
    assert.match(complaint, /give --apikey @FILE/)
    assert.ok(!complaint.includes(auditor))
    assert.match(await refused(2, ['cert', 'get', '--cert-path', 'x']), /--cert-path and --key-path go together/)
    assert.match(await refused(2, ['cert', 'get', '-u', 'x'.repeat(37)]), /--user must be 1 to 36/)
    assert.match(await refused(2, ['cert', 'get', '-s', 'example.org']), /the server address must be an absolute URL/)
  })
})

test('over TLS, --ca-path says whom to trust, and --cert-path and --key-path who asks', async () => {
  const pki = pkiAt(Date.now())
  const root = await pki.root()
  await using terminal = await openTerminal()
  const pem = async (name: string, entity: Awaited<ReturnType<typeof pki.leaf>>) => {
    await writeFile(terminal.path(`${name}.pem`), entity.pem)
    await writeFile(terminal.path(`${name}.key`), entity.privateKey.export({ format: 'pem', type: 'pkcs8' }))
    return [terminal.path(`${name}.pem`), terminal.path(`${name}.key`)] as const
  }
  const host = await pki.leaf(root, 'CN=host', { subjectAltName: [{ type: 'ip', value: '127.0.0.1' }] })
  const [cert, key] = await pem('host', host)
  const [agentCert, agentKey] = await pem('agent', await pki.leaf(root, 'CN=agent'))
  const [ca] = await pem('ca', root)
  await using server = await startTestServer({ flags: ['--tls-cert', cert, '--tls-key', key, '--tls-client-ca', ca] })
  terminal.env['VOUCHSAFE_DATA_DIR'] = server.dataDir
  const admitted = await terminal.vouchsafe(['users', 'keys', 'create', 'payroll', '--role', 'owner', '--certificate', agentCert])
  assert.equal(admitted.code, 0, admitted.stderr)
  const options = ['-s', server.url, '--ca-path', ca]
  const asked = await terminal.vouchsafe(['cert', 'get', ...options, '--cert-path', agentCert, '--key-path', agentKey])
  assert.deepEqual([asked.code, asked.text, asked.stderr], [0, '', ''])
  const untrusted = await terminal.vouchsafe(['cert', 'get', '-s', server.url, '-u', 'payroll'])
  assert.equal(untrusted.code, 1)
  assert.match(untrusted.stderr, /cannot reach the server/)
})

test('enrolments say which TPM is which node', async () => {
  await withServer(async ({ done, refused, terminal }) => {
    const digest = 'ab'.repeat(32)
    assert.equal(await done(['ak', 'enrolments', 'set', 'rack 7', '--ek-digest', digest]), `${digest}\n`)
    assert.match(await done(['ak', 'enrolments', 'get']), new RegExp(`${digest} +\\S+Z +rack 7\n$`))
    assert.match(await refused(1, ['ak', 'enrolments', 'set', 'rack 8', '--ek-digest', digest]), /has an enrolment already/)
    assert.equal(await done(['ak', 'certs', 'get', '--node', 'rack 7']), '')
    assert.equal((await terminal.vouchsafe(['ak', 'certs', 'revoke', '--node', 'rack 7', '--reason', 'keyCompromise'])).code, 1)
    assert.match(await refused(2, ['ak', 'certs', 'revoke']), /SERIAL_NUMBER or --node/)
    assert.equal(await done(['ak', 'enrolments', 'delete', digest]), 'deleted\n')
    assert.equal((await terminal.vouchsafe(['ak', 'enrolments', 'delete', digest])).code, 1)
    assert.match(await done(['ak', 'authority']), /BEGIN CERTIFICATE|\[\]/)
  })
})
