// Certificates and CRLs of users, without HTTP.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { pkiAt } from '@vouchsafe/testkit/pki'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { certificateId } from '../../src/attestation/certificates/certificate-id.ts'
import type { CertificateType } from '../../src/attestation/certificates/certificate-types.ts'
import { parseName, nameFromText } from '@vouchsafe/x509'
import { openDomain, type Domain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { asUser, operatorCall, userCall } from '@vouchsafe/testkit/callers'

const DAY_MS = 24 * 60 * 60 * 1000
const NOW = Date.parse('2026-06-01T12:00:00.250Z')
const pki = pkiAt(NOW)
const root = await pki.root('C=CN,O=Example,CN=Root')

async function open(store: TestStore, runtime = pinnedRuntime(NOW)): Promise<Domain> {
  const domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  await giveSigningKeys(domain.signingKeys).catch(() => undefined)
  return domain
}

async function add(domain: Domain, user: string, content: string, name: string, types: CertificateType[] = ['tpm_boot']) {
  return domain.attestation.certificates.add(userCall(user, 'AddCertificate'), { name, description: null, types, isDefault: null, content })
}

function putCrl(domain: Domain, user: string, name: string, content: string) {
  return domain.attestation.crls.put(userCall(user), { name, content })
}

async function codes(domain: Domain, user: string, ...ids: string[]): Promise<[number, string | undefined][]> {
  const views = await domain.attestation.certificates.inspect(asUser(user), ids)
  return ids.map((id) => {
    const view = views.find(({ row }) => row.id === id)!
    return [view.validCode, view.reason]
  })
}

test('an id is the version-5 UUID that Python makes of serial number, issuer and user', () => {
  const names = [
    [
      'C=CN,O=test CA,OU=test,CN=TPM Root CA',
      { commonName: 'TPM Root CA', countryName: 'CN', organizationName: 'test CA', organizationalUnitName: 'test' },
    ],
    ['CN=first,CN=second\\, "quoted" ü', { commonName: 'second, "quoted" ü' }],
  ] as const
  for (const [text, json] of names) {
    const script = 'import sys, uuid; print(uuid.uuid5(uuid.NAMESPACE_OID, sys.argv[1]).hex)'
    const expected = execFileSync('python3', ['-c', script, `0badcafe-${JSON.stringify(json)}-user 1`], { encoding: 'utf8' }).trim()
    assert.equal(certificateId({ serialNumber: '0badcafe', issuer: parseName(nameFromText(text)) }, 'user 1'), expected)
  }
})

eachDatabase('what users have is their own: ids, names, limits, queries, changes and removals', async (store) => {
  await using domain = await open(store)
  const { certificates } = domain.attestation
  const mine = await add(domain, 'me', root.pem, 'root')
  const theirs = await add(domain, 'they', root.pem, 'root')
  assert.notEqual(mine.id, theirs.id)
  assert.deepEqual(await certificates.list(asUser('me'), { ids: [theirs.id] }), [])
  assert.deepEqual(await certificates.inspect(asUser('me'), [theirs.id]), [])
  await assert.rejects(certificates.update(userCall('me'), { id: theirs.id }, { description: 'x' }), {
    code: 'certificate_not_found',
  })
  assert.deepEqual(await certificates.delete(userCall('me', 'DeleteCertificates'), { ids: [theirs.id] }), [])
  assert.deepEqual(await certificates.delete(userCall('me', 'DeleteCertificates'), {}), [mine.id])
  assert.equal((await certificates.list(asUser('they'), {})).length, 1)
  const crl = await putCrl(domain, 'they', 'list', await pki.crl(root))
  assert.deepEqual(await domain.attestation.crls.list(asUser('me'), [crl.id]), [])
  assert.deepEqual(await domain.attestation.crls.delete(userCall('me'), undefined), [])
})

eachDatabase('ten certificates and ten CRLs of a user are the limit', async (store) => {
  await using domain = await open(store)
  for (let i = 0; i < 10; i++) await add(domain, 'u', (await pki.root(`CN=Root ${i}`)).pem, `root ${i}`)
  await assert.rejects(add(domain, 'u', root.pem, 'eleventh'), { code: 'limit_reached', facts: { object: 'certificate', limit: 10 } })
  await add(domain, 'v', root.pem, 'root')
  const list = await pki.crl(root)
  for (let i = 0; i < 10; i++) await putCrl(domain, 'v', `list ${i}`, list)
  await assert.rejects(putCrl(domain, 'v', 'eleventh', list), { code: 'limit_reached', facts: { object: 'crl', limit: 10 } })
  await putCrl(domain, 'v', 'list 3', list)
})

eachDatabase('a change raises the version, keeps what it does not name, and is audited with it', async (store) => {
  const runtime = pinnedRuntime(NOW)
  await using domain = await open(store, runtime)
  const { certificates } = domain.attestation
  const { id } = await add(domain, 'u', root.pem, 'root')
  runtime.advance(1_000)
  const row = await certificates.update(userCall('u', 'UpdateCertificate'), { name: 'root' }, { description: 'ours', isDefault: true })
  assert.deepEqual(
    [row.version, row.name, row.types, row.description, row.isDefault, row.createdAt, row.updatedAt],
    [2, 'root', ['tpm_boot'], 'ours', true, NOW, NOW + 1_000],
  )
  const other = await add(domain, 'u', (await pki.root('CN=Other')).pem, 'other')
  await assert.rejects(certificates.update(userCall('u', 'UpdateCertificate'), { id: other.id }, { name: 'root' }), {
    code: 'duplicate',
    facts: { object: 'certificate name' },
  })
  await assert.rejects(certificates.update(userCall('u'), { id }, {}), { code: 'nothing_to_change' })
  await assert.rejects(certificates.update(userCall('u'), { id }, { description: '\ud800' }), { message: /description is not well-formed/ })
  await certificates.delete(userCall('u', 'DeleteCertificates'), { ids: [id] })
  const audit = await queryDatabase(
    store.location,
    `select action, object from trail_entries where action like '%Certificate%' order by position`,
  )
  assert.deepEqual(
    audit.map(({ action, object }) => [action, object]),
    [
      ['AddCertificate', id],
      ['UpdateCertificate', id],
      ['AddCertificate', other.id],
      ['DeleteCertificates', id],
    ],
  )
})

eachDatabase('changes at once all happen, one after the other', async (store) => {
  await using one = await open(store)
  await using two = await open(store)
  const { id } = await add(one, 'u', root.pem, 'root')
  await Promise.all(
    [one, two, one, two].map(({ attestation }, index) =>
      attestation.certificates.update(userCall('u', 'UpdateCertificate'), { id }, { description: `${index}` }),
    ),
  )
  assert.equal((await one.attestation.certificates.list(asUser('u'), {}))[0]?.version, 5)
})

const REFUSED: readonly [name: string, content: () => Promise<string> | string, message: RegExp][] = [
  ['text', () => 'hello', /no block CERTIFICATE/],
  ['two certificates', () => root.pem + root.pem, /more than one/],
  ['bytes that are no certificate', () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /certificate: expected tag 30/],
  ['one past its end', async () => (await pki.leaf(root, 'CN=old', { notAfter: new Date(NOW - 1_000) })).pem, /expired at 2026-06-01T11/],
  ['a short RSA key', async () => (await withKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)).pem, /keys of rsa 1024/],
  [
    'another curve',
    async () => (await withKey(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)).pem,
    /keys of ec secp256k1/,
  ],
]

