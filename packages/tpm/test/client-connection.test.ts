import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TpmError, TpmResponseError, openTpm, parseTpmAddress, readTpmInfo, srkTemplates, tpm2 } from '@vouchsafe/tpm'
import type { Tpm } from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { tool } from '@vouchsafe/testkit/tpm2-tools'
import { startFakeTpm, response } from './support/fake-tpm.ts'
import { startPtyTpm } from './support/pty-tpm.ts'

/** Nothing is left in the TPM: no transient object, no session. */
async function assertEmpty(tpm: Tpm): Promise<void> {
  assert.deepEqual([await tpm2.getHandles(tpm, 'transient'), await tpm2.getHandles(tpm, 'loaded-session')], [[], []])
}

const createSrk = (tpm: Tpm) => tpm2.createPrimary(tpm, { hierarchy: 'owner', template: srkTemplates.ecc })

test('addresses are read, and others refused', () => {
  assert.deepEqual(parseTpmAddress('/dev/tpmrm0'), { device: '/dev/tpmrm0' })
  assert.deepEqual(parseTpmAddress('swtpm:localhost:2321'), { host: 'localhost', port: 2321 })
  assert.deepEqual(parseTpmAddress('swtpm:[::1]:2321'), { host: '::1', port: 2321 })
  assert.deepEqual(parseTpmAddress('swtpm:/run/tpm.sock'), { socketPath: '/run/tpm.sock' })
  for (const text of ['', 'tpm', 'swtpm:', 'swtpm:host', 'swtpm:host:0', 'swtpm:host:65536', 'swtpm:host:12:13', 'dev/tpm0', '/dev/\0'])
    assert.throws(() => parseTpmAddress(text), TpmError, text)
})

for (const socket of ['unix', 'tcp'] as const) {
  test(`a TPM at a ${socket} socket says what it is, extends, reads and resets PCRs as tpm2-tools see it`, async () => {
    await using swtpm = await startSwtpm({ socket })
    await using tpm = await openTpm(swtpm.address)
    const info = await readTpmInfo(tpm)
    assert.deepEqual(
      [info.family, info.manufacturer, info.pcrBanks.map(({ algorithm }) => algorithm).includes('sha256')],
      ['2.0', 'IBM', true],
    )
    const [sha256, sha1] = [new Uint8Array(32).fill(7), new Uint8Array(20).fill(8)]
    await tpm2.pcrExtend(tpm, 16, { sha256, sha1 })
    const all = Array.from({ length: 24 }, (_, index) => index)
    const banks = await tpm2.pcrRead(tpm, [
      { algorithm: 'sha256', indices: all },
      { algorithm: 'sha1', indices: [16] },
    ])
    assert.deepEqual(
      [...banks[0]!.values.keys()].sort((a, b) => a - b),
      all,
    )
    await tpm.close()
    const printed = await tool(swtpm, 'tpm2_pcrread', 'sha1:16+sha256:16')
    for (const { values } of banks) assert.match(printed, new RegExp(Buffer.from(values.get(16)!).toString('hex'), 'i'))
    await using again = await openTpm(swtpm.address)
    await tpm2.pcrReset(again, 16)
    const [bank] = await tpm2.pcrRead(again, [{ algorithm: 'sha256', indices: [16] }])
    assert.deepEqual(bank!.values.get(16), new Uint8Array(32))
  })
}

test('a TPM at a character device answers in pieces', async () => {
  await using swtpm = await startSwtpm()
  await using pty = await startPtyTpm(swtpm.path('tpm'))
  await using tpm = await openTpm(pty.device)
  assert.equal((await tpm2.getRandom(tpm, 200)).length, 200)
  assert.ok((await tpm2.getAlgorithms(tpm)).includes('rsa'))
})

test('a TPM is started once; before that it answers nothing else', async () => {
  await using swtpm = await startSwtpm({ startup: false })
  await using tpm = await openTpm(swtpm.address)
  await assert.rejects(tpm2.getRandom(tpm, 1), { codeName: 'TPM_RC_INITIALIZE' })
  await tpm2.startup(tpm)
  assert.equal((await tpm2.getRandom(tpm, 1)).length, 1)
  await assert.rejects(tpm2.startup(tpm), { codeName: 'TPM_RC_INITIALIZE' })
  await tpm2.shutdown(tpm, 'state')
})

