// The key manager's listener: contract §12, off by default, mTLS with an explicit list.
import assert from 'node:assert/strict'
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { askTls } from '@vouchsafe/testkit/authority'
import { anyPrivateKey, giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { pkiAt, type Entity } from '@vouchsafe/testkit/pki'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer } from '@vouchsafe/testkit/server'
import { clientOptions, testCa, type TestCa } from '../support/certificates.ts'
import { collectedLog } from '../support/collected-log.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

const PATH = '/v1/vault/get_signing_keys'

function flagsOf(ca: TestCa, clients: string, clientCa = ca.file): string[] {
  const { cert, key } = ca.issue('/CN=localhost')
  const own = ['--tls-cert', cert, '--tls-key', key]
  return [...own, '--key-manager-listen', '127.0.0.1:0', '--key-manager-ca', clientCa, '--key-manager-clients', clients]
}

interface ExportedKey {
  version: string
  private_key: string
  algorithm: string
  encoding: string
}

test('without the option there is no such listener', async () => {
  await using server = await startTestServer()
  assert.equal(server.server.keyManagerUrl, undefined)
  assert.equal((await fetch(`${server.url}${PATH}`)).status, 404)
})

eachDatabase('a listed client gets every version of every key, newest first, and is audited', async (store) => {
  using ca = testCa()
  const [byName, byFingerprint] = [ca.issue('/CN=verifier'), ca.issue('/CN=other')]
  const fingerprint = new X509Certificate(readFileSync(byFingerprint.cert)).fingerprint256
  const { log, text } = collectedLog()
  await using server = await startTestServer({ ...store.location, flags: flagsOf(ca, `verifier, SHA256:${fingerprint}`), log })
  const { signingKeys } = server.server.context
  await giveSigningKeys(signingKeys)
  await signingKeys.rotate(operatorCall(), 'TSK')
  for (const client of [byName, byFingerprint]) {
    const { status, body } = await askTls(server.server.keyManagerUrl!, 'GET', PATH, clientOptions(ca, client))
    assert.equal(status, 200)
    const keys = body as unknown as Record<string, ExportedKey[]>
    assert.deepEqual(Object.keys(keys).sort(), ['FSK', 'NSK', 'PSK', 'TSK'])
    assert.deepEqual(
      keys.TSK!.map(({ version }) => version),
      ['v2', 'v1'],
    )
    assert.deepEqual(keys.PSK, keys.FSK)
    assert.deepEqual(keys.NSK, [{ version: 'v1', private_key: anyPrivateKey(), algorithm: 'rsa_3072', encoding: 'pem' }])
    const [newest] = keys.TSK!
    const spki = (key: Parameters<typeof createPublicKey>[0]) => createPublicKey(key).export({ format: 'pem', type: 'spki' })
    assert.equal(
      spki(createPrivateKey(newest!.private_key)),
      (await signingKeys.current('TSK')).publicKey.export({ format: 'pem', type: 'spki' }),
    )
  }
  const audit = await queryDatabase(store.location, `select actor from trail_entries where action = 'GetSigningKeys' order by position`)
  assert.deepEqual(
    audit.map(({ actor }) => actor),
    ['client:verifier', `client:sha256:${fingerprint.replaceAll(':', '').toLowerCase()}`],
  )
  assert.ok(!text().includes('PRIVATE KEY'))
})

test('everybody else is refused: no certificate, a foreign CA, not on the list, a list that only looks alike', async () => {
  using ca = testCa()
  using otherCa = testCa()
  const [listed, unlisted, forged] = [ca.issue('/CN=verifier'), ca.issue('/CN=verifier2'), otherCa.issue('/CN=verifier')]
  const twice = ca.issue('/CN=verifier/CN=somebody')
  await using server = await startTestServer({ flags: flagsOf(ca, 'verifier') })
  await giveSigningKeys(server.server.context.signingKeys)
  const url = server.server.keyManagerUrl!
  await assert.rejects(askTls(url, 'GET', PATH, clientOptions(ca)))
  await assert.rejects(askTls(url, 'GET', PATH, clientOptions(ca, forged)))
  for (const client of [unlisted, twice]) {
    const { status, body } = await askTls(url, 'GET', PATH, clientOptions(ca, client))
    assert.deepEqual([status, body], [403, { code: 10002, message: 'this client may not read the signing keys' }])
  }
  assert.equal((await askTls(url, 'GET', '/v1/vault/other', clientOptions(ca, listed))).status, 404)
  assert.equal((await askTls(url, 'POST', PATH, clientOptions(ca, listed), {})).status, 405)
  assert.equal((await askTls(url, 'GET', `${PATH}?x=1`, clientOptions(ca, listed))).status, 200)
})

test("a name that reads as a listed client's fingerprint is not that client", async () => {
  using ca = testCa()
  const pki = pkiAt(Date.now())
  const root = await pki.root()
  const listed = await pki.leaf(root, 'CN=listed')
  const digest = createHash('sha256').update(listed.certificate.der).digest('hex')
  const imposter = await pki.leaf(root, `CN=sha256:${digest}`)
  const rootFile = ca.file.replace('ca.pem', 'clients.pem')
  writeFileSync(rootFile, root.pem)
  await using server = await startTestServer({ flags: flagsOf(ca, `sha256:${digest}`, rootFile) })
  await giveSigningKeys(server.server.context.signingKeys)
  const statusOf = async ({ pem, privateKey }: Entity) => {
    const options = { ca: readFileSync(ca.file), cert: pem, key: privateKey.export({ format: 'pem', type: 'pkcs8' }) }
    return (await askTls(server.server.keyManagerUrl!, 'GET', PATH, options)).status
  }
  assert.deepEqual([await statusOf(listed), await statusOf(imposter)], [200, 403])
})

test('nothing is given out that could not be audited', async () => {
  using ca = testCa()
  const client = ca.issue('/CN=verifier')
  await using server = await startTestServer({ flags: flagsOf(ca, 'verifier') })
  await giveSigningKeys(server.server.context.signingKeys)
  await queryDatabase({ dataDir: server.dataDir }, 'alter table trail_entries rename to trail_entries_gone')
  const { status, body } = await askTls(server.server.keyManagerUrl!, 'GET', PATH, clientOptions(ca, client))
  assert.deepEqual([status, body], [503, { code: 10003, message: 'the signing keys are not available' }])
})