function withKey(publicKey: import('node:crypto').KeyObject) {
  return pki.leaf(root, 'CN=key', { publicKey })
}

for (const [name, content, message] of REFUSED)
  eachDatabase(`a certificate is refused: ${name}`, async (store) => {
    await using domain = await open(store)
    await assert.rejects(async () => add(domain, 'u', await content(), 'n'), {
      code: 'certificate_refused',
      message: new RegExp(`^The certificate is not accepted: .*${message.source}`),
    })
  })

eachDatabase('a CRL is stored only if a CA of the user with that name signed it', async (store) => {
  await using domain = await open(store)
  const list = await pki.crl(root)
  await assert.rejects(putCrl(domain, 'u', 'l', list), { message: /no certificate of yours has the CRL's issuer C=CN, O=Example, CN=Root/ })
  await add(domain, 'other', root.pem, 'root')
  await assert.rejects(putCrl(domain, 'u', 'l', list), { message: /no certificate of yours/ })
  const namesake = await pki.root('C=CN,O=Example,CN=Root')
  await add(domain, 'u', namesake.pem, 'namesake')
  await assert.rejects(putCrl(domain, 'u', 'l', list), { message: /not a CRL of C=CN, O=Example, CN=Root: made with another/ })
  const notCa = await pki.leaf(root, 'CN=Not a CA')
  await add(domain, 'u', notCa.pem, 'leaf')
  await assert.rejects(putCrl(domain, 'u', 'l', await pki.crl(notCa)), { message: /issuer is not a CA/ })
  await add(domain, 'u', root.pem, 'root')
  await putCrl(domain, 'u', 'l', list)
})

eachDatabase('CRLs are refused: malformed, past their time, not yet valid', async (store) => {
  await using domain = await open(store)
  await add(domain, 'u', root.pem, 'root')
  const dates = (thisUpdate: number, nextUpdate: number) => ({
    thisUpdate: new Date(NOW + thisUpdate),
    nextUpdate: new Date(NOW + nextUpdate),
  })
  for (const [content, message] of [
    ['hello', /0 blocks X509 CRL/],
    [root.pem, /0 blocks X509 CRL/],
    ['-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n', /CRL: expected tag 30/],
    [await pki.crl(root, [], dates(DAY_MS, 2 * DAY_MS)), /not valid before 2026-06-02/],
  ] as const)
    await assert.rejects(putCrl(domain, 'u', 'l', content), { code: 'invalid', message })
  const nextUpdate = new Date(Math.floor((NOW - DAY_MS) / 1_000) * 1_000).toISOString()
  await assert.rejects(putCrl(domain, 'u', 'l', await pki.crl(root, [], dates(-3 * DAY_MS, -DAY_MS))), {
    code: 'crl_expired',
    facts: { nextUpdate },
  })
})

eachDatabase('a CRL replaces the one of its name and keeps the id, but an older one does not', async (store) => {
  await using domain = await open(store)
  await add(domain, 'u', root.pem, 'root')
  const leaf = await pki.leaf(root)
  const first = await putCrl(domain, 'u', 'l', await pki.crl(root, [leaf], { number: 5 }))
  await assert.rejects(putCrl(domain, 'u', 'l', await pki.crl(root, [], { number: 4 })), { message: /CRL number 4 is lower than 5/ })
  const earlier = { number: 6, thisUpdate: new Date(NOW - 2 * DAY_MS) }
  await assert.rejects(putCrl(domain, 'u', 'l', await pki.crl(root, [], earlier)), { message: /does not replace the one of/ })
  const second = await putCrl(domain, 'u', 'l', await pki.crl(root, [], { number: 6 }))
  assert.deepEqual([second.id, second.version, second.createdAt], [first.id, 2, NOW])
  // Numbers of two issuers say nothing about each other.
  const other = await pki.root('CN=Other')
  await add(domain, 'u', other.pem, 'other')
  assert.equal((await putCrl(domain, 'u', 'l', await pki.crl(other, [], { number: 1 }))).id, first.id)
})

eachDatabase('an empty CRL, and entries without a reason, are accepted', async (store) => {
  await using domain = await open(store)
  await add(domain, 'u', root.pem, 'root')
  await putCrl(domain, 'u', 'empty', await pki.crl(root))
  await putCrl(domain, 'u', 'no reason', await pki.crl(root, [await pki.leaf(root)]))
})

eachDatabase('a certificate is shown as revoked by a CRL of its issuer, with date and reason, and as expired in time', async (store) => {
  const runtime = pinnedRuntime(NOW)
  await using domain = await open(store, runtime)
  const { id: rootId } = await add(domain, 'u', root.pem, 'root')
  const leaf = await pki.leaf(root)
  const { id } = await add(domain, 'u', leaf.pem, 'leaf', ['policy'])
  assert.deepEqual(await codes(domain, 'u', id, rootId), [
    [0, undefined],
    [0, undefined],
  ])
  const date = new Date('2026-05-30T00:00:00Z')
  const revoked = [{ serialNumber: leaf.certificate.serialNumber, date, reason: 'superseded' as const }]
  await putCrl(domain, 'u', 'l', await pki.crl(root, [], { revoked, number: 2 }))
  const [view] = await domain.attestation.certificates.inspect(asUser('u'), [id])
  assert.deepEqual([view?.validCode, view?.reason, view?.revoked], [2, 'revoked', { date, reasonCode: 4 }])
  assert.deepEqual(await codes(domain, 'u', rootId), [[0, undefined]])
  await putCrl(domain, 'u', 'l', await pki.crl(root, [], { number: 3, thisUpdate: new Date(NOW) }))
  assert.deepEqual(await codes(domain, 'u', id), [[0, undefined]])
  runtime.advance(101 * DAY_MS)
  assert.deepEqual(await codes(domain, 'u', id, rootId), [
    [2, 'expired'],
    [2, 'expired'],
  ])
})

eachDatabase('a row that was altered in the store is shown so, and neither used nor changed', async (store) => {
  await using domain = await open(store)
  const other = await pki.root('CN=Other')
  const { id } = await add(domain, 'u', root.pem, 'root', ['policy'])
  const { id: otherId } = await add(domain, 'u', other.pem, 'other')
  await queryDatabase(store.location, `update certificates set types = '["tpm_boot"]' where id = '${id}' returning id`)
  assert.deepEqual(await codes(domain, 'u', id, otherId), [
    [1, 'its row was altered in the store'],
    [0, undefined],
  ])
  await assert.rejects(domain.attestation.certificates.update(userCall('u', 'UpdateCertificate'), { id }, { description: 'x' }), {
    message: /altered in the store/,
  })
  await using fresh = await open(store)
  const leaf = await pki.leaf(root)
  const question = { user: 'u', type: 'tpm_boot' as const, leaf: leaf.certificate.der, at: NOW }
  assert.equal((await fresh.attestation.trust.validateAk(question)).valid, false)
  assert.deepEqual(await fresh.attestation.trust.signers('u', 'policy', NOW), [])
})

eachDatabase(
  'certificates and CRLs are signed anew when the FSK is rotated; what was altered is marked and never signed',
  async (store) => {
    await using domain = await open(store)
    const { id } = await add(domain, 'u', root.pem, 'root')
    const { id: alteredId } = await add(domain, 'u', (await pki.root('CN=Other')).pem, 'other')
    const crl = await putCrl(domain, 'u', 'l', await pki.crl(root))
    await queryDatabase(store.location, `update certificates set name = 'changed' where id = '${alteredId}' returning id`)
    const { version } = await domain.signingKeys.rotate(operatorCall(), 'FSK')
    await domain.resigning.run()
    const rows = await queryDatabase(
      store.location,
      `select id, key_version, altered from certificates union all select id, key_version, altered from crls`,
    )
    const facts = new Map(rows.map((row) => [row.id, [Number(row.key_version), Number(row.altered)]]))
    assert.deepEqual(
      [facts.get(id), facts.get(alteredId), facts.get(crl.id)],
      [
        [version, 0],
        [1, 1],
        [version, 0],
      ],
    )
    assert.deepEqual(await codes(domain, 'u', id, alteredId), [
      [0, undefined],
      [1, 'its row was altered in the store'],
    ])
    await queryDatabase(store.location, `update certificates set name = 'other' where id = '${alteredId}' returning id`)
    assert.deepEqual(await codes(domain, 'u', alteredId), [[1, 'its row was altered in the store']])
  },
)

eachDatabase('the dates of what is stored are looked at again and again', async (store) => {
  const runtime = pinnedRuntime(NOW)
  await using domain = await open(store, runtime)
  await add(domain, 'u', root.pem, 'root')
  await putCrl(domain, 'u', 'l', await pki.crl(root))
  const watch = domain.attestation.certificateWatch
  const look = async () => (await domain.attestation.upkeep(), watch.statistics)
  assert.deepEqual(await look(), { certificates: 1, expired: 0, expiringSoon: 0, crls: 1, staleCrls: 0 })
  runtime.advance(80 * DAY_MS)
  assert.deepEqual(await look(), { certificates: 1, expired: 0, expiringSoon: 1, crls: 1, staleCrls: 1 })
  runtime.advance(21 * DAY_MS)
  assert.deepEqual(await look(), { certificates: 1, expired: 1, expiringSoon: 0, crls: 1, staleCrls: 1 })
  const [list] = await domain.attestation.crls.list(asUser('u'))
  assert.deepEqual([list?.stale, list?.altered], [true, false])
})
