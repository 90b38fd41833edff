// The client as a stranger gets it, the tarball of `npm pack` installed in an empty project, calls a real server: every method.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { STRANGERS_PATH, packAndInstall } from '../packages/client/test/support/packed.ts'
import { startTestServer } from '../packages/server/test/support/server.ts'

const PROGRAM = `
import assert from 'node:assert/strict'
import { constants, publicEncrypt, randomBytes, verify } from 'node:crypto'
import { VouchsafeClient, VouchsafeError } from '@vouchsafe/client'

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
console.log('done')
`

test('the installed client calls every action of a real server', async () => {
  await using client = await packAndInstall()
  await using server = await startTestServer()
  await writeFile(join(client.project, 'calls.js'), PROGRAM)
  const { stdout } = await promisify(execFile)('node', ['calls.js', server.url], { cwd: client.project, env: { PATH: STRANGERS_PATH } })
  assert.equal(stdout, 'done\n')
})
