import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import {
  EK_CERTIFICATE_INDICES,
  TpmReader,
  activateAk,
  createAk,
  createEk,
  encodeSized,
  loadAk,
  makeCredential,
  openTpm,
  readEkCertificate,
  tpm2,
} from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { tool } from '@vouchsafe/testkit/tpm2-tools'

const SECRET = Buffer.from('the secret of the challenge')

for (const kind of ['rsa', 'ecc'] as const) {
  test(`${kind} EK: a credential of ours is opened with the key it names, and with no other`, async () => {
    await using swtpm = await startSwtpm()
    await using tpm = await openTpm(swtpm.address)
    await tpm.exclusive(async (own) => {
      const ek = await createEk(own, kind)
      const ak = await loadAk(own, ek, await createAk(own, ek, { scheme: 'ecdsa' }))
      const credential = makeCredential(ek.publicArea, ak.name, SECRET)
      assert.deepEqual(Buffer.from(await activateAk(own, { ek, ak }, credential)), SECRET)
      const other = await loadAk(own, ek, await createAk(own, ek, { scheme: 'ecdsa' }))
      await assert.rejects(activateAk(own, { ek, ak: other }, credential), { codeName: 'TPM_RC_INTEGRITY' })
      const changed = { ...credential, credentialBlob: credential.credentialBlob.with(-1, credential.credentialBlob.at(-1)! ^ 1) }
      await assert.rejects(activateAk(own, { ek, ak }, changed), { codeName: 'TPM_RC_INTEGRITY' })
      assert.deepEqual(await tpm2.getHandles(own, 'loaded-session'), [])
    })
  })

  test(`${kind} EK: a credential of tpm2_makecredential is opened by us`, async () => {
    await using swtpm = await startSwtpm()
    const [ekPublic, blob, name] = await (async () => {
      await using tpm = await openTpm(swtpm.address)
      const ek = await createEk(tpm, kind)
      const made = await createAk(tpm, ek, { scheme: 'rsassa' })
      return [ek.publicBytes, made, (await loadAk(tpm, ek, made)).name] as const
    })()
    await writeFile(swtpm.path('ek.pub'), encodeSized(ekPublic))
    await writeFile(swtpm.path('secret'), SECRET)
    const files = ['-u', 'ek.pub', '-s', 'secret', '-o', 'credential']
    await tool(swtpm, 'tpm2_makecredential', '-Q', ...files, '-n', Buffer.from(name).toString('hex'))
    const reader = new TpmReader(await readFile(swtpm.path('credential')))
    // The tool's own header: a magic number and a version.
    reader.bytes(8, 'header')
    const credential = { credentialBlob: reader.sized('credentialBlob'), encryptedSecret: reader.sized('encryptedSecret') }
    await using tpm = await openTpm(swtpm.address)
    const ek = await createEk(tpm, kind)
    const ak = await loadAk(tpm, ek, blob)
    assert.deepEqual(Buffer.from(await activateAk(tpm, { ek, ak }, credential)), SECRET)
  })
}

test("the EK certificate is read without the manufacturer's padding; a TPM without one has none", async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  assert.equal(await readEkCertificate(tpm, 'rsa'), undefined)
  const certificate = Buffer.concat([Buffer.from('308205dc', 'hex'), Buffer.alloc(1500, 7)])
  const define = (index: number, dataSize: number) =>
    tpm2.nvDefineSpace(tpm, {
      nvPublic: {
        index,
        nameAlg: 'sha256',
        nvType: 'ordinary',
        attributes: ['ownerWrite', 'authRead', 'ownerRead', 'noDA'],
        authPolicy: new Uint8Array(0),
        dataSize,
      },
    })
  await define(EK_CERTIFICATE_INDICES.rsa, 1700)
  assert.equal(await readEkCertificate(tpm, 'rsa'), undefined)
  await tpm2.nvWrite(tpm, EK_CERTIFICATE_INDICES.rsa, Buffer.concat([certificate, Buffer.alloc(196, 0xff)]))
  assert.deepEqual(Buffer.from((await readEkCertificate(tpm, 'rsa'))!), certificate)
  await define(EK_CERTIFICATE_INDICES.ecc, 100)
  await tpm2.nvWrite(tpm, EK_CERTIFICATE_INDICES.ecc, certificate.subarray(0, 100))
  await assert.rejects(readEkCertificate(tpm, 'ecc'), /EK certificate: declared length exceeds what is there/)
  await tpm2.nvWrite(tpm, EK_CERTIFICATE_INDICES.ecc, Buffer.alloc(100))
  await assert.rejects(readEkCertificate(tpm, 'ecc'), /holds no certificate/)
})
