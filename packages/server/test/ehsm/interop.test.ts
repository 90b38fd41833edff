/** What the API gives is read by the openssl command line, and the other way round. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'

const MESSAGE = Buffer.from('what is signed or sealed')
const OAEP = ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', 'rsa_oaep_md:sha256', '-pkeyopt', 'rsa_mgf1_md:sha256']

let server: TestServer
let app: Credentials
let folder: string

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
  folder = await mkdtemp(join(tmpdir(), 'vouchsafe-interop-'))
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const ok = (action: string, payload: object) => succeed(server.url, app, action, payload)
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

async function openssl(...args: string[]): Promise<string> {
  return (await promisify(execFile)('openssl', args)).stdout
}

/** A new key and the file of its public half. */
async function create(keyspec: string): Promise<{ keyid: string; pem: string; pubkey: string }> {
  const { keyid } = await ok('CreateKey', { keyspec, origin: 'EH_INTERNAL_KEY' })
  const { pubkey } = await ok('GetPublicKey', { keyid })
  return { keyid: keyid!, pubkey: pubkey!, pem: await file(`${keyspec}.pem`, pubkey!) }
}

async function signed(keyid: string, more: object): Promise<string> {
  const { signature } = await ok('Sign', { keyid, message: b64(MESSAGE), ...more })
  return file('signature', Buffer.from(signature!, 'base64'))
}

test('RSA public keys are PKCS #1, the others SubjectPublicKeyInfo with a named curve', async () => {
  for (const bits of [2048, 3072]) {
    const { pubkey, pem } = await create(`EH_RSA_${bits}`)
    assert.match(pubkey, /^-----BEGIN RSA PUBLIC KEY-----\n/)
    const text = await openssl('rsa', '-RSAPublicKey_in', '-in', pem, '-noout', '-text')
    assert.match(text, new RegExp(`Public-Key: \\(${bits} bit\\)[^]*Exponent: 65537`))
  }
  const curves = {
    EH_EC_P224: 'secp224r1',
    EH_EC_P256: 'prime256v1',
    EH_EC_P256K: 'secp256k1',
    EH_EC_P384: 'secp384r1',
    EH_EC_P521: 'secp521r1',
    EH_SM2: 'SM2',
  }
  for (const [keyspec, curve] of Object.entries(curves)) {
    const { pubkey, pem } = await create(keyspec)
    assert.match(pubkey, /^-----BEGIN PUBLIC KEY-----\n/)
    assert.match(await openssl('pkey', '-pubin', '-in', pem, '-noout', '-text'), new RegExp(`ASN1 OID: ${curve}\n`))
  }
})

test('RSA: openssl verifies PKCS #1 and PSS signatures', async () => {
  const { keyid, pem } = await create('EH_RSA_2048')
  const data = await file('message', MESSAGE)
  for (const [digest_mode, name] of [
    ['EH_SHA_256', 'sha256'],
    ['EH_SHA_2_512', 'sha512'],
    ['EH_SHA_224', 'sha224'],
  ] as const) {
    const pkcs1 = await signed(keyid, { digest_mode })
    assert.equal(await openssl('dgst', `-${name}`, '-verify', pem, '-signature', pkcs1, data), 'Verified OK\n')
    const pss = await signed(keyid, { digest_mode, padding_mode: 'EH_RSA_PKCS1_PSS' })
    const options = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest']
    assert.equal(await openssl('dgst', `-${name}`, ...options, '-verify', pem, '-signature', pss, data), 'Verified OK\n')
  }
})

test('RSA: what openssl encrypts is opened', async () => {
  const { keyid, pem } = await create('EH_RSA_2048')
  const data = await file('message', MESSAGE)
  for (const [padding_mode, options] of [
    ['EH_RSA_PKCS1_OAEP', OAEP],
    ['EH_PAD_RSA_PKCS1', []],
  ] as const) {
    const out = join(folder, 'sealed')
    await openssl('pkeyutl', '-encrypt', '-pubin', '-inkey', pem, ...options, '-in', data, '-out', out)
    const { plaintext } = await ok('AsymmetricDecrypt', { keyid, ciphertext: b64(await readFile(out)), padding_mode })
    assert.equal(plaintext, b64(MESSAGE))
  }
})

test('ECDSA: openssl verifies signatures of every curve', async () => {
  const data = await file('message', MESSAGE)
  for (const keyspec of ['EH_EC_P224', 'EH_EC_P256', 'EH_EC_P256K', 'EH_EC_P384', 'EH_EC_P521']) {
    const { keyid, pem } = await create(keyspec)
    for (const [digest_mode, name] of [
      ['EH_SHA_256', 'sha256'],
      ['EH_SHA_2_384', 'sha384'],
    ] as const) {
      const signature = await signed(keyid, { digest_mode })
      assert.equal(await openssl('dgst', `-${name}`, '-verify', pem, '-signature', signature, data), 'Verified OK\n', keyspec)
    }
  }
})

