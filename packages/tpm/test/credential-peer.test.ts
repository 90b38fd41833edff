// Credentials made here, opened by a TPM: swtpm with tpm2-tools.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import type { Swtpm } from '@vouchsafe/testkit/swtpm'
import { tool } from '@vouchsafe/testkit/tpm2-tools'
import { TpmWriter, makeCredential, objectName, parsePublicArea } from '../src/index.ts'
import type { Credential } from '../src/index.ts'

const COMMON = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted'

let swtpm: Swtpm

before(async () => {
  swtpm = await startSwtpm()
  await createKey('ak', ['-C', 'o', '-G', 'ecc256:ecdsa-sha256:null', '-a', `${COMMON}|sign`])
  await createKey('other', ['-C', 'o', '-G', 'ecc384:ecdsa-sha384:null', '-a', `${COMMON}|sign`])
})
after(() => swtpm?.stop())

const run = (name: string, ...args: string[]) => tool(swtpm, `tpm2_${name}`, ...args)
const read = (name: string) => new Uint8Array(readFileSync(swtpm.path(name)))

async function createKey(name: string, args: string[]): Promise<void> {
  await run('createprimary', '-Q', ...args, '-c', `${name}.ctx`)
  await run('readpublic', '-Q', '-c', `${name}.ctx`, '-f', 'tpmt', '-o', `${name}.tpmt`)
}

/** As tpm2_activatecredential reads it: a magic number, a version, and both parts with their sizes. */
function credentialFile({ credentialBlob, encryptedSecret }: Credential): Uint8Array {
  return new TpmWriter().u32(0xbadcc0de).u32(1).sized(credentialBlob).sized(encryptedSecret).finish()
}

for (const [algorithm, nameAlg] of [
  ['rsa2048:null:aes128cfb', 'sha256'],
  ['rsa3072:null:aes256cfb', 'sha384'],
  ['ecc256:null:aes128cfb', 'sha256'],
  ['ecc384:null:aes256cfb', 'sha384'],
  ['ecc521:null:aes256cfb', 'sha512'],
] as const) {
  test(`a TPM with the endorsement key ${algorithm} (${nameAlg}) recovers the secret, for the named key only`, async () => {
    await createKey('ek', ['-C', 'e', '-G', algorithm, '-g', nameAlg, '-a', `${COMMON}|decrypt`])
    const ek = parsePublicArea(read('ek.tpmt'))
    const secret = new TextEncoder().encode('the secret of the challenge')
    const name = objectName(parsePublicArea(read('ak.tpmt')))
    writeFileSync(swtpm.path('credential'), credentialFile(makeCredential(ek, name, secret)))
    const activate = (key: string) =>
      run('activatecredential', '-Q', '-c', `${key}.ctx`, '-C', 'ek.ctx', '-i', 'credential', '-o', 'secret')
    await activate('ak')
    assert.deepEqual(read('secret'), new Uint8Array(secret))
    await assert.rejects(activate('other'))
  })
}
