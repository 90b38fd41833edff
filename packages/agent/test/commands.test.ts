// The command line: help, mistakes, exit codes; provisioning by a local CA.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openTpm, tpm2 } from '@vouchsafe/tpm'
import { attributeOf, EKU, parseCertificate } from '@vouchsafe/x509'
import { COMMANDS } from '../src/commands/index.ts'
import { makeCa, startHost } from '@vouchsafe/testkit/host'
import { agent, agentOk } from './support/run.ts'

const BIN = fileURLToPath(new URL('../bin/vouchsafe-agent.mjs', import.meta.url))

test('the launcher passes arguments, exit codes and output through', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8' })
  assert.deepEqual([run('version').stdout, run('version').status], ['vouchsafe-agent 0.1.0\n', 0])
  const wrong = run('nothing')
  assert.deepEqual([wrong.status, wrong.stdout], [2, ''])
})

test('help lists the commands, and explains each with its options', async () => {
  const { stdout } = await agentOk(['help'])
  for (const { name, options } of COMMANDS) {
    assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
    const help = (await agentOk([name, '--help'])).stdout
    for (const option of [...Object.keys(options), 'config', 'json']) assert.match(help, new RegExp(`--${option}`))
  }
})

test('a wrong command line or configuration exits with 2 and says what is wrong', async () => {
  const refused = async (...argv: string[]) => {
    const { code, stderr, stdout } = await agent(argv)
    assert.deepEqual([code, stdout], [2, ''], stderr)
    return stderr
  }
  assert.match(await refused('tokens'), /unknown command 'tokens'; there are provision, doctor, evidence, token, run, version/)
  assert.match(await refused('token', '--polcy'), /--polcy.*\(vouchsafe-agent token --help\)/)
  assert.match(await refused('token', '--config', '/no/such/file'), /\/no\/such\/file: ENOENT/)
  assert.equal(JSON.parse(await refused('token', '--json', '--config', '/no')).error, "/no: ENOENT: no such file or directory, open '/no'")
  await using host = await startHost()
  const config = await host.config()
  assert.match(await refused('evidence', '--config', config, '--nonce', '{'), /--nonce is not JSON/)
  assert.match(await refused('provision', '--config', config, '--ca-cert', 'a'), /--ca-cert and --ca-key go together/)
  assert.match(await refused('provision', '--config', config, '--ca-cert', 'a', '--ca-key', 'b'), /--node-id is missing/)
  assert.match(await refused('provision', '--config', config, '--days', '3'), /the server decides/)
  const named = await host.config({ agent: { uuid: 'node-1' } })
  assert.match(await refused('provision', '--config', named, '--node-id', 'node-2'), /--node-id: agent\.uuid says 'node-1'/)
})