test('twenty callers at once get each their own answers, and leave nothing behind', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const work = Array.from({ length: 20 }, (_, caller) =>
    tpm.exclusive(async (own) => {
      const srk = await createSrk(own)
      const session = await tpm2.startAuthSession(own, { kind: 'hmac', saltKey: srk })
      const data = Buffer.from(`caller ${caller}`)
      const template = {
        ...srkTemplates.ecc,
        type: 'keyedhash' as const,
        attributes: ['fixedTPM', 'fixedParent', 'userWithAuth'] as const,
        digest: new Uint8Array(0),
        scheme: { scheme: 'null' as const },
      }
      const made = await tpm2.create(own, {
        parent: srk,
        authorization: { session },
        template: { ...template, attributes: [...template.attributes] },
        data,
      })
      const object = await tpm2.load(own, { parent: srk, ...made })
      const [unsealed, random] = [await tpm2.unseal(own, object, { session }), await tpm2.getRandom(own, 8)]
      assert.deepEqual(Buffer.from(unsealed), data)
      return Buffer.from(random).toString('hex')
    }),
  )
  const single = Array.from({ length: 20 }, async () => Buffer.from(await tpm2.getRandom(tpm, 8)).toString('hex'))
  assert.equal(new Set(await Promise.all([...work, ...single])).size, 40)
  await assertEmpty(tpm)
})

test('what exclusive work has made is flushed at its end, also when the work fails', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const failure = new Error('the work failed')
  await assert.rejects(
    tpm.exclusive(async (own) => {
      await createSrk(own)
      await tpm2.startAuthSession(own, { kind: 'policy' })
      throw failure
    }),
    failure,
  )
  await assertEmpty(tpm)
  await tpm.exclusive(async (own) => {
    const srk = await createSrk(own)
    await own.exclusive(async (inner) => {
      await createSrk(inner)
      await tpm2.flushContext(inner, srk.handle)
    })
    await assertEmpty(own)
  })
})

test('closing flushes what is still there, after what was asked for before; later calls say that it is closed', async () => {
  await using swtpm = await startSwtpm()
  const tpm = await openTpm(swtpm.address)
  const pending = Promise.all([createSrk(tpm), tpm2.startAuthSession(tpm, { kind: 'hmac' })])
  await Promise.all([pending, tpm.close(), tpm.close()])
  await assert.rejects(tpm2.getRandom(tpm, 1), /connection to the TPM is closed/)
  await using again = await openTpm(swtpm.address)
  await assertEmpty(again)
})

test('the outer TPM inside exclusive work is an error and not a deadlock; the inner one ends with the work', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  await assert.rejects(
    tpm.exclusive(() => tpm2.getRandom(tpm, 1)),
    /inside exclusive/,
  )
  await assert.rejects(
    tpm.exclusive(() => tpm.close()),
    /inside exclusive/,
  )
  const kept = await tpm.exclusive(async (own) => own)
  await assert.rejects(tpm2.getRandom(kept, 1), /exclusive use has ended/)
})

test('what was only begun inside exclusive work waits for its turn later, also while others have the TPM', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const begin = Promise.withResolvers<void>()
  let later: Promise<Uint8Array> | undefined
  await tpm.exclusive(async () => {
    later = begin.promise.then(() => tpm2.getRandom(tpm, 1))
  })
  await tpm.exclusive(async (own) => {
    begin.resolve()
    await tpm2.getRandom(own, 1)
  })
  assert.equal((await later!).length, 1)
})

test('an aborted caller has its reason at once; the command ends, its handle is flushed, and others go on', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const controller = new AbortController()
  const reason = new Error('no longer wanted')
  let sent = false
  const work = tpm.exclusive(
    async (own) => {
      const made = createSrk(own)
      sent = true
      controller.abort(reason)
      await made
    },
    { signal: controller.signal },
  )
  await assert.rejects(work, reason)
  assert.ok(sent)
  await assert.rejects(
    tpm.exclusive(async () => assert.fail('begun after the abort'), { signal: controller.signal }),
    reason,
  )
  await assertEmpty(tpm)
})

test('a TPM that is busy is asked again, and not for ever', async () => {
  await using fake = await startFakeTpm((socket, _command, count) => {
    socket.write(count < 3 ? response(0x922) : response(0, Buffer.from('000411223344', 'hex')))
  })
  await using tpm = await openTpm(fake.address)
  assert.equal(Buffer.from(await tpm2.getRandom(tpm, 4)).toString('hex'), '11223344')
  assert.equal(fake.commands.length, 3)
  await using busy = await startFakeTpm((socket) => void socket.write(response(0x90a)))
  await using impatient = await openTpm(busy.address, { retries: 1 })
  await assert.rejects(tpm2.getRandom(impatient, 4), (error) => error instanceof TpmResponseError && error.codeName === 'TPM_RC_TESTING')
  assert.equal(busy.commands.length, 2)
})
