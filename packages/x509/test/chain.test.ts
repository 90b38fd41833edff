import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sequence } from '@vouchsafe/der/writer'
import { EKU, issueCertificate, parseCertificate, validateChain } from '../src/index.ts'
import type { Certificate, ChainInput, ChainPolicy } from '../src/index.ts'
import { AFTER, AT, BEFORE, ecKey, failures, leafOf, rootCa, rsaKey, subCa } from './pki.ts'
import type { Entity } from './pki.ts'

const root = await rootCa()
const middle = await subCa(root, 'CN=Middle')
const leaf = await leafOf(middle, 'CN=leaf', { keyUsage: ['digitalSignature'] })

function validate(leafCertificate: Certificate, candidates: Certificate[], anchors: Certificate[], more: Partial<ChainInput> = {}) {
  return validateChain({ leaf: leafCertificate, candidates, anchors, at: AT, ...more })
}

function certificates(...entities: Entity[]): Certificate[] {
  return entities.map(({ certificate }) => certificate)
}

/** Failed checks of root → middle → leaf under a policy. */
function under(policy: ChainPolicy, leafEntity = leaf, middleEntity = middle): string[] {
  return failures(validate(leafEntity.certificate, certificates(middleEntity), certificates(root), { policy }))
}

test('a chain is valid, gives its path, and says what was checked of which certificate', () => {
  const result = validate(leaf.certificate, certificates(middle), certificates(root), { policy: { leafKeyUsage: ['digitalSignature'] } })
  assert.deepEqual(failures(result), [])
  assert.deepEqual(
    result.path?.map(({ subject }) => subject.text),
    ['CN=leaf', 'CN=Middle', 'CN=Root'],
  )
  const of = (subject: string): string[] => result.checks.filter((check) => check.subject === subject).map(({ name }) => name)
  assert.deepEqual(of('CN=leaf').toSorted(), [
    'basic-constraints',
    'critical-extensions',
    'key-strength',
    'key-usage',
    'signature',
    'validity',
  ])
  assert.deepEqual(of('CN=Root').toSorted(), [
    'basic-constraints',
    'chain-anchor',
    'critical-extensions',
    'key-strength',
    'key-usage',
    'name-constraints',
    'path-length',
    'validity',
  ])
})

test('candidates may come in any order, twice, and with others between', async () => {
  const lower = await subCa(middle, 'CN=Lower')
  const end = await leafOf(lower, 'CN=end')
  const result = validate(end.certificate, certificates(leaf, middle, lower, middle, root), certificates(root))
  assert.equal(result.path?.length, 4)
})

test('a chain without an anchor is refused, and the first certificate that lacks an issuer is named', async () => {
  const missing = validate(leaf.certificate, [], certificates(root))
  assert.deepEqual(
    missing.checks.filter(({ passed }) => !passed).map(({ name, subject, found }) => [name, subject, found]),
    [['chain-anchor', 'CN=leaf', 'no certificate of that issuer']],
  )
  const untrusted = validate(leaf.certificate, certificates(middle, root), [])
  assert.deepEqual(
    untrusted.checks.filter(({ passed }) => !passed).map(({ name, subject, found }) => [name, subject, found]),
    [['chain-anchor', 'CN=Root', 'not trusted']],
  )
})

test('a self-signed leaf is not its own anchor', async () => {
  const self = await rootCa('CN=self')
  assert.deepEqual(failures(validate(self.certificate, certificates(self), certificates(root), { policy: { allowCaLeaf: true } })), [
    'chain-anchor',
  ])
})

test('a leaf that is among the anchors is trusted as such, self-signed or not', async () => {
  const key = ecKey()
  const self = await issueCertificate({
    subject: 'CN=self',
    issuer: 'CN=self',
    publicKey: key,
    signer: key,
    notBefore: BEFORE,
    notAfter: AFTER,
  })
  assert.equal(validate(self, [], [self]).path?.length, 1)
  assert.equal(validate(leaf.certificate, [], certificates(leaf)).path?.length, 1)
  const sameKey = await leafOf(root, 'CN=leaf', { key: leaf.privateKey })
  assert.deepEqual(failures(validate(sameKey.certificate, [], certificates(leaf))), ['chain-anchor'])
})

