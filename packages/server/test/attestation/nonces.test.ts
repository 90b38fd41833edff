// Nonces: decisions "Nonces" and contract §6.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { readUserNonce, type Nonce } from '../../src/attestation/nonces.ts'
import { openDomain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'
import { asUser, operatorCall } from '@vouchsafe/testkit/callers'

async function open(store: TestStore, runtime = pinnedRuntime()) {
  const domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  if ((await domain.signingKeys.all('NSK')).length === 0) await giveSigningKeys(domain.signingKeys)
  return domain
}

const refusedAs = (code: string, message?: RegExp) => (error: unknown) => {
  assert.equal((error as { code: string }).code, code)
  if (message) assert.match((error as Error).message, message)
  return true
}

eachDatabase(
  'a nonce is 64 bytes under a signature of the NSK, accepted once by its user, and gives its first half to the quote',
  async (store) => {
    await using domain = await open(store)
    const { nonces } = domain.attestation
    const nonce = await nonces.issue(asUser('one'))
    const value = Buffer.from(nonce.value, 'base64')
    assert.equal(nonce.value.length, 88)
    assert.equal(value.length, 64)
    assert.equal(nonce.iat, Math.floor(domain.runtime.now() / 1000))
    assert.deepEqual(Buffer.from(await nonces.check('one', nonce)), value.subarray(0, 32))
    assert.deepEqual(Buffer.from(await nonces.check('one', nonce)), value.subarray(0, 32), 'a check uses nothing')
    await nonces.use('one', nonce)
    await assert.rejects(nonces.use('one', nonce), refusedAs('nonce_used', /nonce\.value was used before/))
    assert.deepEqual(nonces.statistics, { issued: 1, used: 1, refused: 1 })
  },
)

test('OpenSSL verifies the signature of a nonce: RSASSA-PSS, SHA-256, salt of 32 bytes, over iat and value', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const nonce = await domain.attestation.nonces.issue(asUser('one'))
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-nonce-'))
  try {
    const { publicKey } = (await domain.signingKeys.all('NSK'))[0]!
    writeFileSync(join(folder, 'key.pem'), publicKey.export({ format: 'pem', type: 'spki' }))
    writeFileSync(join(folder, 'data'), `${nonce.iat}${nonce.value}`)
    writeFileSync(join(folder, 'signature'), Buffer.from(nonce.signature, 'base64'))
    const options = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32', '-signature', 'signature', 'data']
    const said = execFileSync('openssl', ['dgst', '-sha256', '-verify', 'key.pem', ...options], { cwd: folder })
    assert.match(said.toString(), /Verified OK/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("another user's nonce is invalid", async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const { nonces } = domain.attestation
  const nonce = await nonces.issue(asUser('one'))
  for (const other of ['two', 'one ', '']) await assert.rejects(nonces.check(other, nonce), refusedAs('nonce_invalid'))
})

test('any change of a nonce makes it invalid', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const { nonces } = domain.attestation
  const nonce = await nonces.issue(asUser('one'))
  const flipped = (text: string, bit: number) => {
    const bytes = Buffer.from(text, 'base64')
    bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7)
    return bytes.toString('base64')
  }
  const changes = fc.oneof(
    fc.nat(511).map((bit): Nonce => ({ ...nonce, value: flipped(nonce.value, bit) })),
    fc.nat(3071).map((bit): Nonce => ({ ...nonce, signature: flipped(nonce.signature, bit) })),
    fc.constantFrom(-100, -1, 1, 59).map((seconds): Nonce => ({ ...nonce, iat: nonce.iat + seconds })),
    fc
      .constantFrom('', nonce.value.slice(0, 44), `${nonce.value}AAAA`, nonce.value.slice(0, -1), nonce.value.replaceAll('=', ''))
      .map((value): Nonce => ({
        ...nonce,
        value,
      })),
    fc.constantFrom(NaN, Infinity, -1, 0.5, 2 ** 60).map((iat): Nonce => ({ ...nonce, iat })),
  )
  await fc.assert(
    fc.asyncProperty(changes, async (changed) => {
      await assert.rejects(nonces.check('one', changed), refusedAs('nonce_invalid', /^Nonce verification failed: /))
    }),
    { numRuns: 200 },
  )
})

test('a nonce lives for 120 seconds, and may come from a clock a minute ahead', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime(1_800_000_000_000)
  await using domain = await open(store, runtime)
  const { nonces } = domain.attestation
  const nonce = await nonces.issue(asUser('one'))
  runtime.step(120_000)
  await nonces.check('one', nonce)
  runtime.step(1)
  await assert.rejects(nonces.check('one', nonce), refusedAs('nonce_expired', /Nonce expired\./))
  runtime.step(-120_001 - 60_000)
  await nonces.check('one', nonce)
  runtime.step(-1)
  await assert.rejects(nonces.check('one', nonce), refusedAs('nonce_invalid', /nonce\.iat lies in the future/))
})