test('precomputed digests: openssl verifies them as signatures of the message', async () => {
  const data = await file('message', MESSAGE)
  const digest = await crypto.subtle.digest('SHA-256', MESSAGE)
  for (const keyspec of ['EH_RSA_2048', 'EH_EC_P256', 'EH_EC_P521']) {
    const { keyid, pem } = await create(keyspec)
    const signature = await signed(keyid, { message: b64(new Uint8Array(digest)), message_type: 'EH_DIGEST' })
    assert.equal(await openssl('dgst', '-sha256', '-verify', pem, '-signature', signature, data), 'Verified OK\n', keyspec)
  }
})

test('SM2: openssl verifies signatures, and what it encrypts is opened', async () => {
  const { keyid, pem } = await create('EH_SM2')
  const data = await file('message', MESSAGE)
  const signature = await signed(keyid, {})
  const options = ['-rawin', '-digest', 'sm3', '-pkeyopt', 'distid:1234567812345678']
  const verdict = await openssl('pkeyutl', '-verify', '-pubin', '-inkey', pem, ...options, '-in', data, '-sigfile', signature)
  assert.match(verdict, /Signature Verified Successfully/)
  const out = join(folder, 'sealed')
  await openssl('pkeyutl', '-encrypt', '-pubin', '-inkey', pem, '-in', data, '-out', out)
  const { plaintext } = await ok('AsymmetricDecrypt', { keyid, ciphertext: b64(await readFile(out)) })
  assert.equal(plaintext, b64(MESSAGE))
})

test('an imported key is the one that was wrapped by openssl: each opens what the other encrypted', async () => {
  const key = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
  const { keyid } = await ok('CreateKey', { keyspec: 'EH_SM4_CBC', origin: 'EH_EXTERNAL_KEY' })
  const { pubkey, importToken } = await ok('GetParametersForImport', { keyid, keyspec: 'EH_RSA_3072' })
  const out = join(folder, 'wrapped')
  const pem = await file('wrapping.pem', pubkey!)
  await openssl('pkeyutl', '-encrypt', '-pubin', '-inkey', pem, ...OAEP, '-in', await file('key', key), '-out', out)
  const imported = await ok('ImportKeyMaterial', {
    keyid,
    padding_mode: 'EH_RSA_PKCS1_OAEP',
    key_material: b64(await readFile(out)),
    importToken,
  })
  assert.equal(imported.result, true)

  const iv = Buffer.alloc(16, 9)
  const cipher = ['enc', '-sm4-cbc', '-K', key.toString('hex'), '-iv', iv.toString('hex')]
  await openssl(...cipher, '-in', await file('message', MESSAGE), '-out', out)
  const ciphertext = b64(Buffer.concat([await readFile(out), iv]))
  assert.equal((await ok('Decrypt', { keyid, ciphertext })).plaintext, b64(MESSAGE))

  const sealed = Buffer.from((await ok('Encrypt', { keyid, plaintext: b64(MESSAGE) })).ciphertext!, 'base64')
  const own = ['enc', '-d', '-sm4-cbc', '-K', key.toString('hex'), '-iv', sealed.subarray(-16).toString('hex')]
  await openssl(...own, '-in', await file('body', sealed.subarray(0, -16)), '-out', out)
  assert.deepEqual(await readFile(out), MESSAGE)
})

test('an HMAC is the one of openssl', async () => {
  const key = Buffer.alloc(32, 3)
  const { keyid } = await ok('CreateKey', { keyspec: 'EH_HMAC', origin: 'EH_EXTERNAL_KEY' })
  const { pubkey, importToken } = await ok('GetParametersForImport', { keyid, keyspec: 'EH_RSA_2048' })
  const out = join(folder, 'wrapped')
  const pem = await file('wrapping.pem', pubkey!)
  await openssl('pkeyutl', '-encrypt', '-pubin', '-inkey', pem, '-in', await file('key', key), '-out', out)
  await ok('ImportKeyMaterial', { keyid, padding_mode: 'EH_RSA_PKCS1', key_material: b64(await readFile(out)), importToken })
  const { signature } = await ok('Sign', { keyid, message: b64(MESSAGE), digest_mode: 'EH_SHA_384' })
  const mac = await openssl(
    'mac',
    '-digest',
    'SHA384',
    '-macopt',
    `hexkey:${key.toString('hex')}`,
    '-in',
    await file('message', MESSAGE),
    'HMAC',
  )
  assert.equal(Buffer.from(signature!, 'base64').toString('hex'), mac.trim().toLowerCase())
})