test('a pinned leaf must still be valid in time', () => {
  const at = new Date(AFTER.getTime() + 1000)
  assert.deepEqual(failures(validate(leaf.certificate, [], certificates(leaf), { at })), ['validity'])
})

test('a pinned certificate that is no CA issues nothing', async () => {
  const key = ecKey()
  const pinned = await issueCertificate({
    subject: 'CN=pin',
    issuer: 'CN=pin',
    publicKey: key,
    signer: key,
    notBefore: BEFORE,
    notAfter: AFTER,
  })
  const forged = await leafOf({ certificate: pinned, privateKey: key }, 'CN=forged')
  assert.deepEqual(failures(validate(forged.certificate, [], [pinned])), ['basic-constraints'])
})

test('an intermediate among the anchors is no anchor, but may be used on the way', () => {
  assert.deepEqual(failures(validate(leaf.certificate, [], certificates(middle))), ['chain-anchor'])
  assert.equal(validate(leaf.certificate, [], certificates(middle, root)).path?.length, 3)
})

test('every certificate of the path must be valid at the time', async () => {
  const late = new Date('2026-09-01T00:00:00Z')
  for (const [entities, at] of [
    [await chainWith({ root: { notAfter: AT } }), late],
    [await chainWith({ middle: { notAfter: AT } }), late],
    [await chainWith({ leaf: { notAfter: AT } }), late],
    [await chainWith({ middle: { notBefore: late } }), AT],
  ] as const) {
    const [end, sub, top] = certificates(...entities)
    assert.deepEqual(failures(validate(end!, [sub!], [top!], { at })), ['validity'])
    assert.deepEqual(failures(validate(end!, [sub!], [top!], { at: at === late ? AT : late })), [])
  }
  assert.deepEqual(failures(validate(leaf.certificate, certificates(middle), certificates(root), { at: BEFORE })), [])
  assert.deepEqual(failures(validate(leaf.certificate, certificates(middle), certificates(root), { at: AFTER })), [])
})

async function chainWith(overrides: { root?: object; middle?: object; leaf?: object }): Promise<[Entity, Entity, Entity]> {
  const top = await rootCa('CN=Top', overrides.root)
  const sub = await subCa(top, 'CN=Sub', overrides.middle)
  return [await leafOf(sub, 'CN=end', overrides.leaf), sub, top]
}

test('a CA must be one, and allowed to sign certificates', async () => {
  const cases: [overrides: object, failed: string[]][] = [
    [{ basicConstraints: undefined }, ['basic-constraints']],
    [{ basicConstraints: { ca: false } }, ['basic-constraints']],
    [{ keyUsage: ['digitalSignature', 'cRLSign'] }, ['key-usage']],
    [{ keyUsage: undefined }, []],
    [{ version: 1, basicConstraints: undefined, keyUsage: undefined }, ['basic-constraints']],
  ]
  for (const [overrides, failed] of cases) {
    const [end, sub, top] = certificates(...(await chainWith({ middle: overrides })))
    assert.deepEqual(failures(validate(end!, [sub!], [top!])), failed, JSON.stringify(overrides))
  }
})

test('the leaf may be a CA only where the policy says so', async () => {
  const end = await leafOf(middle, 'CN=ca', { basicConstraints: { ca: true } })
  assert.deepEqual(under({}, end), ['basic-constraints'])
  assert.deepEqual(under({ allowCaLeaf: true }, end), [])
})

test("the leaf's usages must include what the policy asks, if it restricts them", async () => {
  const free = await leafOf(middle, 'CN=free')
  const both = await leafOf(middle, 'CN=both', {
    keyUsage: ['digitalSignature', 'keyAgreement'],
    extendedKeyUsage: [EKU.tcgAikCertificate],
  })
  const any = await leafOf(middle, 'CN=any', { extendedKeyUsage: [EKU.any] })
  assert.deepEqual(under({ leafKeyUsage: ['digitalSignature'] }, both), [])
  assert.deepEqual(under({ leafKeyUsage: ['digitalSignature', 'keyCertSign'] }, both), ['key-usage'])
  assert.deepEqual(under({ leafKeyUsage: ['digitalSignature'], leafExtendedKeyUsage: [EKU.clientAuth] }, free), [])
  assert.deepEqual(under({ leafExtendedKeyUsage: [EKU.clientAuth, EKU.tcgAikCertificate] }, both), [])
  assert.deepEqual(under({ leafExtendedKeyUsage: [EKU.clientAuth] }, both), ['extended-key-usage'])
  assert.deepEqual(under({ leafExtendedKeyUsage: [EKU.clientAuth] }, any), ['extended-key-usage'])
})

