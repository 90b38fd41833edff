// Which attestation keys and signers a user trusts: every way in which the original could be deceived (contract §15, items 1 and 9) is refused.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EKU, certificatesFromPem, crlsFromPem, issueCertificate } from '@vouchsafe/x509'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { pkiAt, type Entity } from '@vouchsafe/testkit/pki'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import type { Check } from '@vouchsafe/checks'
import type { CertificateType } from '../../src/attestation/certificates/certificate-types.ts'
import type { ChainQuestion } from '../../src/attestation/certificates/trust.ts'
import { openDomain, type Domain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { userCall } from '@vouchsafe/testkit/callers'

const DAY_MS = 24 * 60 * 60 * 1000
const NOW = Date.parse('2026-06-01T12:00:00Z')
const pki = pkiAt(NOW)
const root = await pki.root()
const middle = await pki.ca(root)
const leaf = await pki.leaf(middle)

async function open(store: TestStore, attestation: Parameters<typeof openDomain>[0]['attestation'] = {}): Promise<Domain> {
  const domain = await openDomain({
    storage: await store.open(),
    dataDir: store.location.dataDir,
    runtime: pinnedRuntime(NOW),
    attestation,
  })
  await giveSigningKeys(domain.signingKeys).catch(() => undefined)
  return domain
}

let names = 0

async function add(domain: Domain, entity: Pick<Entity, 'pem'>, types: CertificateType[] = ['tpm_boot'], user = 'u') {
  const name = `certificate ${++names}`
  return domain.attestation.certificates.add(userCall(user, 'AddCertificate'), {
    name,
    description: null,
    types,
    isDefault: null,
    content: entity.pem,
  })
}

function putCrl(domain: Domain, content: string, name = 'list') {
  return domain.attestation.crls.put(userCall('u'), { name, content })
}

/** Names of the checks that failed; with `!` before them where the verdict is valid all the same. */
function failed({ valid, checks }: { valid: boolean; checks: readonly Check[] }): string[] {
  return [...new Set(checks.filter(({ passed }) => !passed).map(({ name }) => (valid ? `!${name}` : name)))]
}

async function ak(domain: Domain, entity: Entity, more: Partial<ChainQuestion> = {}): Promise<string[]> {
  const verdict = await domain.attestation.trust.validateAk({ user: 'u', type: 'tpm_boot', leaf: entity.certificate.der, at: NOW, ...more })
  assert.equal(
    verdict.valid,
    failed(verdict).every((name) => name.startsWith('!')),
  )
  return failed(verdict)
}

const via = (...entities: Entity[]) => ({ intermediates: entities.map(({ certificate }) => certificate.der) })

/** Runs on SQLite: what is tested here doesn't touch storage's differences. */
function trustTest(name: string, fn: (domain: Domain, store: TestStore) => Promise<void>): void {
  test(name, async () => {
    await using store = await testStore('sqlite')
    await using domain = await open(store)
    await fn(domain, store)
  })
}

eachDatabase('an attestation key is trusted through a stored root, with intermediates stored or sent', async (store) => {
  await using domain = await open(store)
  assert.deepEqual(await ak(domain, leaf, via(middle)), ['chain_anchor'])
  await add(domain, root)
  assert.deepEqual(await ak(domain, leaf, via(middle)), [])
  assert.deepEqual(await ak(domain, leaf), ['chain_anchor'])
  await add(domain, middle)
  assert.deepEqual(await ak(domain, leaf), [])
})

trustTest('a self-signed attestation key is refused unless that very certificate is stored', async (domain) => {
  const self = await pki.selfSigned()
  const twin = await pki.selfSigned()
  await add(domain, root)
  assert.deepEqual(await ak(domain, self), ['chain_anchor'])
  assert.deepEqual(await ak(domain, self, via(self)), ['chain_anchor'])
  await add(domain, twin)
  assert.deepEqual(await ak(domain, self), ['signature'], 'the one with its name did not sign it')
  assert.deepEqual(await ak(domain, twin), [])
})

trustTest('an anchor counts for the types that it was stored for, and for its user alone', async (domain) => {
  await add(domain, root, ['tpm_ima', 'policy', 'refvalue', 'tpm_ek'])
  await add(domain, root, ['tpm_boot'], 'other')
  assert.deepEqual(await ak(domain, leaf, via(middle)), ['chain_anchor'])
  assert.deepEqual(await ak(domain, leaf, { ...via(middle), type: 'tpm_ima' }), [])
  assert.deepEqual(await ak(domain, leaf, { ...via(middle), user: 'other' }), [])
  assert.deepEqual(await ak(domain, leaf, { ...via(middle), user: 'third' }), ['chain_anchor'])
})

trustTest('an intermediate is no anchor, and a root that is sent is none either', async (domain) => {
  await add(domain, middle)
  assert.deepEqual(await ak(domain, leaf, via(root)), ['chain_anchor'])
})

trustTest('dates count at both ends, for every certificate', async (domain) => {
  await add(domain, root)
  assert.deepEqual(await ak(domain, leaf, { ...via(middle), at: NOW + 101 * DAY_MS }), ['validity'])
  assert.deepEqual(await ak(domain, leaf, { ...via(middle), at: NOW - 11 * DAY_MS }), ['validity'])
  const old = await pki.ca(root, 'CN=Middle', { notAfter: new Date(NOW - DAY_MS) })
  assert.deepEqual(await ak(domain, await pki.leaf(old), via(old)), ['validity'])
  const future = await pki.leaf(root, 'CN=leaf', { notBefore: new Date(NOW + DAY_MS) })
  assert.deepEqual(await ak(domain, future), ['validity'])
})

trustTest('an issuer that is no CA, or may not sign certificates, vouches for nothing; path lengths are kept', async (domain) => {
  await add(domain, root)
  const attacker = await pki.leaf(root, 'CN=host')
  assert.deepEqual(await ak(domain, await pki.leaf(attacker), via(attacker)), ['basic_constraints', 'key_usage'])
  const mute = await pki.ca(root, 'CN=Mute', { keyUsage: ['cRLSign'] })
  assert.deepEqual(await ak(domain, await pki.leaf(mute), via(mute)), ['key_usage'])
  const last = await pki.ca(root, 'CN=Last', { basicConstraints: { ca: true, pathLength: 0 } })
  const further = await pki.ca(last, 'CN=Further')
  assert.deepEqual(await ak(domain, await pki.leaf(further), via(last, further)), ['path_length'])
})

trustTest('an attestation key must not be a CA, and must be allowed to sign', async (domain) => {
  await add(domain, root)
  assert.deepEqual(await ak(domain, await pki.ca(root, 'CN=ca')), ['basic_constraints', 'key_usage'])
  assert.deepEqual(await ak(domain, await pki.leaf(root, 'CN=x', { keyUsage: ['keyEncipherment'] })), ['key_usage'])
  assert.deepEqual(await ak(domain, await pki.leaf(root, 'CN=v1', { version: 1, keyUsage: undefined as never })), [])
})

trustTest('the key of a TLS certificate of the same CA attests nothing', async (domain) => {
  await add(domain, root)
  assert.deepEqual(await ak(domain, await pki.leaf(root, 'CN=tls', { extendedKeyUsage: [EKU.serverAuth] })), ['extended_key_usage'])
  for (const usage of [EKU.tcgAikCertificate, EKU.any])
    assert.deepEqual(await ak(domain, await pki.leaf(root, 'CN=ak', { extendedKeyUsage: [EKU.clientAuth, usage] })), [])
})

trustTest('two CAs that issue each other end in a refusal', async (domain) => {
  await add(domain, root)
  const one = await pki.ca(root, 'CN=One')
  const two = await pki.ca(one, 'CN=Two')
  const dates = { notBefore: two.certificate.notBefore, notAfter: two.certificate.notAfter }
  const back = await issueCertificate({
    ...dates,
    subject: 'CN=One',
    issuer: two.certificate,
    publicKey: one.privateKey,
    signer: two.privateKey,
    basicConstraints: { ca: true },
  })
  const end = await pki.leaf(two)
  assert.deepEqual(await ak(domain, end, { intermediates: [back.der, two.certificate.der] }), ['chain_anchor'])
})

trustTest('a later certificate of the same name takes no success back', async (domain) => {
  await add(domain, root)
  await add(domain, middle)
  const namesakes = [await pki.root('CN=Middle'), await pki.ca(await pki.root('CN=Other'), 'CN=Middle')]
  for (const namesake of namesakes) await add(domain, namesake)
  assert.deepEqual(await ak(domain, leaf, via(...namesakes)), [])
})

trustTest('an attestation key that is itself revoked is refused, and so is one below a revoked CA', async (domain) => {
  for (const entity of [root, middle]) await add(domain, entity)
  assert.deepEqual(await ak(domain, leaf), [])
  await putCrl(domain, await pki.crl(middle, [leaf]), 'of the intermediate')
  assert.deepEqual(await ak(domain, leaf), ['revocation'])
  await putCrl(domain, await pki.crl(middle, [], { number: 2 }), 'of the intermediate')
  assert.deepEqual(await ak(domain, leaf), [])
  await putCrl(domain, await pki.crl(root, [middle]), 'of the root')
  assert.deepEqual(await ak(domain, leaf), ['revocation'])
})

trustTest('a pinned attestation key can be revoked too, by a list of a CA that is stored for whatever use', async (domain) => {
  await add(domain, leaf)
  await add(domain, middle, ['policy'])
  assert.deepEqual(await ak(domain, leaf), [])
  await putCrl(domain, await pki.crl(middle, [leaf]))
  assert.deepEqual(await ak(domain, leaf), ['revocation'])
})

trustTest('past its next update a list still revokes, and is named; refusing is a setting', async (domain, store) => {
  for (const entity of [root, middle]) await add(domain, entity)
  await putCrl(domain, await pki.crl(middle, [await pki.leaf(middle, 'CN=other')]))
  const later = { at: NOW + 20 * DAY_MS }
  assert.deepEqual(await ak(domain, leaf), [])
  assert.deepEqual(await ak(domain, leaf, later), ['!crl_stale'])
  await using strict = await open(store, { refuseStaleCrls: true })
  assert.deepEqual(await ak(strict, leaf, later), ['crl_dates'])
  await putCrl(domain, await pki.crl(middle, [leaf]))
  assert.deepEqual(await ak(domain, leaf, later), ['revocation', 'crl_stale'])
})

trustTest('anchors and lists of the server itself are taken as if the user had stored them', async (domain) => {
  const own = await pki.root('CN=AK CA of u')
  const issued = await pki.leaf(own)
  const implicit = { anchors: [own.certificate], crls: crlsFromPem(await pki.crl(own)) }
  assert.deepEqual(await ak(domain, issued), ['chain_anchor'])
  assert.deepEqual(await ak(domain, issued, { implicit }), [])
  assert.deepEqual(await ak(domain, issued, { implicit: { ...implicit, crls: crlsFromPem(await pki.crl(own, [issued])) } }), ['revocation'])
  assert.deepEqual(await ak(domain, issued), ['chain_anchor'])
})

trustTest('bytes that are no certificate, and too many intermediates, are a failed check', async (domain) => {
  const trust = domain.attestation.trust
  const question = { user: 'u', type: 'tpm_boot' as const, leaf: new Uint8Array([0x30, 0]), at: NOW }
  assert.deepEqual(failed(await trust.validateAk(question)), ['certificate_format'])
  assert.deepEqual(await ak(domain, leaf, { intermediates: Array.from({ length: 17 }, () => root.certificate.der) }), [
    'certificate_format',
  ])
})

trustTest('an endorsement key, which may not sign, is trusted through the certificates for that use only', async (domain) => {
  const ek = await pki.leaf(root, '', { keyUsage: ['keyAgreement'] })
  const ask = async () => failed(await domain.attestation.trust.validateEk({ user: 'u', leaf: ek.certificate.der, at: NOW }))
  await add(domain, await pki.root('CN=Other'), ['tpm_ek'])
  await add(domain, root, ['tpm_boot'])
  assert.deepEqual(await ask(), ['chain_anchor'])
  await domain.attestation.certificates.update(
    userCall('u', 'UpdateCertificate'),
    { name: `certificate ${names}` },
    { types: ['tpm_ek', 'tpm_boot'] },
  )
  assert.deepEqual(await ask(), [])
})

trustTest(
  'an endorsement key is for keyAgreement, or with RSA for keyEncipherment, and says so; no CA, and no key that may sign',
  async (domain) => {
    await add(domain, root, ['tpm_ek'])
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
    const ask = async (overrides: Parameters<typeof pki.leaf>[2], strict = domain) => {
      const ek = await pki.leaf(root, 'CN=EK', overrides)
      return failed(await strict.attestation.trust.validateEk({ user: 'u', leaf: ek.certificate.der, at: NOW }))
    }
    const usage = ['key_usage']
    assert.deepEqual(await ask({ keyUsage: ['keyAgreement'] }), [])
    assert.deepEqual(await ask({ publicKey: rsa, keyUsage: ['keyEncipherment'] }), [])
    assert.deepEqual(await ask({ keyUsage: ['keyEncipherment'] }), usage)
    assert.deepEqual(await ask({ publicKey: rsa, keyUsage: ['keyAgreement'] }), usage)
    assert.deepEqual(await ask({ keyUsage: ['digitalSignature'] }), usage)
    assert.deepEqual(await ask({ keyUsage: [] }), usage)
    assert.deepEqual(await ask({ publicKey: rsa, keyUsage: ['keyEncipherment', 'keyCertSign'] }), usage)
    assert.deepEqual(await ask({ publicKey: rsa, keyUsage: ['keyEncipherment', 'digitalSignature'] }), usage, 'that of a TLS server')
    const signing = { publicKey: rsa, keyUsage: ['keyEncipherment' as const, 'digitalSignature' as const] }
    assert.deepEqual(
      await ask({ ...signing, extendedKeyUsage: [EKU.tcgEkCertificate] }),
      [],
      'the profile allows it of a key that says what it is',
    )
    assert.deepEqual(await ask({ keyUsage: ['keyAgreement'], extendedKeyUsage: [EKU.tcgAikCertificate] }), ['extended_key_usage'])
    assert.deepEqual(await ask({ keyUsage: ['keyAgreement'], basicConstraints: { ca: true } }), ['basic_constraints'])
  },
)

test('with require-ek-usage the certificate of an endorsement key must say that it is one', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store, { requireEkUsage: true })
  await add(domain, root, ['tpm_ek'])
  const ask = async (extendedKeyUsage?: string[]) => {
    const ek = await pki.leaf(root, 'CN=EK', { keyUsage: ['keyAgreement'], ...(extendedKeyUsage && { extendedKeyUsage }) })
    return failed(await domain.attestation.trust.validateEk({ user: 'u', leaf: ek.certificate.der, at: NOW }))
  }
  assert.deepEqual(await ask(), ['extended_key_usage'])
  assert.deepEqual(await ask([EKU.any]), ['extended_key_usage'])
  assert.deepEqual(await ask([EKU.tcgEkCertificate]), [])
})

