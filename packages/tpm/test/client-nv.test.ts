import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openTpm, srkTemplates, tpm2 } from '@vouchsafe/tpm'
import type { NvAttribute, NvPublic } from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { tool } from '@vouchsafe/testkit/tpm2-tools'

const INDEX = 0x01800100

function nvPublic(dataSize: number, attributes: NvAttribute[]): NvPublic {
  return { index: INDEX, nameAlg: 'sha256', nvType: 'ordinary', attributes, authPolicy: new Uint8Array(0), dataSize }
}

test('an index larger than the TPM reads at a time is written and read whole, and tpm2-tools see the same', async () => {
  await using swtpm = await startSwtpm()
  const data = randomBytes(2048)
  {
    await using tpm = await openTpm(swtpm.address)
    await tpm2.nvDefineSpace(tpm, { nvPublic: nvPublic(data.length, ['ownerRead', 'ownerWrite']) })
    await tpm2.nvWrite(tpm, INDEX, data)
    assert.deepEqual(Buffer.from(await tpm2.nvRead(tpm, INDEX)), data)
    assert.deepEqual((await tpm2.nvReadPublic(tpm, INDEX)).nvPublic.attributes, ['ownerWrite', 'ownerRead', 'written'])
  }
  await tool(swtpm, 'tpm2_nvread', `0x${INDEX.toString(16)}`, '-C', 'o', '-o', 'read')
  assert.deepEqual(await readFile(swtpm.path('read')), data)
  const other = randomBytes(2048)
  await writeFile(swtpm.path('write'), other)
  await tool(swtpm, 'tpm2_nvwrite', `0x${INDEX.toString(16)}`, '-C', 'o', '-i', 'write')
  await using tpm = await openTpm(swtpm.address)
  assert.deepEqual(Buffer.from(await tpm2.nvRead(tpm, INDEX)), other)
  assert.deepEqual(await tpm2.getHandles(tpm, 'nv'), [INDEX])
  await tpm2.nvUndefineSpace(tpm, { index: INDEX })
  assert.deepEqual(await tpm2.getHandles(tpm, 'nv'), [])
})

test("an index's own authorization value opens it, also in an encrypting session across its first write", async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const authValue = Buffer.from('the index value\0\0')
  await tpm.exclusive(async (own) => {
    const saltKey = await tpm2.createPrimary(own, { hierarchy: 'owner', template: srkTemplates.ecc })
    const session = await tpm2.startAuthSession(own, { kind: 'hmac', saltKey })
    await tpm2.nvDefineSpace(own, { nvPublic: nvPublic(1500, ['authRead', 'authWrite', 'noDA']), authValue, authorization: { session } })
    const data = randomBytes(1500)
    const authorization = { session, authValue }
    await assert.rejects(tpm2.nvRead(own, INDEX, { authorization }), { codeName: 'TPM_RC_NV_UNINITIALIZED' })
    await tpm2.nvWrite(own, INDEX, data, { authorization })
    assert.deepEqual(Buffer.from(await tpm2.nvRead(own, INDEX, { authorization })), data)
    assert.deepEqual(Buffer.from(await tpm2.nvRead(own, INDEX, { authorization: authValue.subarray(0, -2) })), data)
    await assert.rejects(tpm2.nvRead(own, INDEX), { codeName: 'TPM_RC_BAD_AUTH' })
    await assert.rejects(tpm2.nvRead(own, INDEX, { by: 'owner' }), { codeName: 'TPM_RC_NV_AUTHORIZATION' })
    await assert.rejects(tpm2.nvWrite(own, INDEX, randomBytes(1501), { authorization }), /1501 bytes, the index has 1500/)
  })
})

test('an index that is too large for the TPM is refused by it; one that is not defined is not there', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  await assert.rejects(tpm2.nvDefineSpace(tpm, { nvPublic: nvPublic(65535, ['ownerRead', 'ownerWrite']) }), { codeName: 'TPM_RC_SIZE' })
  await assert.rejects(tpm2.nvRead(tpm, INDEX), { codeName: 'TPM_RC_HANDLE' })
})

test('a counter only grows, also when its index is removed and defined again', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const counter: NvPublic = { ...nvPublic(8, ['authRead', 'authWrite', 'noDA']), nvType: 'counter' }
  await tpm2.nvDefineSpace(tpm, { nvPublic: counter })
  await assert.rejects(tpm2.nvReadCounter(tpm, INDEX), { codeName: 'TPM_RC_NV_UNINITIALIZED' })
  await tpm2.nvIncrement(tpm, INDEX)
  const first = await tpm2.nvReadCounter(tpm, INDEX)
  await tpm2.nvIncrement(tpm, INDEX)
  assert.equal(await tpm2.nvReadCounter(tpm, INDEX), first + 1)
  await assert.rejects(tpm2.nvWrite(tpm, INDEX, new Uint8Array(8)), { codeName: 'TPM_RC_ATTRIBUTES' })
  await tpm2.nvUndefineSpace(tpm, { index: INDEX })
  await tpm2.nvDefineSpace(tpm, { nvPublic: counter })
  await tpm2.nvIncrement(tpm, INDEX)
  assert.equal(await tpm2.nvReadCounter(tpm, INDEX), first + 2)
  await tpm2.nvUndefineSpace(tpm, { index: INDEX })
  await tpm2.nvDefineSpace(tpm, { nvPublic: nvPublic(8, ['authRead', 'authWrite', 'noDA']) })
  await assert.rejects(tpm2.nvReadCounter(tpm, INDEX), /no counter/)
})
