// Baselines of users and what they match, without HTTP.
import assert from 'node:assert/strict'
import { createHash, sign } from 'node:crypto'
import { test } from 'node:test'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { eventually } from '@vouchsafe/testkit/retry'
import { baselineOf, newSigner, signedJwt, type TestSigner } from '@vouchsafe/testkit/signers'
import type { NewBaseline } from '../../src/attestation/baselines/baselines.ts'
import { referenceSets } from '../../src/attestation/reference-values/references.ts'
import { openDomain, type Domain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { asUser, operatorCall, userCall } from '@vouchsafe/testkit/callers'
import { listRecords } from '../support/records.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const USER = "it's a user"
const signers = { rsa: newSigner('rsa'), ec: newSigner('ec'), sm2: newSigner('sm2') }
const [A, B, C] = ['a', 'b', 'c'].map((text) => createHash('sha256').update(text).digest('hex')) as [string, string, string]

async function open(store: TestStore, runtime = pinnedRuntime()): Promise<Domain> {
  const domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  await giveSigningKeys(domain.signingKeys).catch(() => undefined)
  return domain
}

function trust({ attestation }: Domain, user: string, signer: TestSigner, name = 'signer') {
  const certificate = { name, description: null, types: ['refvalue' as const], isDefault: null, content: signer.certificate }
  return attestation.certificates.add(userCall(user, 'AddCertificate'), certificate)
}

function add({ attestation }: Domain, user: string, content: string, baseline: Partial<NewBaseline> = {}) {
  const defaults = { name: 'baseline', description: null, attesterType: 'tpm_ima', isDefault: false }
  return attestation.baselines.add(userCall(user, 'AddBaseline'), { ...defaults, content, ...baseline })
}

async function lookups({ attestation }: Domain, user: string) {
  const shared = await attestation.references.referencesOf(user, 'tpm_ima')
  return shared && { ...referenceSets(shared), altered: shared.altered }
}

test('baselines are accepted under every algorithm, ECDSA and SM2 signatures in both of their forms', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  for (const [name, signer] of Object.entries(signers)) await trust(domain, USER, signer, name)
  const cases: [TestSigner, string, boolean][] = [
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg): [TestSigner, string, boolean] => [signers.rsa, alg, false]),
    ...['ES256', 'ES384', 'ES512'].flatMap((alg): [TestSigner, string, boolean][] => [
      [signers.ec, alg, false],
      [signers.ec, alg, true],
    ]),
    [signers.sm2, 'SM2-SM3', false],
    [signers.sm2, 'SM2-SM3', true],
  ]
  for (const [signer, alg, der] of cases) {
    const jwt = signedJwt(signer, baselineOf(A), { alg, der })
    const { valueCount } = await add(domain, USER, jwt, { name: `${alg} ${String(der)}` })
    assert.equal(valueCount, 1)
    // Not under another algorithm of the same key, and not with another payload.
    const [header, payload, signature] = jwt.split('.') as [string, string, string]
    const other = Buffer.from(JSON.stringify(baselineOf(B))).toString('base64url')
    await assert.rejects(add(domain, USER, `${header}.${other}.${signature}`), /The signature of the reference value is not trusted/)
    const changed = alg === 'SM2-SM3' ? 'ES256' : `${alg === 'RS256' ? 'PS' : alg.slice(0, 2)}${alg.endsWith('384') ? '512' : '384'}`
    const swapped = Buffer.from(JSON.stringify({ alg: changed, typ: 'JWT' })).toString('base64url')
    await assert.rejects(add(domain, USER, `${swapped}.${payload}.${signature}`), /The signature of the reference value is not trusted/)
  }
})

test('an RSA signature without its leading zero byte, or with one more, is refused, though the number is the same', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  await trust(domain, USER, signers.rsa)
  for (const alg of ['PS256', 'RS256']) {
    let [jwt, bytes] = ['', Buffer.alloc(1, 1)]
    for (let i = 0; bytes[0] !== 0; i++) {
      jwt = signedJwt(signers.rsa, { ...baselineOf(A), i }, { alg })
      bytes = Buffer.from(jwt.slice(jwt.lastIndexOf('.') + 1), 'base64url')
    }
    const signed = jwt.slice(0, jwt.lastIndexOf('.'))
    for (const other of [bytes.subarray(1), Buffer.concat([Buffer.of(0), bytes])])
      await assert.rejects(add(domain, USER, `${signed}.${other.toString('base64url')}`), /no certificate of that type verifies it/)
    await add(domain, USER, jwt, { name: alg })
  }
})

