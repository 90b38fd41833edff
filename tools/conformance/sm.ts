/** Runs the SM2, SM3 and SM4 vectors: published worked examples in `gmt-and-openssl.json`, and Wycheproof's files. */
import { createHash, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CryptoInputError } from '@vouchsafe/crypto'
import type { KeyCrypto } from '@vouchsafe/crypto'
import { element, encodeSignature, integer } from './der-signature.ts'
import type { Tally } from './tally.ts'
import { hex, isObject, listVectorFiles, objects, readVectorFile, text } from './vector-files.ts'
import type { Json } from './vector-files.ts'
import { runWycheproofFile } from './wycheproof.ts'

const EXAMPLES = /^gmt-and-openssl\.json(\.gz)?$/
const WYCHEPROOF = /^wycheproof_/

export async function runSm(folder: string, crypto: KeyCrypto, tally: Tally): Promise<void> {
  for (const name of await listVectorFiles(folder)) {
    if (WYCHEPROOF.test(name)) await runWycheproofFile(folder, name, crypto, tally)
    else if (EXAMPLES.test(name)) await runExamples(folder, name, crypto, tally)
    else tally.skip(name, 'unknown file', 1)
  }
}

async function runExamples(folder: string, name: string, crypto: KeyCrypto, tally: Tally): Promise<void> {
  /** One test: passes when `check` answers true. */
  async function expect(test: string, check: () => boolean | Promise<boolean>): Promise<void> {
    try {
      if (await check()) tally.pass()
      else tally.fail(name, test, 'not the expected result')
    } catch (error) {
      tally.fail(name, test, `unexpected ${String(error)}`)
    }
  }
  let file: Json
  try {
    file = await readVectorFile(folder, name)
  } catch (error) {
    tally.fail(name, 'file', `cannot be read: ${(error as Error).message}`)
    return
  }
  const part = (key: string): Json | undefined => (isObject(file[key]) ? file[key] : undefined)

  const sign = part('sign')
  if (sign !== undefined) {
    await expect('SM2 signature', () => verifiesExample(sign, crypto))
    await expect('SM2 signature of another message', async () => !(await verifiesExample({ ...sign, message_ascii: 'another' }, crypto)))
    await expect('SM2 signing', () => signsAndVerifies(sign, crypto))
  }
  const encrypt = part('encrypt')
  if (encrypt !== undefined) {
    await expect('SM2 decryption', () => decryptsExample(encrypt, crypto))
    tally.skip(name, 'SM2 ciphertexts in the old order C1C2C3 are not offered', Number('c1c2c3' in encrypt))
  }
  for (const [index, example] of objects(file, 'sm3').entries()) {
    await expect(`SM3 ${index}`, () => createHash('sm3').update(hex(example, 'msg_hex')).digest().equals(hex(example, 'digest')))
  }
  const block = part('sm4_ecb')
  if (block !== undefined) await expectBlocks(block, crypto, expect)
  for (const mode of ['gcm', 'ccm']) if (part(`sm4_${mode}_rfc8998`)) tally.skip(name, `SM4-${mode.toUpperCase()} is not offered`, 1)

  for (const example of objects(file, 'openssl_sm2_evp')) {
    tally.skip(
      name,
      'SM2 signatures over a bare e are not offered: the signer id and the message are always hashed',
      objects(example, 'verify').length,
    )
    for (const [index, test] of objects(example, 'decrypt').entries()) {
      await expect(`OpenSSL SM2 decryption ${index}`, async () => {
        const key = crypto.decode('sm2', fromPem(text(example, 'private_key_pkcs8_pem')))
        const plaintext = await crypto.asymmetricDecrypt('sm2', key, hex(test, 'ciphertext_der'))
        return plaintext.toString() === text(test, 'plaintext_ascii')
      })
    }
  }
}

type Expect = (test: string, check: () => boolean | Promise<boolean>) => Promise<void>

/** One block of SM4, as the key stream of CTR mode whose counter starts at the plaintext. */
async function expectBlocks(example: Json, crypto: KeyCrypto, expect: Expect): Promise<void> {
  const key = crypto.decode('sm4-ctr', hex(example, 'key'))
  const encrypt = (block: Uint8Array): Buffer => crypto.decrypt('sm4-ctr', key, Buffer.concat([Buffer.alloc(16), block]))
  await expect('SM4 block', () => encrypt(hex(example, 'plaintext')).equals(hex(example, 'ciphertext')))
  if (!('after_1000000_iterations' in example)) return
  await expect('SM4 block, a million times', () => {
    let block = hex(example, 'plaintext')
    for (let i = 0; i < 1_000_000; i++) block = encrypt(block)
    return block.equals(hex(example, 'after_1000000_iterations'))
  })
}

async function verifiesExample(example: Json, crypto: KeyCrypto): Promise<boolean> {
  const signature = encodeSignature(Buffer.concat([hex(example, 'r'), hex(example, 's')]))
  return crypto.verify('sm2', publicKey(example), Buffer.from(text(example, 'message_ascii')), signature)
}

async function signsAndVerifies(example: Json, crypto: KeyCrypto): Promise<boolean> {
  const message = Buffer.from(text(example, 'message_ascii'))
  const signature = await crypto.sign('sm2', privateKey(example, crypto), message)
  return crypto.verify('sm2', publicKey(example), message, signature)
}

/** Decrypts C1 ‖ C3 ‖ C2, written as DER, and refuses it with a changed hash. */
async function decryptsExample(example: Json, crypto: KeyCrypto): Promise<boolean> {
  const raw = hex(example, 'c1c3c2')
  const [x, y, c3, c2] = [raw.subarray(1, 33), raw.subarray(33, 65), raw.subarray(65, 97), raw.subarray(97)]
  const der = (hash: Uint8Array): Buffer => element(0x30, Buffer.concat([integer(x), integer(y), element(0x04, hash), element(0x04, c2)]))
  const key = privateKey(example, crypto)
  const plaintext = await crypto.asymmetricDecrypt('sm2', key, der(c3))
  const changed = Buffer.from(c3)
  changed.writeUInt8(changed.readUInt8(0) ^ 1, 0)
  const refused = await crypto.asymmetricDecrypt('sm2', key, der(changed)).then(
    () => false,
    (error: unknown) => error instanceof CryptoInputError && error.code === 'decryption_failed',
  )
  return refused && plaintext.toString() === text(example, 'message_ascii')
}

/** PKCS#8 of a bare SM2 scalar, through the product's `decode`. */
function privateKey(example: Json, crypto: KeyCrypto): KeyObject {
  const head = '3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420'
  return crypto.decode('sm2', Buffer.concat([Buffer.from(head, 'hex'), hex(example, 'private_key')]))
}

function publicKey(example: Json): KeyObject {
  const head = '3059301306072a8648ce3d020106082a811ccf5501822d03420004'
  return createPublicKey({ key: Buffer.concat([Buffer.from(head, 'hex'), hex(example, 'public_key_xy')]), format: 'der', type: 'spki' })
}

function fromPem(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
}
