// What sessions protect on the way between us and the TPM, and that none is left behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  TpmError,
  activateAk,
  createAk,
  createEk,
  loadAk,
  makeCredential,
  openTpm,
  parseAttest,
  sealToPcrs,
  srkTemplates,
  tpm2,
  unsealFromPcrs,
  withSession,
} from '@vouchsafe/tpm'
import type { Tpm, TpmTransport } from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { openSocketTransport } from '../src/client/socket-transport.ts'

const SECRET = Buffer.from('a secret that nobody on the bus may read')
const PCRS = [{ algorithm: 'sha256' as const, indices: [7] }]

/** What goes over the wire, and what changes it on its way. */
async function openWire(socketPath: string) {
  const inner = await openSocketTransport({ socketPath }, 10_000)
  const wire: Buffer[] = []
  const wiretap = { wire, change: (response: Uint8Array): Uint8Array => response }
  const transport: TpmTransport = {
    async exchange(command) {
      wire.push(Buffer.from(command))
      const response = wiretap.change(await inner.exchange(command))
      wire.push(Buffer.from(response))
      return response
    },
    close: () => inner.close(),
  }
  return { wiretap, tpm: await openTpm(transport) }
}

async function assertEmpty(tpm: Tpm): Promise<void> {
  assert.deepEqual([await tpm2.getHandles(tpm, 'transient'), await tpm2.getHandles(tpm, 'loaded-session')], [[], []])
}

test('a sealed secret never crosses the wire in the clear', async () => {
  await using swtpm = await startSwtpm()
  const { wiretap, tpm } = await openWire(swtpm.path('tpm'))
  await using _ = tpm
  const sealed = await sealToPcrs(tpm, SECRET, PCRS)
  assert.deepEqual(Buffer.from(await unsealFromPcrs(tpm, sealed)), SECRET)
  assert.ok(wiretap.wire.every((message) => !message.includes(SECRET.subarray(0, 16))))
  // The same test sees it where no session encrypts.
  await tpm2.createPrimary(tpm, { hierarchy: 'owner', template: srkTemplates.ecc, authValue: SECRET.subarray(0, 16) })
  assert.ok(wiretap.wire.some((message) => message.includes(SECRET.subarray(0, 16))))
})

test('the authorization value of a new attestation key and the secret of a credential never cross the wire in the clear', async () => {
  await using swtpm = await startSwtpm()
  const { wiretap, tpm } = await openWire(swtpm.path('tpm'))
  await using _ = tpm
  const authValue = Buffer.from('a value for a key')
  const secret = SECRET.subarray(0, 32)
  const ek = await createEk(tpm, 'rsa')
  const ak = await loadAk(tpm, ek, await createAk(tpm, ek, { scheme: 'ecdsa', authValue }))
  assert.ok(wiretap.wire.every((message) => !message.includes(authValue)))
  const credential = makeCredential(ek.publicArea, ak.name, secret)
  await tpm.exclusive(async (own) => {
    const session = await tpm2.startAuthSession(own, { kind: 'hmac', saltKey: ek })
    const activated = await activateAk(own, { ek, ak }, credential, { akAuth: { session, authValue } })
    assert.deepEqual(Buffer.from(activated), secret)
  })
  assert.ok(wiretap.wire.every((message) => !message.includes(secret) && !message.includes(authValue)))
})

test('any session that encrypts does so, also behind a password or a session that does not', async () => {
  await using swtpm = await startSwtpm()
  const { wiretap, tpm } = await openWire(swtpm.path('tpm'))
  await using _ = tpm
  const secret = SECRET.subarray(0, 32)
  const ek = await createEk(tpm, 'rsa')
  const ak = await loadAk(tpm, ek, await createAk(tpm, ek, { scheme: 'ecdsa' }))
  const credential = makeCredential(ek.publicArea, ak.name, secret)
  assert.deepEqual(Buffer.from(await activateAk(tpm, { ek, ak }, credential)), secret)

  const certified = await tpm.exclusive(async (own) => {
    const plain = await tpm2.startAuthSession(own, { kind: 'hmac' })
    const salted = await tpm2.startAuthSession(own, { kind: 'hmac', saltKey: ek })
    const options = { object: ak, objectAuthorization: { session: plain }, key: ak, authorization: { session: salted } }
    const attestations = []
    for (let i = 0; i < 2; i++) attestations.push(await tpm2.certify(own, { ...options, qualifyingData: secret }))
    return attestations
  })
  for (const { attest } of certified) assert.deepEqual(Buffer.from(parseAttest(attest).extraData), secret)
  assert.ok(wiretap.wire.every((message) => !message.includes(secret)))
})