test('a CA that restricts extended usages must allow the one that is asked for', async () => {
  const policy = { leafExtendedKeyUsage: [EKU.clientAuth] }
  for (const [usages, failed] of [
    [[EKU.serverAuth], ['extended-key-usage']],
    [[EKU.serverAuth, EKU.clientAuth], []],
    [[EKU.any], []],
  ] as const) {
    const [end, sub, top] = certificates(...(await chainWith({ middle: { extendedKeyUsage: usages } })))
    assert.deepEqual(failures(validate(end!, [sub!], [top!], { policy })), failed)
  }
})

test('a path length counts the CAs below, but not those that renew their own key', async () => {
  const top = await rootCa('CN=Top', { pathLength: 1 })
  const one = await subCa(top, 'CN=One', { basicConstraints: { ca: true, pathLength: 0 } })
  const renewed = await subCa(one, 'CN=One', { basicConstraints: { ca: true, pathLength: 0 } })
  const two = await subCa(one, 'CN=Two')
  const below = (entity: Entity): Promise<Entity> => leafOf(entity, 'CN=end')
  const all = certificates(one, renewed, two)
  assert.deepEqual(failures(validate((await below(one)).certificate, all, certificates(top))), [])
  assert.equal(validate((await below(renewed)).certificate, all, certificates(top)).path?.length, 4)
  assert.deepEqual(failures(validate((await below(two)).certificate, all, certificates(top))), ['path-length'])
})

test('unknown critical extensions fail the chain in any certificate, unless the caller handles them', async () => {
  const unknown = { extensions: [{ oid: '1.2.3.4', critical: true, value: sequence() }] }
  for (const overrides of [{ leaf: unknown }, { middle: unknown }]) {
    const [end, sub, top] = certificates(...(await chainWith(overrides)))
    assert.deepEqual(failures(validate(end!, [sub!], [top!])), ['critical-extensions'])
    assert.deepEqual(failures(validate(end!, [sub!], [top!], { policy: { handledExtensions: ['1.2.3.4'] } })), [])
  }
})

test('a CA with name constraints is refused, critical or not', async () => {
  for (const critical of [true, false]) {
    const constrained = { extensions: [{ oid: '2.5.29.30', critical, value: sequence() }] }
    const [end, sub, top] = certificates(...(await chainWith({ middle: constrained })))
    assert.deepEqual(failures(validate(end!, [sub!], [top!])), ['name-constraints'])
  }
})

test('weak keys and weak hashes are refused', async () => {
  const weak = await leafOf(middle, 'CN=weak', { key: rsaKey(1024) })
  assert.deepEqual(under({}, weak), ['key-strength'])
  assert.deepEqual(under({ minRsaBits: 1024 }, weak), [])
})

test('a signature that does not verify fails the chain', () => {
  const altered = Buffer.from(leaf.certificate.der)
  altered[altered.length - 1]! ^= 1
  const result = validate(parseCertificate(altered), certificates(middle), certificates(root))
  assert.deepEqual(failures(result), ['signature'])
  assert.equal(result.checks.find(({ passed }) => !passed)?.found, 'signature does not verify')
})

test('key identifiers that contradict each other make no link', async () => {
  const sameName = await subCa(root, 'CN=Middle')
  assert.deepEqual(failures(validate(leaf.certificate, certificates(sameName), certificates(root))), ['chain-anchor'])
})

test('names link whatever their encoding, and never by their text alone', async () => {
  const upper = await leafOf(middle, 'CN=leaf', { issuer: 'CN=MIDDLE' })
  assert.deepEqual(under({}, upper), [])
  const comma = await subCa(root, 'CN=Middle\\, O=x')
  const end = await leafOf(comma, 'CN=end', { issuer: 'CN=Middle,O=x' })
  assert.deepEqual(under({}, end, comma), ['chain-anchor'])
})

