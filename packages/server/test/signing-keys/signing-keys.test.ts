// The authority's own keys: versions, rotation, import, over servers and restarts.
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { exportJWK, calculateJwkThumbprint, importSPKI } from 'jose'
import { anyPrivateKey, giveSigningKeys, restrictedPrivateKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { eventually } from '@vouchsafe/testkit/retry'
import { SIGNING_KEY_NAMES } from '../../src/signing-keys/signing-key.ts'
import { openDomain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'
import { asUser, operatorCall } from '@vouchsafe/testkit/callers'

const DAY_MS = 24 * 60 * 60 * 1000

async function open(store: TestStore, options: Partial<Parameters<typeof openDomain>[0]> = {}) {
  return openDomain({ storage: await store.open(), dataDir: store.location.dataDir, ...options })
}

function privatePem(type: 'rsa' | 'ec' | 'ed25519', option: number | string = 0): string {
  const pair =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: option as number })
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: option as string })
        : generateKeyPairSync('ed25519')
  return pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
}

eachDatabase('two servers that need keys at once make one set of them, and both use it', async (store) => {
  await using one = await open(store)
  await using two = await open(store)
  const all = await Promise.all([one, two].flatMap(({ signingKeys }) => SIGNING_KEY_NAMES.map((name) => signingKeys.current(name))))
  assert.deepEqual(
    all.slice(0, 3).map(({ name, version, algorithm, kid }) => [name, version, algorithm, kid]),
    all.slice(3).map(({ name, version, algorithm, kid }) => [name, version, algorithm, kid]),
  )
  assert.deepEqual(
    all.slice(0, 3).map(({ name, version, algorithm }) => [name, version, algorithm]),
    SIGNING_KEY_NAMES.map((name) => [name, 1, 'rsa_3072']),
  )
  const audit = await queryDatabase(store.location, `select object from trail_entries where action = 'CreateSigningKey' order by position`)
  assert.equal(audit.length, 3)
})

eachDatabase('of two servers that rotate at once one wins, and both use its key', async (store) => {
  await using one = await open(store)
  await using two = await open(store)
  await giveSigningKeys(one.signingKeys)
  await two.signingKeys.all('TSK')
  const rotated = await Promise.all([one.signingKeys.rotate(operatorCall(), 'TSK'), two.signingKeys.rotate(operatorCall(), 'TSK')])
  const kids = (await one.signingKeys.all('TSK')).map(({ kid }) => kid)
  await two.feed.poll()
  assert.deepEqual(
    (await two.signingKeys.all('TSK')).map(({ kid }) => kid),
    kids,
  )
  for (const { kid } of rotated) assert.ok(kids.includes(kid))
  assert.equal((await one.signingKeys.current('TSK')).kid, kids[0])
})