test('a local CA certifies the key: restricted, under the endorsement key, for the node and so many days', async () => {
  await using host = await startHost()
  const config = await host.config({ agent: { uuid: 'röck 7, host="3" ' } })
  const ca = await makeCa(host.swtpm)
  const provision = ['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--days', '30']
  const first = (await agentOk([...provision, '--json'])).json() as { keys: { made: boolean; nodeId: string }[] }
  assert.deepEqual(
    first.keys.map(({ made, nodeId }) => [made, nodeId]),
    [[true, 'röck 7, host="3" ']],
  )
  const state = async () => {
    await using tpm = await openTpm(host.swtpm.address)
    return { certificate: parseCertificate(await tpm2.nvRead(tpm, 0x150001b)), ak: await tpm2.readPublic(tpm, 0x81010020) }
  }
  const { certificate, ak } = await state()
  assert.equal(attributeOf(certificate.subject, 'CN'), 'röck 7, host="3" ')
  assert.deepEqual([certificate.keyUsage, certificate.extendedKeyUsage], [['digitalSignature'], [EKU.tcgAikCertificate]])
  assert.equal(Math.round((certificate.notAfter.getTime() - Date.now()) / 86_400_000), 30)
  assert.deepEqual(
    ['restricted', 'sign', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin'].filter(
      (name) => !ak.publicArea.attributes.includes(name as 'sign'),
    ),
    [],
  )
  assert.match((await agentOk(provision)).stdout, /^kept the attestation key 0x81010020; /)
  assert.deepEqual((await state()).ak.name, ak.name)
  // No server certifies it: then the key that works stays.
  assert.match((await agent(['provision', '--config', config, '--replace'])).stderr, /no certificate for its endorsement key/)
  assert.deepEqual((await state()).ak.name, ak.name)
  assert.match((await agentOk([...provision, '--replace'])).stdout, /^made the attestation key 0x81010020; /)
  assert.notDeepEqual((await state()).ak.name, ak.name)

  const other = await makeCa(host.swtpm)
  const mixed = await agent(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', other.keyPath])
  assert.match(mixed.stderr, /CA: .* is not the key of /)
})

test('what is at the handle and is no attestation key is left alone', async () => {
  await using host = await startHost()
  const config = await host.config()
  const ca = await makeCa(host.swtpm)
  await (async () => {
    await using connection = await openTpm(host.swtpm.address)
    await connection.exclusive(async (tpm) => {
      const template = {
        type: 'ecc',
        nameAlg: 'sha256',
        authPolicy: new Uint8Array(0),
        symmetric: { algorithm: 'null' },
        curve: 'nist-p256',
      } as const
      const key = await tpm2.createPrimary(tpm, {
        hierarchy: 'owner',
        template: {
          ...template,
          attributes: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'sign'],
          scheme: { scheme: 'ecdsa', hash: 'sha256' },
          kdf: { scheme: 'null' },
          x: new Uint8Array(0),
          y: new Uint8Array(0),
        },
      })
      await tpm2.evictControl(tpm, { object: key, persistent: 0x81010020 })
    })
  })()
  const argv = ['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'n']
  assert.match((await agent(argv)).stderr, /the key at 0x81010020 is not an attestation key: it is not restricted; --replace removes it/)
  assert.match((await agentOk([...argv, '--replace'])).stdout, /^made/)
})

test('a key of another scheme than the configured one is not taken for the key', async () => {
  await using host = await startHost()
  const ca = await makeCa(host.swtpm)
  const provision = (config: string) =>
    agent(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'n'])
  assert.equal((await provision(await host.config())).code, 0)
  const params = { tcti_config: host.swtpm.address, quote_signature_scheme: { signature_algo: 'rsassa' } }
  const { code, stderr } = await provision(await host.config({ plugins: [{ name: 'tpm_boot', params }] }))
  assert.deepEqual(
    [code, stderr],
    [
      1,
      'vouchsafe-agent: Failed to collect evidence: the key at 0x81010020 signs with ecdsa and sha256, quote_signature_scheme says rsassa and sha256; --replace removes it\n',
    ],
  )
})

test('what is where the certificate should go, and is none, is left alone', async () => {
  await using host = await startHost()
  const ca = await makeCa(host.swtpm)
  const provision = (config: string) =>
    agent(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'n'])
  const index = 0x150001b
  const secret = Buffer.from('the key of a disk')
  await (async () => {
    await using tpm = await openTpm(host.swtpm.address)
    const nvPublic = { index, nameAlg: 'sha256', nvType: 'ordinary', authPolicy: new Uint8Array(0), dataSize: secret.length } as const
    await tpm2.nvDefineSpace(tpm, { nvPublic: { ...nvPublic, attributes: ['ownerWrite', 'ownerRead', 'authRead'] } })
    await tpm2.nvWrite(tpm, index, secret, { by: 'owner' })
  })()
  assert.match((await provision(await host.config())).stderr, /what is in NV index 0x150001b is not a certificate, and is left unchanged/)
  await using tpm = await openTpm(host.swtpm.address)
  assert.deepEqual(Buffer.from(await tpm2.nvRead(tpm, index)), secret)
  await tpm.close()

  const file = (path: string) =>
    host.config({ plugins: [{ name: 'tpm_boot', params: { tcti_config: host.swtpm.address, ak_cert_path: path } }] })
  const key = await readFile(ca.keyPath, 'utf8')
  assert.match((await provision(await file(ca.keyPath))).stderr, /it is not a certificate, and is left unchanged/)
  assert.equal(await readFile(ca.keyPath, 'utf8'), key)
  assert.match((await provision(await file('/no/such/folder/ak.pem'))).stderr, /certificate \/no\/such\/folder\/ak\.pem: ENOENT/)
  assert.equal((await provision(await file(host.swtpm.path('ak.pem')))).code, 0)
})

test('evidence goes to a file where one is named', async () => {
  await using host = await startHost()
  const out = host.swtpm.path('evidence.json')
  const config = await host.config()
  const ca = await makeCa(host.swtpm)
  await agentOk(['provision', '--config', config, '--ca-cert', ca.certificatePath, '--ca-key', ca.keyPath, '--node-id', 'n'])
  assert.equal((await agentOk(['evidence', '--config', config, '--nonce-type', 'ignore', '--out', out])).stdout, `${out}\n`)
  assert.ok((await stat(out)).size > 1000)
})