test('content that is no signed baseline is refused with what is wrong about it', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  await trust(domain, USER, signers.rsa)
  const jwt = (payload: unknown, header = {}) => signedJwt(signers.rsa, payload, { alg: 'RS256', header })
  const good = jwt(baselineOf(A))
  const cases: [string, RegExp][] = [
    ['', /content must be a signed JWT/],
    ['a.b', /content must be a signed JWT/],
    [`${good}.x`, /content must be a signed JWT/],
    [good.replace('.', '.ŀ'), /content must be a signed JWT/],
    [`!${good}`, /header of the JWT is not a JSON object/],
    [`${Buffer.from('[]').toString('base64url')}.e30.AA`, /header of the JWT is not a JSON object/],
    [jwt(baselineOf(A), { crit: ['b64'], b64: false }), /critical extensions/],
    [`${good.slice(0, good.lastIndexOf('.'))}.`, /signature is not base64url/],
    [`${good}=`, /signature is not base64url/],
    [`${good.slice(0, good.lastIndexOf('.'))}.${'A'.repeat(4000)}`, /signature is not base64url/],
    [jwt([]), /payload must be a JSON object/],
    [jwt({}), /referenceValues must be an array/],
    [jwt({ ...baselineOf(A), matchFileName: 'yes' }), /matchFileName must be a boolean/],
    [jwt({ referenceValues: [null] }), /referenceValues\[0\] must be an object/],
    [jwt({ referenceValues: [{ fileName: 'a' }] }), /referenceValues\[0\] needs sha256/],
    [jwt({ referenceValues: [{ fileName: 5, sha256: A }] }), /referenceValues\[0\]\.fileName/],
    [jwt({ matchFileName: true, referenceValues: [{ sha256: A }] }), /referenceValues\[0\]\.fileName is required/],
    [jwt({ referenceValues: [{ sha256: '' }] }), /sha256 must be a text of 1 to 64/],
    [jwt({ referenceValues: [{ sha256: 'a'.repeat(65) }] }), /sha256 must be a text of 1 to 64/],
    [jwt({ referenceValues: [{ alg: 'md5', digest: 'a' }] }), /referenceValues\[0\] needs sha256, or alg/],
    [jwt({ referenceValues: [{ alg: 'sha384', digest: A }] }), /digest must be 96 hex digits for sha384/],
  ]
  for (const [content, message] of cases) await assert.rejects(add(domain, USER, content), { code: 'invalid', message })
  for (const [alg, given] of [
    ['none', "'none'"],
    ['HS256', "'HS256'"],
    [{ toString: 'x' }, 'none'],
  ] as const) {
    const message = new RegExp(`^Signatures with ${given} are not accepted`)
    await assert.rejects(add(domain, USER, jwt(baselineOf(A), { alg })), { code: 'signature_algorithm', message })
  }
  assert.deepEqual(await domain.attestation.baselines.list(asUser(USER)), [])
  // The signature was over this payload, so it is read: its base64url isn't canonical.
  const [header] = good.split('.') as [string]
  const input = `${header}.e30=`
  const odd = `${input}.${sign('sha256', Buffer.from(input), signers.rsa.privateKey).toString('base64url')}`
  await assert.rejects(add(domain, USER, odd), { code: 'invalid', message: /payload is not base64url/ })
})

test('the sample of the document is accepted once it is signed by a known key; as it is its signer is unknown', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  await trust(domain, USER, signers.rsa)
  const payload = { referenceValues: [{ fileName: 'syyx-1.PAT', sha256: '123456' }] }
  const { version, valueCount } = await add(domain, USER, signedJwt(signers.rsa, payload, { alg: 'RS384' }))
  assert.deepEqual([version, valueCount], [1, 1])
  const strange = signedJwt(newSigner('rsa'), payload, { alg: 'RS384' })
  await assert.rejects(add(domain, USER, strange), { message: /no certificate of that type verifies it \(1 tried\)/ })
  await assert.rejects(add(domain, 'nobody', strange), { message: /none is stored/ })
})