test('CAs that issue each other end in a refusal, and do not keep a good path from being found', async () => {
  const a = await subCa(root, 'CN=A')
  const b = await subCa(a, 'CN=B')
  const loop = await issueCertificate({
    subject: 'CN=A',
    issuer: b.certificate,
    publicKey: a.privateKey,
    signer: b.privateKey,
    notBefore: BEFORE,
    notAfter: AFTER,
    basicConstraints: { ca: true },
  })
  const end = (await leafOf(b, 'CN=end')).certificate
  assert.deepEqual(failures(validate(end, [loop, b.certificate], certificates(root))), ['chain-anchor'])
  assert.equal(validate(end, [loop, b.certificate, a.certificate], certificates(root)).path?.length, 4)
})

test('a later candidate of the same name does not take a success back, wherever it stands', async () => {
  const expired = await subCa(root, 'CN=Middle', { key: middle.privateKey, notAfter: BEFORE })
  const notCa = await leafOf(root, 'CN=Middle', { key: middle.privateKey })
  const otherRoot = await rootCa('CN=Root')
  const others = certificates(expired, notCa, otherRoot)
  for (const candidates of [
    [middle.certificate, ...others],
    [...others, middle.certificate],
    [others[0]!, middle.certificate, others[1]!],
  ])
    assert.equal(validate(leaf.certificate, candidates, certificates(otherRoot, root)).path?.at(-1), root.certificate)
})

test('a path has at most eight certificates', async () => {
  const chain = [root]
  for (let depth = 1; depth <= 7; depth++) chain.push(await subCa(chain.at(-1)!, `CN=Depth ${depth}`))
  const eight = await leafOf(chain[6]!, 'CN=eighth')
  const nine = await leafOf(chain[7]!, 'CN=ninth')
  const candidates = certificates(...chain.slice(1))
  assert.equal(validate(eight.certificate, candidates, certificates(root)).path?.length, 8)
  const refused = validate(nine.certificate, candidates, certificates(root))
  assert.deepEqual(failures(refused), ['chain-anchor'])
  assert.equal(refused.checks.at(-1)?.found, 'none within 8 certificates')
})

test('many candidates of one name cost at most 64 signatures, and the trusted ones are tried first', async () => {
  const noKeyId = (subject: string, key = ecKey()): Promise<Certificate> =>
    issueCertificate({ subject, issuer: 'CN=Crowd', publicKey: key, signer: key, version: 1, notBefore: BEFORE, notAfter: AFTER })
  const crowd = await Promise.all(Array.from({ length: 200 }, () => noKeyId('CN=Crowd')))
  const good = await rootCa('CN=Crowd')
  const end = await leafOf(good, 'CN=end', { issuer: good.certificate.subject })
  assert.equal(validate(end.certificate, crowd, certificates(good)).path?.length, 2)
  const lost = validate(end.certificate, crowd, certificates(root))
  assert.deepEqual(failures(lost), ['signature', 'chain-anchor'])
  assert.equal(lost.checks.at(-1)?.found, 'gave up')
})

test('a mesh of CAs that all issue each other costs bounded work', async () => {
  const keys = Array.from({ length: 6 }, () => ecKey())
  const mesh: Certificate[] = []
  for (const [i, key] of keys.entries())
    for (const [j, signer] of keys.entries())
      if (i !== j)
        mesh.push(
          await issueCertificate({
            subject: `CN=Mesh ${i}`,
            issuer: `CN=Mesh ${j}`,
            publicKey: key,
            signer,
            notBefore: BEFORE,
            notAfter: AFTER,
            basicConstraints: { ca: true },
          }),
        )
  const end = await issueCertificate({
    subject: 'CN=end',
    issuer: 'CN=Mesh 0',
    publicKey: ecKey(),
    signer: keys[0]!,
    notBefore: BEFORE,
    notAfter: AFTER,
  })
  const result = validate(end, mesh, certificates(root))
  assert.deepEqual(failures(result), ['chain-anchor'])
  assert.equal(result.checks.at(-1)?.found, 'gave up')
})

test('an empty subject and issuer do not break the search', async () => {
  const nameless = await leafOf(root, '', { issuer: '' })
  const result = validate(nameless.certificate, [], certificates(root))
  assert.deepEqual(failures(result), ['chain-anchor'])
  assert.match(result.checks[0]!.subject, /^serial number [0-9a-f]+$/)
})