test('every retained version of the NSK verifies', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const { nonces } = domain.attestation
  const before = await nonces.issue(asUser('one'))
  await domain.signingKeys.rotate(operatorCall(), 'NSK')
  const after = await nonces.issue(asUser('one'))
  await nonces.check('one', before)
  await nonces.check('one', after)
  assert.equal((await domain.signingKeys.all('NSK')).length, 2)
})

eachDatabase('a nonce is used once over servers that share a store, and over restarts', async (store) => {
  const runtime = pinnedRuntime()
  let nonce: Nonce
  {
    await using one = await open(store, runtime)
    await using two = await open(store, runtime)
    nonce = await one.attestation.nonces.issue(asUser('user'))
    await two.attestation.nonces.check('user', nonce)
    const uses = [one, two, one, two].map(({ attestation }) => attestation.nonces.use('user', nonce))
    const outcomes = await Promise.allSettled(uses)
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  }
  await using again = await open(store, runtime)
  await again.attestation.nonces.check('user', nonce)
  await assert.rejects(again.attestation.nonces.use('user', nonce), refusedAs('nonce_used'))
})

eachDatabase('used nonces are forgotten when no clock can accept them any more, and not before', async (store) => {
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { nonces } = domain.attestation
  const remembered = async () => (await queryDatabase(store.location, 'select * from used_nonces')).length
  const nonce = await nonces.issue(asUser('user'))
  await nonces.use('user', nonce)
  runtime.advance(120_000 + 5 * 60_000 - 1_000)
  await nonces.purge()
  await assert.rejects(nonces.use('user', nonce), refusedAs('nonce_used'))
  runtime.advance(4 * 60_000)
  await nonces.purge()
  assert.equal(await remembered(), 1)
  runtime.advance(2 * 60_000)
  await nonces.purge()
  assert.equal(await remembered(), 0)
  await assert.rejects(nonces.use('user', nonce), refusedAs('nonce_expired'), 'evidence that waited all the time makes no second token')
})

eachDatabase('many uses at once are all recorded, each for itself', async (store) => {
  await using domain = await open(store)
  const { nonces } = domain.attestation
  const issued = await Promise.all(Array.from({ length: 40 }, () => nonces.issue(asUser('user'))))
  await Promise.all(issued.map((nonce) => nonces.use('user', nonce)))
  const again = await Promise.allSettled(issued.map((nonce) => nonces.use('user', nonce)))
  assert.ok(again.every(({ status }) => status === 'rejected'))
})

test('a use that the store does not take is an error, and uses nothing', async () => {
  await using store = await testStore('sqlite')
  const storage = await store.open()
  const watched = watchStorage(storage)
  await using domain = await openDomain({ storage: watched.storage, dataDir: store.location.dataDir })
  await giveSigningKeys(domain.signingKeys)
  const { nonces } = domain.attestation
  const nonce = await nonces.issue(asUser('user'))
  watched.failing.add('insertUsedNonces')
  await assert.rejects(nonces.use('user', nonce), { name: 'StorageError' })
  watched.failing.clear()
  await nonces.use('user', nonce)
})

test("a nonce of the user's own is base64 of 64 to 1024 characters", () => {
  assert.deepEqual(Buffer.from(readUserNonce('A'.repeat(64))), Buffer.alloc(48))
  assert.equal(readUserNonce('A'.repeat(1024)).length, 768)
  for (const text of ['', 'A'.repeat(60), 'A'.repeat(1028), `${'A'.repeat(63)}!`, `${'A'.repeat(62)}B=`, `${'A'.repeat(64)}\n`]) {
    assert.throws(() => readUserNonce(text), refusedAs('invalid_parameter', /user_nonce/))
  }
})