test('an expired or removed signer may not sign new baselines, and shows on old ones', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  await using domain = await open(store, runtime)
  const { id } = await trust(domain, USER, signers.rsa)
  const jwt = signedJwt(signers.rsa, baselineOf(A), { alg: 'RS256' })
  const baseline = await add(domain, USER, jwt)
  const code = async () => (await domain.attestation.baselines.read(asUser(USER), [baseline.id]))[0]?.validCode
  assert.equal(await code(), 0)
  runtime.step(3 * DAY_MS)
  assert.equal(await code(), 2)
  await assert.rejects(add(domain, USER, jwt, { name: 'new' }), { message: /the signer's certificate 'signer' may not sign now/ })
  assert.equal((await lookups(domain, USER))!.lookup(A, ''), 'matched')
  runtime.step(-3 * DAY_MS)
  assert.equal(await code(), 0)
  await domain.attestation.certificates.delete(userCall(USER, 'DeleteCertificates'), { ids: [id] })
  assert.equal(await code(), 2)
})

eachDatabase('reference values of all baselines match, as soon as they are stored and until they are removed', async (store) => {
  await using domain = await open(store)
  const { baselines } = domain.attestation
  await trust(domain, USER, signers.ec)
  const jwt = (payload: unknown) => signedJwt(signers.ec, payload, { alg: 'ES256' })
  assert.equal(await lookups(domain, USER), undefined)

  const first = await add(domain, USER, jwt(baselineOf(A.toUpperCase(), '123456', 'not a digest')), { name: 'one' })
  assert.equal(first.valueCount, 3)
  let known = (await lookups(domain, USER))!
  assert.deepEqual(
    [A, B, '123456', 'not a digest', '', 'zz'].map((digest) => known.lookup(digest, 'any')),
    ['matched', 'unmatched', 'unmatched', 'unmatched', 'unmatched', 'unmatched'],
  )

  const sha1 = createHash('sha1').update('a').digest('hex')
  const sha384 = createHash('sha384').update('a').digest('hex')
  const second = {
    matchFileName: true,
    referenceValues: [
      { fileName: '/bin/b', alg: 'sha256', digest: B },
      { fileName: '/bin/b2', sha256: B },
      { fileName: '/bin/c', alg: 'sha1', digest: sha1 },
      { fileName: '/bin/ü ☃', alg: 'sha384', digest: sha384.toUpperCase() },
    ],
  }
  const { id } = await add(domain, USER, jwt(second), { name: 'two' })
  known = (await lookups(domain, USER))!
  const cases: [string, string, string][] = [
    [A, 'any', 'matched'],
    [B, '/bin/b', 'matched'],
    [B, '/bin/b2', 'matched'],
    [B, '/bin/c', 'unmatched'],
    [B, '', 'unmatched'],
    [sha1, '/bin/c', 'matched'],
    [sha384, '/bin/ü ☃', 'matched'],
    [sha384, '/bin/u', 'unmatched'],
  ]
  for (const [digest, name, outcome] of cases) assert.equal(known.lookup(digest, name), outcome, `${digest} ${name}`)
  assert.deepEqual([known.isWeak(sha1), known.isWeak(A), known.isWeak(sha384)], [true, false, false])

  const changed = await baselines.update(userCall(USER, 'UpdateBaseline'), id, { content: jwt(baselineOf(C)) })
  assert.equal(changed.version, 2)
  known = (await lookups(domain, USER))!
  assert.deepEqual([known.lookup(B, '/bin/b'), known.lookup(C, ''), known.lookup(A, '')], ['unmatched', 'matched', 'matched'])

  await baselines.remove(userCall(USER, 'DeleteBaselines'), { ids: [id, 'unknown'] })
  assert.equal((await lookups(domain, USER))!.lookup(C, ''), 'unmatched')
  assert.equal(await lookups(domain, 'another'), undefined)
  await baselines.remove(userCall('another', 'DeleteBaselines'), 'all')
  await baselines.remove(userCall(USER, 'DeleteBaselines'), { attesterType: 'tpm_boot' })
  assert.equal((await baselines.list(asUser(USER))).length, 1)
  await baselines.remove(userCall(USER, 'DeleteBaselines'), { attesterType: 'tpm_ima' })
  assert.equal(await lookups(domain, USER), undefined)
})

eachDatabase('what another server changes is followed', async (store) => {
  await using here = await open(store)
  await using there = await open(store)
  await trust(here, USER, signers.ec)
  const jwt = signedJwt(signers.ec, baselineOf(A), { alg: 'ES256' })
  assert.equal(await lookups(here, USER), undefined)
  await eventually(() => add(there, USER, jwt))
  await eventually(async () => assert.equal((await lookups(here, USER))?.lookup(A, ''), 'matched'))
  await there.attestation.baselines.remove(userCall(USER, 'DeleteBaselines'), 'all')
  await eventually(async () => assert.equal(await lookups(here, USER), undefined))
})

eachDatabase('a baseline that was altered in the store shows, matches nothing and is not changed or signed anew', async (store) => {
  const jwt = signedJwt(signers.ec, baselineOf(A), { alg: 'ES256' })
  const other = signedJwt(signers.ec, baselineOf(B), { alg: 'ES256' })
  const alterations: [string, string][] = [
    ['the row', `update baselines set name = 'other' where id = $1`],
    ['its type', `update baselines set attester_type = 'tpm_boot' where id = $1`],
    [
      'its digests',
      `update baseline_contents set digests = (select digests from baseline_contents where baseline_id = $2) where baseline_id = $1`,
    ],
    ['its content', `update baseline_contents set content = 'x' where baseline_id = $1`],
  ]
  const idsOf = new Map<string, string[]>()
  {
    await using domain = await open(store)
    for (const [user, statement] of alterations) {
      await trust(domain, user, signers.ec, user)
      const ids = [(await add(domain, user, jwt)).id, (await add(domain, user, other, { name: 'another' })).id]
      idsOf.set(user, ids)
      await queryDatabase(store.location, statement.replaceAll('$1', `'${ids[0]!}'`).replaceAll('$2', `'${ids[1]!}'`))
    }
  }
  await using domain = await open(store)
  for (const [user, ids] of idsOf) {
    const known = (await lookups(domain, user))!
    // What matches is the digest set: of the content itself, nothing but the queries' state.
    const altered = user === 'its content' ? [] : [ids[0]]
    assert.deepEqual(known.altered, altered, user)
    assert.deepEqual([known.lookup(A, ''), known.lookup(B, '')], [altered.length === 0 ? 'matched' : 'unmatched', 'matched'], user)
    if (user === 'its digests') continue
    assert.deepEqual((await domain.attestation.baselines.read(asUser(user), ids)).map(({ validCode }) => validCode).sort(), [0, 1], user)
  }
  const ids = idsOf.get('the row')!
  await assert.rejects(
    domain.attestation.baselines.update(userCall('the row', 'UpdateBaseline'), ids[0]!, { name: 'new' }),
    /was altered in the store/,
  )
  await domain.signingKeys.rotate(operatorCall(), 'FSK')
  await domain.resigning.run()
  const rows = await domain.attestation.baselines.list(asUser('the row'))
  assert.deepEqual(
    ids.map((id) => rows.find((row) => row.id === id)).map((row) => [row?.altered, row?.keyVersion]),
    [
      [true, 1],
      [false, 2],
    ],
  )
  assert.deepEqual((await lookups(domain, 'the row'))!.altered, [ids[0]])
})

eachDatabase('names are one of a kind, baselines are limited, and of two changes at once one is told to try again', async (store) => {
  await using domain = await open(store)
  const { baselines } = domain.attestation
  await trust(domain, USER, signers.ec)
  await trust(domain, 'other', signers.ec)
  const jwt = signedJwt(signers.ec, baselineOf(A), { alg: 'ES256' })
  const { id } = await add(domain, USER, jwt, { name: 'n0' })
  await assert.rejects(add(domain, USER, jwt, { name: 'n0' }), { code: 'duplicate' })
  await add(domain, 'other', jwt, { name: 'n0' })
  await assert.rejects(baselines.update(userCall('other'), id, { name: 'x' }), { code: 'baseline_not_found' })
  await assert.rejects(baselines.update(userCall(USER), id, {}), { code: 'nothing_to_change' })
  await assert.rejects(baselines.update(userCall(USER), id, { attesterType: 'tpm_boot' }), /attesterType must be one of tpm_ima/)
  await assert.rejects(add(domain, USER, jwt, { name: '\ud800' }), /name has characters that are not allowed/)

  const outcomes = await Promise.allSettled(['p', 'q'].map((name) => baselines.update(userCall(USER, 'UpdateBaseline'), id, { name })))
  const lost = outcomes.filter(({ status }) => status === 'rejected')
  // Both may have come one after the other.
  for (const outcome of lost) assert.equal((outcome as PromiseRejectedResult).reason.code, 'modified')
  const [row] = await baselines.list(asUser(USER))
  assert.equal(row?.version, 3 - lost.length)

  await Promise.all(Array.from({ length: 99 }, (_, i) => add(domain, USER, jwt, { name: `n${i + 1}` })))
  await assert.rejects(add(domain, USER, jwt, { name: 'one too many' }), {
    code: 'limit_reached',
    facts: { object: 'baseline', limit: 100 },
  })
  const trail = await listRecords(domain.storage, { after: 0, limit: 1_000 })
  assert.equal(trail.filter(({ action, object }) => action === 'UpdateBaseline' && object === id).length, 2 - lost.length)
})
