// TPMs that fail, hang, or answer nonsense: a clear error, never a hang, never more memory than a response takes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TpmError, openTpm, srkTemplates, tpm2 } from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { response, startFakeTpm } from './support/fake-tpm.ts'

const GARBAGE: [what: string, answer: string, message: RegExp][] = [
  ['a tag that is none', '12340000000a00000000', /tag 0x1234/],
  ['a size below the header', '8001000000090000', /size 9/],
  ['a size beyond every TPM', '8001ffffffff00000000', /size 4294967295/],
  ['bytes after the end', '80010000000a0000000000', /1 bytes after its end/],
  ['a response with sessions to a command without', '80020000000a00000000', /tag 0x8002 instead of 0x8001/],
  ['a response that is empty', '80010000000a00000000', /randomBytes: needs 2 bytes/],
  ['more random bytes than asked for', '80010000000e0000000000021122', /randomBytes/],
  ['no random bytes', '80010000000c000000000000', /the TPM gave none/],
  ['bytes after the parameters', '80010000000e0000000000011122', /1 bytes after its end/],
]

for (const [what, answer, message] of GARBAGE) {
  test(`refused with a clear error: ${what}`, async () => {
    await using fake = await startFakeTpm((socket) => void socket.write(Buffer.from(answer, 'hex')))
    await using tpm = await openTpm(fake.address)
    await assert.rejects(tpm2.getRandom(tpm, 1), (error) => error instanceof TpmError && message.test(error.message))
  })
}

test('any bytes for an answer are refused or read, and nothing but TpmError comes out', async () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => response(0, bytes)),
  )
  let answer: Uint8Array = new Uint8Array(0)
  await using fake = await startFakeTpm((socket) => void socket.end(answer))
  const commands = [
    tpm2.getPcrBanks,
    tpm2.getAlgorithms,
    (tpm: Parameters<typeof tpm2.getRandom>[0]) => tpm2.getHandles(tpm, 'nv'),
    (tpm: Parameters<typeof tpm2.getRandom>[0]) => tpm2.readPublic(tpm, 0x81000001),
    (tpm: Parameters<typeof tpm2.getRandom>[0]) => tpm2.nvReadPublic(tpm, 0x01c00002),
    (tpm: Parameters<typeof tpm2.getRandom>[0]) => tpm2.pcrRead(tpm, [{ algorithm: 'sha256', indices: [0] }]),
    (tpm: Parameters<typeof tpm2.getRandom>[0]) => tpm2.createPrimary(tpm, { hierarchy: 'owner', template: srkTemplates.rsa }),
    (tpm: Parameters<typeof tpm2.getRandom>[0]) => tpm2.quote(tpm, { key: 0x81010002, pcrs: [] }),
    (tpm: Parameters<typeof tpm2.getRandom>[0]) => tpm2.startAuthSession(tpm, { kind: 'policy' }),
  ]
  const property = fc.asyncProperty(bodies, fc.constantFrom(...commands), async (bytes, command) => {
    answer = bytes
    await using tpm = await openTpm(fake.address)
    await command(tpm).catch((error: unknown) => assert.ok(error instanceof TpmError, String(error)))
  })
  await fc.assert(property, { numRuns: 300 })
})

test('a list that never ends is given up', async () => {
  await using fake = await startFakeTpm((socket, command) => {
    const property = command.readUInt32BE(14)
    const body = Buffer.alloc(13)
    body.writeUInt8(1, 0)
    body.writeUInt32BE(1, 1)
    body.writeUInt32BE(1, 5)
    body.writeUInt32BE(property, 9)
    socket.write(response(0, body))
  })
  await using tpm = await openTpm(fake.address)
  await assert.rejects(tpm2.getHandles(tpm, 'transient'), /the list does not end/)
})

test('a TPM that dies in the middle of a command: that command and all later ones say so', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  await tpm2.getRandom(tpm, 1)
  const commands = [1, 2, 3].map(() => tpm2.createPrimary(tpm, { hierarchy: 'owner', template: srkTemplates.rsa }))
  const [results] = await Promise.all([Promise.allSettled(commands), swtpm.kill()])
  const last = results.at(-1)
  assert.match(String(last?.status === 'rejected' && last.reason), /TpmError: .*(closed|EPIPE|ECONNRESET)/)
  await assert.rejects(tpm2.getRandom(tpm, 1), /the connection to the TPM was lost: TPM2_CreatePrimary/)
})

test('a TPM that closes the connection half-way through a response', async () => {
  await using fake = await startFakeTpm((socket) => void socket.end(Buffer.from('8001000000', 'hex')))
  await using tpm = await openTpm(fake.address)
  await assert.rejects(tpm2.getRandom(tpm, 1), /TPM2_GetRandom: .*the connection was closed/)
})

test('a TPM that never answers is given up, and a late answer is not taken for the next', async () => {
  await using fake = await startFakeTpm(() => undefined)
  await using tpm = await openTpm(fake.address, { timeout: 20 })
  await assert.rejects(tpm2.getRandom(tpm, 1), /TPM2_GetRandom: no response within 20 ms/)
  await assert.rejects(tpm2.getRandom(tpm, 1), /the connection to the TPM was lost/)
  assert.equal(fake.commands.length, 1)
})

test('bytes that nobody asked for end the connection', async () => {
  await using fake = await startFakeTpm((socket) => {
    socket.write(response(0, Buffer.from('000122', 'hex')), () => socket.write('more'))
  })
  const tpm = await openTpm(fake.address)
  await assert.rejects(async () => {
    for (;;) await tpm2.getRandom(tpm, 1)
  }, /nobody asked for|after its end|tag/)
  await tpm.close()
})

test('nothing at the address', async () => {
  await using swtpm = await startSwtpm({ socket: 'tcp' })
  await swtpm.kill()
  await assert.rejects(openTpm(swtpm.address), /TPM at 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
  await assert.rejects(openTpm(`swtpm:${swtpm.path('nothing')}`), /TPM at .*nothing: .*ENOENT/)
  await assert.rejects(openTpm(swtpm.path('nothing')), /no such device; has this machine a TPM 2\.0\?/)
  await assert.rejects(openTpm(swtpm.path('log')), /is not a character device/)
})

test('devices that are no TPM', async () => {
  await using empty = await openTpm('/dev/null')
  await assert.rejects(tpm2.getRandom(empty, 1), /TPM2_GetRandom: \/dev\/null: the response ended after 0 bytes/)
  await using zeros = await openTpm('/dev/zero')
  await assert.rejects(tpm2.getRandom(zeros, 1), /TPM2_GetRandom: .*tag 0x0/)
  await using full = await openTpm('/dev/full')
  await assert.rejects(tpm2.getRandom(full, 1), /TPM2_GetRandom: \/dev\/full: ENOSPC/)
})

test('a command that no TPM takes is not sent', async () => {
  await using fake = await startFakeTpm(() => undefined)
  await using tpm = await openTpm(fake.address)
  await assert.rejects(
    tpm2.nvDefineSpace(tpm, {
      nvPublic: { index: 0x01800001, nameAlg: 'sha256', nvType: 'ordinary', attributes: [], authPolicy: new Uint8Array(0), dataSize: 1 },
      authValue: new Uint8Array(5000),
    }),
    /more than a TPM takes/,
  )
  assert.equal(fake.commands.length, 0)
})