eachDatabase('what another server changes is seen after the change feed tells of it', async (store) => {
  await using here = await open(store)
  await using there = await open(store)
  const question = { ...via(middle) }
  const { id } = await add(here, root)
  await there.feed.poll()
  assert.deepEqual(await ak(there, leaf, question), [])
  await here.attestation.certificates.delete(userCall('u', 'DeleteCertificates'), { ids: [id] })
  assert.deepEqual(await ak(here, leaf, question), ['chain_anchor'])
  await there.feed.poll()
  assert.deepEqual(await ak(there, leaf, question), ['chain_anchor'])
})

trustTest('a verdict that is remembered does not outlive the dates that it rests on', async (domain) => {
  for (const entity of [root, middle]) await add(domain, entity)
  const short = await pki.leaf(middle, 'CN=short', { notAfter: new Date(NOW + 60_000) })
  assert.deepEqual(await ak(domain, short), [])
  assert.deepEqual(await ak(domain, short, { at: NOW + 60_000 }), [])
  assert.deepEqual(await ak(domain, short, { at: NOW + 60_001 }), ['validity'])
  assert.deepEqual(await ak(domain, short, { at: NOW }), [])
  const answers = await Promise.all(
    [0, 1].map(() => domain.attestation.trust.validateAk({ user: 'u', type: 'tpm_boot', leaf: short.certificate.der, at: NOW })),
  )
  assert.equal(answers[0], answers[1], 'nothing is computed twice')
})

