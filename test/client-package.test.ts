// The client as a stranger gets it, the tarball of `npm pack` installed in an empty project, calls a real server: every method.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { STRANGERS_PATH, packAndInstall } from '@vouchsafe/testkit/packed-client'
import { startTestServer } from '@vouchsafe/testkit/server'

const PROGRAM = `
import assert from 'node:assert/strict'
import { constants, publicEncrypt, randomBytes, verify } from 'node:crypto'
import { AuthorityClient, VouchsafeClient, VouchsafeError } from '@vouchsafe/client'

const baseUrl = process.argv[2]
const origin = 'EH_INTERNAL_KEY'
const client = new VouchsafeClient({ baseUrl, ...(await VouchsafeClient.enroll({ baseUrl })) })
const bytes = (text) => new TextEncoder().encode(text)
const text = (content) => new TextDecoder().decode(content)
assert.equal((await client.getVersion()).version, (await VouchsafeClient.getVersion({ baseUrl })).version)

const { keyid: aes } = await client.createKey({ keyspec: 'EH_AES_GCM_256', origin, alias: 'orders' })
const aad = bytes('order 7')
assert.equal(text(await client.decrypt(aes, await client.encrypt(aes, bytes('hello'), { aad }), { aad })), 'hello')
await assert.rejects(client.decrypt(aes, await client.encrypt(aes, bytes('hello'), { aad })), VouchsafeError)

const { keyid: rsa } = await client.createKey({ keyspec: 'EH_RSA_2048', origin })
assert.equal(text(await client.asymmetricDecrypt(rsa, await client.asymmetricEncrypt(rsa, bytes('hello')))), 'hello')

const { keyid: ec } = await client.createKey({ keyspec: 'EH_EC_P256', origin })
const signature = await client.sign(ec, bytes('message'))
assert.equal(await client.verify(ec, bytes('message'), signature), true)
assert.equal(await client.verify(ec, bytes('massage'), signature), false)
assert.equal(verify('sha256', bytes('message'), await client.getPublicKey(ec), signature), true)

const dataKey = await client.generateDataKey(aes, 32)
assert.deepEqual(await client.decrypt(aes, dataKey.ciphertext), dataKey.plaintext)
const wrapped = await client.generateDataKeyWithoutPlaintext(aes, 16)
const exported = await client.exportDataKey({ keyid: aes, ukeyid: rsa, olddatakey: wrapped })
assert.deepEqual(await client.asymmetricDecrypt(rsa, exported), await client.decrypt(aes, wrapped))

const { keyid: own } = await client.createKey({ keyspec: 'EH_AES_GCM_128', origin: 'EH_EXTERNAL_KEY' })
const { pubkey, importToken } = await client.getParametersForImport(own, 'EH_RSA_2048')
const wrapping = { key: pubkey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
const key_material = publicEncrypt(wrapping, randomBytes(16))
const { keyCheckValue } = await client.importKeyMaterial({ keyid: own, padding_mode: 'EH_RSA_PKCS1_OAEP', key_material, importToken })
assert.equal((await client.describeKey(own)).keyCheckValue, keyCheckValue)

await client.disableKey(aes)
await assert.rejects(client.encrypt(aes, bytes('hello')), { message: 'keyid is disabled' })
await client.enableKey(aes)
assert.equal((await client.updateKey(aes, { alias: '' })).alias, '')
assert.deepEqual((await client.listKeys()).map(({ keyid }) => keyid), [aes, rsa, ec, own])
await client.deleteKey(aes)
assert.equal((await client.listKeys()).length, 3)
await client.deleteAllKeys()
assert.deepEqual(await client.listKeys(), [])

const secretName = 'orders/db'
await client.createSecret({ secretName, secretData: 'one', description: 'd', rotationInterval: '90d' })
await assert.rejects(client.createSecret({ secretName, secretData: 'x' }), VouchsafeError)
assert.deepEqual(await client.putSecretValue(secretName, 'two\\n'), { prunedVersions: 0 })
const value = await client.getSecretValue(secretName)
assert.deepEqual([value.secretName, value.secretData, value.versionId], [secretName, 'two\\n', 2])
assert.equal((await client.getSecretValue(secretName, 1)).secretData, 'one')
assert.equal(await client.getSecretValue(secretName, 3), undefined)
assert.deepEqual((await client.listSecretVersionIds(secretName)).map(({ versionId }) => versionId), [2, 1])
await client.createSecret({ secretName: 'other', secretData: 'x' })
for (const [options, names] of [[{}, [secretName, 'other']], [{ after: secretName }, ['other']], [{ secretName: 'unknown' }, []]])
  assert.deepEqual((await client.listSecrets(options)).map(({ secretName }) => secretName), names)
await client.updateSecretDescription(secretName, 'e')
assert.equal((await client.listSecrets({ secretName }))[0].description, 'e')
await client.updateSecretDescription(secretName, '')
const described = await client.describeSecret(secretName)
assert.deepEqual([described.description, described.rotationInterval, described.lastRotationDate], [undefined, '90d', ''])
assert.equal(await client.describeSecret('unknown'), undefined)
assert.equal((await client.deleteSecret(secretName, { recoveryPeriod: 7 })).message, 'The orders/db will be deleted after 7 days.')
await client.restoreSecret(secretName)
await client.rotateSecret(secretName)
assert.equal((await client.deleteSecret('other', { forceDelete: true })).message, 'The other delete success')
assert.equal(await client.describeRotationWebhook(), undefined)
const webhook = await client.setRotationWebhook('http://127.0.0.1:9/rotate')
assert.deepEqual([webhook.url, webhook.signingKey.length], ['http://127.0.0.1:9/rotate', 32])
assert.equal((await client.describeRotationWebhook()).url, webhook.url)
await client.deleteRotationWebhook()
assert.equal(await client.describeRotationWebhook(), undefined)

const { user, apiKey } = await AuthorityClient.register({ baseUrl })
const authority = new AuthorityClient({ baseUrl, user, apiKey })
const rego = 'package verification\\nresult = {"policy_matched": true}'
const policy = { name: 'p', attester_type: 'tpm_boot', content_type: 'text', content: Buffer.from(rego).toString('base64') }
const { id, version } = await authority.addPolicy(policy)
assert.deepEqual([version, (await authority.updatePolicy(id, { is_default: true })).version], [1, 2])
assert.equal((await authority.getPolicies([id]))[0].content, rego)
await assert.rejects(authority.addPolicy(policy), { code: 409 })
await authority.deletePolicies({ ids: [id] })
assert.deepEqual(await authority.listPolicies(), [])
assert.equal(Buffer.from((await authority.challenge(['tpm_boot'])).value, 'base64').length, 64)
console.log('done')
`

test('the installed client calls every action of a real server', async () => {
  await using client = await packAndInstall()
  await using server = await startTestServer()
  await writeFile(join(client.project, 'calls.js'), PROGRAM)
  const { stdout } = await promisify(execFile)('node', ['calls.js', server.url], { cwd: client.project, env: { PATH: STRANGERS_PATH } })
  assert.equal(stdout, 'done\n')
})
