import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  PcrsChangedError,
  SEAL_LIMIT,
  TpmError,
  createEk,
  encodeSealedSecret,
  hash,
  openTpm,
  parseSealedSecret,
  pcrPolicy,
  sealToPcrs,
  tpm2,
  unsealFromPcrs,
  withSession,
} from '@vouchsafe/tpm'
import type { KnownPcrSelection } from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'

const PCRS: KnownPcrSelection[] = [
  { algorithm: 'sha256', indices: [7, 16] },
  { algorithm: 'sha1', indices: [0] },
]

test('a secret is opened while the PCRs are the same, after a restart too; a changed PCR is named', async () => {
  await using swtpm = await startSwtpm()
  const secret = randomBytes(SEAL_LIMIT)
  const stored = await (async () => {
    await using tpm = await openTpm(swtpm.address)
    const sealed = await sealToPcrs(tpm, secret, PCRS)
    assert.deepEqual(Buffer.from(await unsealFromPcrs(tpm, sealed)), secret)
    return encodeSealedSecret(sealed)
  })()
  await swtpm.reset()
  await using tpm = await openTpm(swtpm.address)
  const sealed = parseSealedSecret(stored)
  assert.deepEqual(Buffer.from(await unsealFromPcrs(tpm, sealed)), secret)
  await tpm2.pcrExtend(tpm, 16, { sha256: new Uint8Array(32).fill(1) })
  await assert.rejects(unsealFromPcrs(tpm, sealed), (error) => {
    assert.ok(error instanceof PcrsChangedError)
    assert.match(error.message, /^sealed secret: PCR 16 of sha256 is [0-9a-f]{64}, was 0{64}$/)
    assert.deepEqual(
      error.changed.map(({ algorithm, index }) => [algorithm, index]),
      [['sha256', 16]],
    )
    return true
  })
  await tpm2.pcrReset(tpm, 16)
  assert.deepEqual(Buffer.from(await unsealFromPcrs(tpm, sealed)), secret)
  assert.deepEqual([await tpm2.getHandles(tpm, 'transient'), await tpm2.getHandles(tpm, 'loaded-session')], [[], []])
})

test('the TPM itself refuses when the PCRs differ, whatever the stored values say', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const sealed = await sealToPcrs(tpm, Buffer.from('secret'), PCRS)
  await tpm2.pcrExtend(tpm, 16, { sha256: new Uint8Array(32).fill(1) })
  const forged = { ...sealed, pcrs: await tpm2.pcrRead(tpm, PCRS) }
  await assert.rejects(unsealFromPcrs(tpm, forged), { codeName: 'TPM_RC_POLICY_FAIL' })
  assert.deepEqual([await tpm2.getHandles(tpm, 'transient'), await tpm2.getHandles(tpm, 'loaded-session')], [[], []])
})

test('a secret is sealed to values that the PCRs will have', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const event = new Uint8Array(32).fill(9)
  const value = hash('sha256', [new Uint8Array(32), event])
  const sealed = await sealToPcrs(tpm, Buffer.from('for later'), [{ algorithm: 'sha256', values: new Map([[16, value]]) }])
  await assert.rejects(unsealFromPcrs(tpm, sealed), PcrsChangedError)
  await tpm2.pcrExtend(tpm, 16, { sha256: event })
  assert.equal(Buffer.from(await unsealFromPcrs(tpm, sealed)).toString(), 'for later')
})

test('another TPM, or one that was cleared, is named as the reason', async () => {
  await using first = await startSwtpm()
  await using second = await startSwtpm()
  await using tpm = await openTpm(first.address)
  await using other = await openTpm(second.address)
  const sealed = await sealToPcrs(tpm, Buffer.from('secret'), PCRS)
  await assert.rejects(unsealFromPcrs(other, sealed), /sealed by another TPM, or this one was cleared/)
})

test('what can not be sealed is refused', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  for (const size of [0, SEAL_LIMIT + 1]) await assert.rejects(sealToPcrs(tpm, randomBytes(size), PCRS), /secret: \d+ bytes, from 1 to 128/)
  await assert.rejects(sealToPcrs(tpm, randomBytes(1), []), /sealing to no PCR/)
  await assert.rejects(sealToPcrs(tpm, randomBytes(1), [{ algorithm: 'sha256', indices: [40], size: 6 }]), TpmError)
})

test('the policy computed here is the one that the TPM computes', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  for (const algorithm of ['sha256', 'sha384'] as const) {
    await withSession(tpm, { kind: 'trial', hash: algorithm }, async (session) => {
      await tpm2.policyPcr(tpm, session, PCRS)
      assert.deepEqual(await tpm2.policyGetDigest(tpm, session), pcrPolicy(await tpm2.pcrRead(tpm, PCRS), algorithm))
    })
  }
  const ek = await createEk(tpm, 'ecc')
  await withSession(tpm, { kind: 'trial' }, async (session) => {
    await tpm2.policySecret(tpm, session, 0x4000000b)
    assert.deepEqual(await tpm2.policyGetDigest(tpm, session), ek.publicArea.authPolicy)
  })
})

test('any bytes for a sealed secret are refused or read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        parseSealedSecret(bytes)
      } catch (error) {
        assert.ok(error instanceof TpmError)
      }
    }),
  )
})