trustTest('between chains other work goes on, and users take turns', async (domain) => {
  const { trust } = domain.attestation
  for (const user of ['u', 'v']) await add(domain, root, ['tpm_boot'], user)
  const leaves = await Promise.all(Array.from({ length: 30 }, (_, i) => pki.leaf(root, `CN=${i}`)))
  const order: string[] = []
  let rounds = 0
  let watching = true
  const watch = () => void (watching && (rounds++, setImmediate(watch)))
  watch()
  const ask = async (user: string, { certificate }: Entity) => {
    assert.ok((await trust.validateAk({ user, type: 'tpm_boot', leaf: certificate.der, at: NOW })).valid)
    order.push(user)
  }
  await Promise.all([...leaves.map((each) => ask('u', each)), ask('v', leaves[0]!)])
  watching = false
  assert.ok(order.indexOf('v') < 5, `the other user came as number ${order.indexOf('v')}`)
  assert.ok(rounds >= 30, `${rounds} rounds of other work`)
})

trustTest('while a CRL is altered in the store, nothing of that user is trusted', async (domain, store) => {
  for (const entity of [root, middle]) await add(domain, entity)
  const { id } = await putCrl(domain, await pki.crl(middle, [leaf]))
  await queryDatabase(store.location, `update crls set content = $1 where id = $2 returning id`, [await pki.crl(middle), id])
  await using fresh = await open(store)
  assert.deepEqual(await ak(fresh, leaf), ['crl_integrity'])
  await putCrl(fresh, await pki.crl(middle, [leaf], { number: 2 }))
  assert.deepEqual(await ak(fresh, leaf), ['revocation'])
})