test('a response that was changed on its way is refused, and its handle is flushed all the same', async () => {
  await using swtpm = await startSwtpm()
  const { wiretap, tpm } = await openWire(swtpm.path('tpm'))
  await using _ = tpm
  const sealed = await sealToPcrs(tpm, SECRET, PCRS)
  const UNSEAL = 0x15e
  wiretap.change = (response) => {
    const command = wiretap.wire.at(-1)!.readUInt32BE(6)
    return command === UNSEAL ? response.with(20, response[20]! ^ 1) : response
  }
  await assert.rejects(unsealFromPcrs(tpm, sealed), /the HMAC of the response is wrong/)
  const CREATE_PRIMARY = 0x131
  wiretap.change = (response) => {
    const command = wiretap.wire.at(-1)!.readUInt32BE(6)
    return command === CREATE_PRIMARY ? response.with(40, response[40]! ^ 1) : response
  }
  await assert.rejects(
    tpm.exclusive(async (own) => {
      const session = await tpm2.startAuthSession(own, { kind: 'hmac' })
      await tpm2.createPrimary(own, { hierarchy: 'owner', template: srkTemplates.ecc, authorization: { session } })
    }),
    /the HMAC of the response is wrong/,
  )
  wiretap.change = (response) => response
  await assertEmpty(tpm)
})

test('without a Name a session can not be used; with a password a handle is enough', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  await tpm.exclusive(async (own) => {
    const srk = await tpm2.createPrimary(own, { hierarchy: 'owner', template: srkTemplates.ecc })
    const session = await tpm2.startAuthSession(own, { kind: 'hmac' })
    const options = { template: srkTemplates.ecc, parent: srk.handle }
    await assert.rejects(tpm2.create(own, { ...options, authorization: { session } }), /a session needs its Name/)
    const child = { ...srkTemplates.ecc, x: new Uint8Array(0), y: new Uint8Array(0) }
    await tpm2.create(own, { ...options, template: child })
  })
})

test('a key that can not share a secret is no salt key', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const ek = await createEk(tpm, 'ecc')
  const publicArea = { ...ek.publicArea, nameAlg: 'null' as const }
  await assert.rejects(tpm2.startAuthSession(tpm, { kind: 'hmac', saltKey: { ...ek, publicArea } }), TpmError)
})

test('after every kind of failure nothing is left in the TPM', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const failures: ((own: Tpm) => Promise<unknown>)[] = [
    async (own) => createAk(own, await createEk(own, 'ecc'), { scheme: 'ecdsa', endorsementAuth: Buffer.from('wrong') }),
    async (own) => createAk(own, await createEk(own, 'ecc'), { scheme: 'rsassa', keyBits: 1234 }),
    (own) => withSession(own, { kind: 'policy' }, (session) => tpm2.policyPcr(own, session, PCRS, new Uint8Array(32))),
    async (own) => tpm2.load(own, { parent: await createEk(own, 'ecc'), publicBytes: new Uint8Array(4), privateBytes: new Uint8Array(4) }),
    async (own) => {
      for (;;) await tpm2.createPrimary(own, { hierarchy: 'owner', template: srkTemplates.ecc })
    },
    async (own) => {
      for (;;) await tpm2.startAuthSession(own, { kind: 'policy' })
    },
  ]
  for (const fail of failures) {
    await assert.rejects(tpm.exclusive(fail), TpmError)
    await assertEmpty(tpm)
  }
})