eachDatabase('keys outlive a restart; what is stored of them is sealed', async (store) => {
  let kids: string[]
  {
    await using domain = await open(store)
    await giveSigningKeys(domain.signingKeys)
    kids = await Promise.all(SIGNING_KEY_NAMES.map(async (name) => (await domain.signingKeys.current(name)).kid))
  }
  await using again = await open(store)
  assert.deepEqual(await Promise.all(SIGNING_KEY_NAMES.map(async (name) => (await again.signingKeys.current(name)).kid)), kids)
  const der = Buffer.from(anyPrivateKey().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  for (const { sealed } of await queryDatabase(store.location, 'select sealed from signing_keys')) {
    assert.equal(Buffer.from(sealed as Uint8Array).indexOf(der.subarray(100, 132)), -1)
  }
})

eachDatabase('a sealed key that was moved to another name or version is not opened', async (store) => {
  await (async () => {
    await using domain = await open(store)
    await giveSigningKeys(domain.signingKeys)
  })()
  await queryDatabase(
    store.location,
    `update signing_keys set sealed = (select sealed from signing_keys where name = 'NSK') where name = 'TSK'`,
  )
  await using again = await open(store)
  await assert.rejects(again.signingKeys.current('TSK'), { name: 'StorageError', code: 'altered' })
})

eachDatabase('keys are rotated when they are as old as the settings say, by one server, and all versions stay', async (store) => {
  const runtime = pinnedRuntime()
  await using one = await open(store, { runtime, signingKeys: { signingKeyRotationDays: 30 } })
  await using two = await open(store, { runtime, signingKeys: { signingKeyRotationDays: 30 } })
  await using never = await open(store, { runtime, signingKeys: { signingKeyRotationDays: 0 } })
  await one.signingKeys.rotateDue()
  assert.deepEqual(await one.signingKeys.all('TSK'), [], 'keys that are not there are not due')
  await giveSigningKeys(one.signingKeys)
  runtime.advance(30 * DAY_MS - 1)
  await one.signingKeys.rotateDue()
  assert.equal((await one.signingKeys.all('TSK')).length, 1)
  runtime.advance(1)
  await never.signingKeys.rotateDue()
  assert.equal((await never.signingKeys.all('TSK')).length, 1)
  await one.signingKeys.rotateDue()
  await two.feed.poll()
  await two.signingKeys.rotateDue()
  for (const name of SIGNING_KEY_NAMES) {
    assert.deepEqual(
      (await two.signingKeys.all(name)).map(({ version }) => version),
      [2, 1],
    )
    assert.equal((await one.signingKeys.current(name)).version, 2)
  }
})

test('the kid is the thumbprint of RFC 7638, for RSA, restricted RSA-PSS and EC keys alike', async () => {
  for (const [tokenAlgorithm, pem] of [
    ['RS256', anyPrivateKey()],
    ['PS256', restrictedPrivateKey()],
    ['ES256', privatePem('ec', 'P-256')],
    ['ES384', privatePem('ec', 'P-384')],
  ] as const) {
    await using store = await testStore('sqlite')
    await using domain = await open(store, { signingKeys: { tokenAlgorithm } })
    const { publicKey, kid, jwk } = await domain.signingKeys.import(operatorCall(), 'TSK', pem)
    const { kid: _, use, ...members } = jwk
    assert.equal(use, 'sig')
    assert.equal(await calculateJwkThumbprint(members), kid)
    if (publicKey.asymmetricKeyType === 'rsa-pss') continue
    const spki = publicKey.export({ format: 'pem', type: 'spki' }) as string
    assert.deepEqual(members, await exportJWK(await importSPKI(spki, tokenAlgorithm, { extractable: true })))
  }
})

eachDatabase('a key of another installation becomes the next version; one that cannot serve is refused, and says why', async (store) => {
  await using domain = await open(store)
  const { signingKeys } = domain
  await giveSigningKeys(signingKeys)
  const restricted = restrictedPrivateKey()
  for (const name of ['NSK', 'FSK'] as const) assert.equal((await signingKeys.import(operatorCall(), name, restricted)).version, 2)
  await domain.attestation.nonces.check('one', await domain.attestation.nonces.issue(asUser('one')))
  const { signature, keyVersion } = await domain.rowSignatures.sign('test', ['x'])
  assert.equal(keyVersion, 2)
  assert.equal(await domain.rowSignatures.verify('test', ['x'], signature, keyVersion), true)
  const refusals: [(typeof SIGNING_KEY_NAMES)[number], string, RegExp][] = [
    ['TSK', restricted, /can't sign RS256.*restricted to RSASSA-PSS/],
    ['TSK', privatePem('ec', 'P-256'), /can't sign RS256/],
    ['NSK', privatePem('ec', 'P-256'), /must be an RSA key/],
    ['FSK', privatePem('ed25519'), /must be an RSA key/],
    ['NSK', privatePem('rsa', 2048), /3072 to 8192 bits; this one has 2048/],
    ['NSK', anyPrivateKey(), /NSK version 1 already/],
    ['NSK', 'x', /no unencrypted private key in PEM/],
    ['NSK', anyPrivateKey().slice(0, 200), /no unencrypted private key in PEM/],
  ]
  for (const [name, pem, message] of refusals) {
    await assert.rejects(signingKeys.import(operatorCall(), name, pem), (error: Error) => {
      assert.match(error.message, message)
      assert.ok(!error.message.includes(pem.slice(40, 80)) || pem.length < 80)
      return true
    })
  }
  assert.equal((await signingKeys.all('TSK')).length, 1)
})

test('a change of the token algorithm makes a key that fits, and the old tokens still verify', async () => {
  await using store = await testStore('sqlite')
  const content = { tenant: 'one', nodeId: 'n', nonceType: 'ignore' as const, attesters: {} }
  let token: string
  {
    await using domain = await open(store)
    await giveSigningKeys(domain.signingKeys)
    token = await domain.attestation.tokens.issue(content)
  }
  await using domain = await open(store, { signingKeys: { tokenAlgorithm: 'ES256' } })
  assert.equal((await domain.signingKeys.current('TSK')).algorithm, 'ec_p256')
  assert.equal((await domain.attestation.tokens.verify(token, undefined)).passed, true)
  assert.equal((await domain.attestation.tokens.verify(await domain.attestation.tokens.issue(content), undefined)).passed, true)
  const digests = (await domain.signingKeys.jwks()).keys.map((jwk) => createHash('sha256').update(JSON.stringify(jwk)).digest('hex'))
  assert.equal(new Set(digests).size, 2)
})

test('a version is found the moment it is stored, also while an older read is under way', async () => {
  await using store = await testStore('sqlite')
  const real = await store.open()
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let armed = false
  const storage = new Proxy(real, {
    get(target, name) {
      if (name !== 'insertSigningKey' || !armed) return Reflect.get(target, name) as unknown
      return async (args: Parameters<typeof real.insertSigningKey>[0]) => {
        reached.resolve()
        await gate.promise
        return target.insertSigningKey(args)
      }
    },
  })
  const watched = watchStorage(storage)
  await using domain = await openDomain({ storage: watched.storage, dataDir: store.location.dataDir })
  const { signingKeys } = domain
  await giveSigningKeys(signingKeys)
  armed = true
  const rotated = signingKeys.rotate(operatorCall(), 'TSK')
  await reached.promise
  // What was read before the new version was stored is still on its way when it is.
  const release = watched.hold('listSigningKeys')
  assert.equal(await signingKeys.version('TSK', 1).then((key) => key?.version), 1)
  const older = signingKeys.find('TSK', ({ version }) => version === 2)
  gate.resolve()
  const held = watched.calls.length
  await eventually(async () => assert.ok(watched.calls.length > held))
  release()
  assert.equal((await rotated).version, 2)
  await older
  assert.equal((await signingKeys.current('TSK')).version, 2)
})