trustTest('signers are the certificates stored for the use, each with its verdict', async (domain) => {
  const { trust } = domain.attestation
  const signer = await pki.leaf(middle, 'CN=signer')
  const short = await pki.leaf(middle, 'CN=short', { notAfter: new Date(NOW + DAY_MS) })
  const rows = [await add(domain, signer, ['refvalue']), await add(domain, short, ['refvalue', 'policy'])]
  await add(domain, root, ['tpm_boot'])
  const verdicts = async (type: 'refvalue' | 'policy', at = NOW) =>
    Object.fromEntries((await trust.signers('u', type, at)).map((each) => [each.certificate.subject.text, failed(each)]))
  assert.deepEqual(await verdicts('refvalue'), { 'CN=signer': [], 'CN=short': [] })
  assert.deepEqual(await verdicts('policy'), { 'CN=short': [] })
  assert.deepEqual(await verdicts('refvalue', NOW + 2 * DAY_MS), { 'CN=signer': [], 'CN=short': ['validity'] })
  assert.deepEqual((await trust.signers('u', 'refvalue', NOW)).map(({ id }) => id).toSorted(), rows.map(({ id }) => id).toSorted())
})

trustTest('a signer whose issuer is stored for the same use is checked against it, and against its CRLs', async (domain) => {
  const signer = await pki.leaf(middle, 'CN=signer')
  await add(domain, signer, ['policy'])
  const verdict = async () =>
    failed(
      (await domain.attestation.trust.signers('u', 'policy', NOW)).find(({ certificate }) => certificate.subject.text === 'CN=signer')!,
    )
  const stranger = await add(domain, await pki.ca(root, 'CN=Middle', { keyUsage: ['cRLSign'] }), ['refvalue'])
  assert.deepEqual(await verdict(), [], 'an issuer that is stored for another use says nothing')
  await domain.attestation.certificates.delete(userCall('u', 'DeleteCertificates'), { ids: [stranger.id] })
  await add(domain, middle, ['policy'])
  assert.deepEqual(await verdict(), [], 'the upper end of the chain need not be stored')
  await add(domain, root, ['policy'])
  assert.deepEqual(await verdict(), [])
  await putCrl(domain, await pki.crl(root, [middle]), 'of the root')
  assert.deepEqual(await verdict(), ['revocation'])
  await putCrl(domain, await pki.crl(root, [], { number: 2 }), 'of the root')
  await putCrl(domain, await pki.crl(middle, [signer]), 'of the intermediate')
  assert.deepEqual(await verdict(), ['revocation'])
})

test('SM2 chains of OpenSSL, and their CRLs, are verified on the crypto workers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-sm2-'))
  try {
    const path = (name: string) => join(folder, name)
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const id = ['-sm3', '-sigopt', 'distid:1234567812345678']
    for (const name of ['root', 'leaf']) openssl('genpkey', '-algorithm', 'SM2', '-out', path(`${name}.key`))
    openssl('req', '-x509', '-new', '-key', path('root.key'), ...id, '-subj', '/CN=SM2 root', '-days', '30', '-out', path('root.pem'))
    openssl('req', '-new', '-key', path('leaf.key'), ...id, '-subj', '/CN=SM2 leaf', '-out', path('leaf.csr'))
    const issuing = [
      '-CA',
      path('root.pem'),
      '-CAkey',
      path('root.key'),
      '-set_serial',
      '77',
      '-days',
      '30',
      '-vfyopt',
      'distid:1234567812345678',
    ]
    openssl('x509', '-req', '-in', path('leaf.csr'), ...issuing, ...id, '-out', path('leaf.pem'))
    const [rootPem, leafPem] = [readFileSync(path('root.pem'), 'utf8'), readFileSync(path('leaf.pem'), 'utf8')]
    const [certificate] = certificatesFromPem(leafPem)
    await using store = await testStore('sqlite')
    await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
    await giveSigningKeys(domain.signingKeys)
    await add(domain, { pem: rootPem })
    const { trust } = domain.attestation
    const at = domain.runtime.now()
    const ask = async (der: Uint8Array) => failed(await trust.validateAk({ user: 'u', type: 'tpm_boot', leaf: der, at }))
    assert.deepEqual(await ask(certificate!.der), [])
    const altered = Buffer.from(certificate!.der)
    altered[altered.length - 1]! ^= 1
    assert.deepEqual(await ask(altered), ['signature'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
