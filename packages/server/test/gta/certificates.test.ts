// `cert` over HTTP: the document's samples, every rule of the contract (§4), roles, and what both dialects send.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { certificatesFromPem, issueCertificate } from '@vouchsafe/x509'
import { ask, PREFIX, type Answer } from '@vouchsafe/testkit/authority'
import { giveSigningKeys, makeApiKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { pkiAt, type Entity } from '@vouchsafe/testkit/pki'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import { pinnedRuntime } from '../support/runtime.ts'

const OTHER_PREFIX = '/global-trust-authority/service/v1'
const samples = JSON.parse(readFileSync(new URL('samples/certificates.json', import.meta.url), 'utf8'))
const NOW = Date.now()
const pki = pkiAt(NOW)
const root = await pki.root('C=CN,O=Example,CN=Root')

let server: TestServer
before(async () => {
  server = await startTestServer()
  await giveSigningKeys(server.server.context.signingKeys)
})
after(() => server[Symbol.asyncDispose]())

let users = 0
/** A user without anything. */
function newUser(): string {
  return `user ${++users}`
}

function call(user: string, method: string, body?: unknown, query = '', url = server.url): Promise<Answer> {
  return ask(url, method, `cert${query}`, { user, ...(body === undefined ? {} : { body }) })
}

async function succeed(answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await answer
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

async function refuse(answer: Promise<Answer>, status: number, message: RegExp): Promise<void> {
  const { status: given, body } = await answer
  assert.deepEqual([given, Object.keys(body)], [status, ['message']])
  assert.match(body.message, message)
}

async function add(user: string, entity: Pick<Entity, 'pem'>, fields: object = {}): Promise<string> {
  const { cert } = await succeed(call(user, 'POST', { name: 'root', type: ['tpm_boot'], content: entity.pem, ...fields }))
  return (cert as { cert_id: string }).cert_id
}

eachDatabase('the document’s samples of a certificate: add, update, query and delete, under both prefixes', async (store) => {
  await using own = await startTestServer(store.location)
  await giveSigningKeys(own.server.context.signingKeys)
  for (const [index, prefix] of [PREFIX, OTHER_PREFIX].entries()) {
    const user = `test_0${index}`
    const to = (method: string, body?: unknown, query = '') =>
      succeed(ask(own.url, method, `${prefix}/cert${query}`, { user, ...(body === undefined ? {} : { body }) }))
    const { cert } = (await to('POST', samples.addCertificate)) as unknown as typeof samples.addCertificateAnswer
    assert.match(cert.cert_id, /^[0-9a-f]{12}5[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
    assert.deepEqual(cert, { ...samples.addCertificateAnswer.cert, cert_id: cert.cert_id })
    const updated = await to('PUT', samples.updateCertificate)
    assert.deepEqual(updated, { cert: { ...samples.updateCertificateAnswer.cert, cert_id: cert.cert_id } })
    const { certs } = (await to('GET', undefined, `?ids=${cert.cert_id}`)) as unknown as typeof samples.queryCertificateAnswer
    const expected = samples.queryCertificateAnswer.certs[0]
    const { create_time, update_time, not_after, ...rest } = certs[0]
    assert.deepEqual(rest, {
      ...Object.fromEntries(Object.entries(expected).filter(([name]) => !name.endsWith('_time'))),
      cert_id: cert.cert_id,
      version: 2,
      is_default: true,
    })
    assert.ok(create_time <= update_time && Math.abs(update_time - Date.now()) < 60_000)
    assert.equal(not_after, Date.parse('2055-04-21T09:21:09Z'))
    assert.deepEqual(await to('GET'), { certs: [{ cert_id: cert.cert_id, cert_name: 'root.crt.refvalue', version: 2 }] })
    assert.deepEqual(await to('DELETE', { ...samples.deleteCertificate, ids: [cert.cert_id] }), {})
    assert.deepEqual(await to('GET'), { certs: [] })
  }
})

test('the document’s sample of a CRL is refused, since it has expired, and says so', async () => {
  await refuse(call(newUser(), 'POST', samples.addCrl), 400, /^CRL next update time is timeout: crl_content .* 2025-06-25/)
})

eachDatabase('a CRL is added, replaced, queried and deleted, by the names of document and code', async (store) => {
  await using own = await startTestServer(store.location)
  await giveSigningKeys(own.server.context.signingKeys)
  const to = (method: string, body?: unknown, query = '') => call('u', method, body, query, own.url)
  await succeed(to('POST', { name: 'root', type: 'tpm_boot', content: root.pem }))
  const content = await pki.crl(root)
  const { crl } = (await succeed(
    to('POST', { name: 'crl.pem', type: ['crl'], crl_content: content }),
  )) as unknown as typeof samples.addCrlAnswer
  assert.match(crl.crl_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
  assert.equal(crl.crl_name, 'crl.pem')
  const newer = await pki.crl(root, [], { number: 2 })
  const again = await succeed(to('POST', { name: 'crl.pem', type: 'crl', cert_revoked_list: newer, content: null }))
  assert.deepEqual(again, { crl })
  const view = { crl_id: crl.crl_id, crl_name: 'crl.pem', crl_content: newer, valid_code: 0, stale: false }
  assert.deepEqual(await succeed(to('GET', undefined, '?cert_type=crl')), { crls: [view] })
  assert.deepEqual(await succeed(to('GET', undefined, `?cert_type=crl&ids=${crl.crl_id}`)), { crls: [view] })
  assert.deepEqual(await succeed(to('GET', undefined, '?cert_type=crl&ids=other')), { crls: [] })
  assert.deepEqual(await succeed(to('DELETE', { delete_type: 'all' })), {})
  assert.equal((await succeed(to('GET', undefined, '?cert_type=crl')).then(({ crls }) => crls as unknown[])).length, 1)
  assert.deepEqual(await succeed(to('DELETE', { type: 'crl', ids: [crl.crl_id] })), {})
  assert.deepEqual(await succeed(to('GET', undefined, '?cert_type=crl')), { crls: [] })
})

test('a query by ids shows revocation in seconds and by the reason’s number, and expiry', async () => {
  const runtime = pinnedRuntime(NOW)
  await using own = await startTestServer({ runtime })
  await giveSigningKeys(own.server.context.signingKeys)
  const to = (method: string, body?: unknown, query = '') => succeed(call('u', method, body, query, own.url))
  const leaf = await pki.leaf(root)
  await to('POST', { name: 'root', type: 'tpm_boot', content: root.pem })
  const { cert } = await to('POST', { name: 'leaf', type: 'policy', content: leaf.pem })
  const date = new Date('2026-01-02T03:04:05Z')
  const revoked = [{ serialNumber: leaf.certificate.serialNumber, date, reason: 'keyCompromise' as const }]
  await to('POST', { name: 'l', type: 'crl', crl_content: await pki.crl(root, [], { revoked }) })
  const view = async () => {
    const { certs } = await to('GET', undefined, `?ids=${(cert as { cert_id: string }).cert_id}`)
    const { valid_code, valid_reason, cert_revoked_date, cert_revoked_reason } = (certs as unknown as Record<string, unknown>[])[0]!
    return [valid_code, valid_reason, cert_revoked_date, cert_revoked_reason]
  }
  assert.deepEqual(await view(), [2, 'revoked', date.getTime() / 1000, '1'])
  await to('DELETE', { type: 'crl' })
  assert.deepEqual(await view(), [0, undefined, undefined, undefined])
  runtime.advance(101 * 24 * 60 * 60 * 1000)
  assert.deepEqual(await view(), [2, 'expired', undefined, undefined])
})

test('a certificate serves one or several uses, once each, and is found by each of them', async () => {
  const user = newUser()
  const id = await add(user, root, { type: ['tpm_ima', 'tpm_boot', 'tpm_ima'] })
  const other = await add(user, await pki.root('CN=Other'), { name: 'other', type: 'tpm_ek' })
  const ids = async (type: string) =>
    ((await succeed(call(user, 'GET', undefined, `?cert_type=${type}`))) as unknown as { certs: { cert_id: string }[] }).certs.map(
      ({ cert_id }) => cert_id,
    )
  assert.deepEqual([await ids('tpm_ima'), await ids('tpm_boot'), await ids('tpm_ek'), await ids('policy')], [[id], [id], [other], []])
  const { certs } = await succeed(call(user, 'GET', undefined, `?ids=${id},${other}&cert_type=policy`))
  assert.deepEqual(
    (certs as { cert_type: string[] }[]).map(({ cert_type }) => cert_type),
    [['tpm_ek'], ['tpm_ima', 'tpm_boot']],
  )
  await succeed(call(user, 'DELETE', { delete_type: 'type', type: 'tpm_boot' }))
  assert.deepEqual(await ids('tpm_ima'), [])
  assert.deepEqual(await ids('tpm_ek'), [other])
})

test('what is taken answers 409, in the words of the original', async () => {
  const user = newUser()
  const taken = /^User has reached the maximum number of cert or cert name or cert is exist, please retry!$/
  const id = await add(user, root)
  await refuse(call(user, 'POST', { name: 'again', type: 'policy', content: root.pem }), 409, taken)
  await refuse(call(user, 'POST', { name: 'root', type: 'policy', content: (await pki.root()).pem }), 409, taken)
  const other = await add(user, await pki.root('CN=Other'), { name: 'other' })
  await refuse(call(user, 'PUT', { id: other, name: 'root' }), 409, /^Name is duplicated$/)
  assert.deepEqual(await succeed(call(user, 'PUT', { id: other, name: 'other', type: 'policy' })), {
    cert: { cert_id: other, cert_name: 'other', version: 2 },
  })
  assert.deepEqual(await succeed(call(user, 'PUT', { id, description: 'ours' })), { cert: { cert_id: id, version: 2 } })
})

const content = root.pem
const REFUSALS: readonly [name: string, method: string, body: unknown, message: RegExp][] = [
  ['no name', 'POST', { type: 'policy', content }, /^name is required$/],
  ['an empty name', 'POST', { name: '', type: 'policy', content }, /^name must/],
  ['a name of 256 characters', 'POST', { name: 'n'.repeat(256), type: 'policy', content }, /^name must/],
  ['a name with U+0000', 'POST', { name: 'a\u0000', type: 'policy', content }, /^name has characters/],
  ['a name that is half a character', 'POST', { name: '\ud800', type: 'policy', content }, /^name is not well-formed/],
  ['a description of 513 characters', 'POST', { name: 'n', type: 'policy', content, description: 'd'.repeat(513) }, /^description must/],
  ['no type', 'POST', { name: 'n', content }, /^type is required$/],
  ['an unknown type', 'POST', { name: 'n', type: 'tpm', content }, /^Invalid certificate type: type is none of/],
  ['an unknown type among others', 'POST', { name: 'n', type: ['policy', ''], content }, /^Invalid certificate type/],
  ['no types', 'POST', { name: 'n', type: [], content }, /^type /],
  ['crl beside another type', 'POST', { name: 'n', type: ['crl', 'policy'], content }, /type can only be crl$/],
  ['a certificate without content', 'POST', { name: 'n', type: 'policy' }, /^Content are required for this type/],
  ['a certificate with null for content', 'POST', { name: 'n', type: 'policy', content: null }, /^Content are required/],
  ['a CRL without content', 'POST', { name: 'n', type: 'crl', content }, /^Cert revoked list is required for CRL type/],
  [
    'content that is no certificate',
    'POST',
    { name: 'n', type: 'policy', content: 'PEM' },
    /^The imported certificate is invalid\. content: /,
  ],
  ['content with U+0000', 'POST', { name: 'n', type: 'policy', content: `a\u0000${content}` }, /content: it is not well-formed text$/],
  ['content that is too long', 'POST', { name: 'n', type: 'policy', content: ' '.repeat(131_073) }, /longer than 131072 characters$/],
  ['a CRL with half a character', 'POST', { name: 'n', type: 'crl', crl_content: '\ud800' }, /^crl_content is not well-formed text$/],
  ['a CRL that is none', 'POST', { name: 'n', type: 'crl', crl_content: content }, /^crl_content: PEM: 0 blocks X509 CRL/],
  ['is_default that is no boolean', 'POST', { name: 'n', type: 'policy', content, is_default: 'yes' }, /^is_default /],
  ['no object', 'POST', [], /^the body must be an object$/],
  ['content in an update', 'PUT', { id: 'a', content }, /not supported to pass in the content field$/],
  ['an update without id and name', 'PUT', { description: 'x' }, /^id is required$/],
  ['an id of 33 characters', 'PUT', { id: 'a'.repeat(33), name: 'n' }, /^id must/],
  ['an update of nothing', 'PUT', { id: 'a' }, /^there is no field need to be updated$/],
  ['an update of what is not there', 'PUT', { id: 'a', name: 'n' }, /^No corresponding certificate found$/],
  ['crl as an update’s type', 'PUT', { id: 'a', type: 'crl' }, /^Invalid certificate type/],
  ['a removal of nothing', 'DELETE', {}, /^Delete type is empty$/],
  ['an unknown way to remove', 'DELETE', { delete_type: 'some' }, /^delete_type /],
  ['a removal by ids without ids', 'DELETE', { delete_type: 'id' }, /^IDs not set$/],
  ['a removal by no ids', 'DELETE', { delete_type: 'id', ids: [] }, /^IDs not set$/],
  ['a removal of 11', 'DELETE', { delete_type: 'id', ids: Array(11).fill('a') }, /^IDs exceed maximum limit of 10$/],
  ['a removal of 11 CRLs', 'DELETE', { type: 'crl', ids: Array(11).fill('a') }, /^IDs exceed maximum limit of 10$/],
  ['a removal by type without type', 'DELETE', { delete_type: 'type' }, /^certificate type not set$/],
  ['a removal by an unknown type', 'DELETE', { delete_type: 'type', type: 'x' }, /^Invalid certificate type/],
]

for (const [name, method, body, message] of REFUSALS) test(`refused: ${name}`, () => refuse(call('refused', method, body), 400, message))

test('queries are refused: 101 ids, an unknown type', async () => {
  const ids = (count: number) => `?ids=${Array(count).fill('a').join(',')}`
  assert.deepEqual(await succeed(call('nobody', 'GET', undefined, ids(100))), { certs: [] })
  await refuse(call('nobody', 'GET', undefined, ids(101)), 400, /^IDs exceed maximum limit of 100$/)
  await refuse(call('nobody', 'GET', undefined, '?cert_type=x'), 400, /^Invalid certificate type/)
  assert.deepEqual(await succeed(call('nobody', 'GET', undefined, '?ids=a&ids=b,c')), { certs: [] })
  assert.deepEqual(await succeed(call('nobody', 'GET', undefined, '?ids=')), { certs: [] })
})

test('a CRL of another than the user’s own CAs is refused, over HTTP too', async () => {
  const user = newUser()
  const crl = { name: 'l', type: 'crl', crl_content: await pki.crl(root) }
  await refuse(call(user, 'POST', crl), 400, /no certificate of yours has the CRL's issuer/)
  await add(newUser(), root)
  await refuse(call(user, 'POST', crl), 400, /no certificate of yours has the CRL's issuer/)
})

test('attesters may do nothing here, auditors may look, owners may do all, and nobody sees what others have', async () => {
  const [mine, theirs] = ['role owner', 'role other']
  const keys = Object.fromEntries(
    await Promise.all((['attester', 'auditor', 'owner'] as const).map(async (role) => [role, await makeApiKey(server, mine, role)])),
  ) as Record<string, string>
  const id = await add(theirs, root)
  const calls: [method: string, body: unknown, query: string][] = [
    ['POST', { name: 'root', type: 'policy', content }, ''],
    ['GET', undefined, `?ids=${id}`],
    ['PUT', { id, name: 'mine' }, ''],
    ['DELETE', { delete_type: 'id', ids: [id] }, ''],
  ]
  const statuses = (apiKey: string) =>
    Promise.all(
      calls.map(async ([method, body, query]) => {
        const { status } = await ask(server.url, method, `cert${query}`, { apiKey, ...(body === undefined ? {} : { body }) })
        return status
      }),
    )
  assert.deepEqual(await statuses(keys.attester!), [403, 403, 403, 403])
  assert.deepEqual(await statuses(keys.auditor!), [403, 200, 403, 403])
  assert.deepEqual(await statuses(keys.owner!), [200, 200, 400, 200])
  const found = await succeed(ask(server.url, 'GET', `cert?ids=${id}`, { apiKey: keys.owner! }))
  assert.deepEqual(found, { certs: [] })
  const { certs } = await succeed(call(theirs, 'GET', undefined, `?ids=${id}`))
  assert.equal((certs as { cert_name: string }[])[0]?.cert_name, 'root')
})

test('what was acknowledged is there after a restart', async () => {
  await using first = await startTestServer()
  await giveSigningKeys(first.server.context.signingKeys)
  await succeed(call('u', 'POST', { name: 'root', type: 'tpm_boot', content }, '', first.url))
  await succeed(call('u', 'POST', { name: 'l', type: 'crl', crl_content: await pki.crl(root) }, '', first.url))
  await first.server[Symbol.asyncDispose]()
  await using second = await startTestServer({ dataDir: first.dataDir })
  const leaf = await pki.leaf(root)
  const { trust } = second.server.context.attestation
  const verdict = await trust.validateAk({ user: 'u', type: 'tpm_boot', leaf: leaf.certificate.der, at: NOW })
  assert.equal(verdict.valid, true)
  assert.ok(verdict.checks.some(({ name }) => name === 'crl_signature'))
})

test('the attestation key of the document’s evidence attests below a CA of the user’s, and not below the document’s own', async () => {
  const { trust } = server.server.context.attestation
  const user = newUser()
  await succeed(call(user, 'POST', samples.addCertificate))
  const sample = certificatesFromPem(samples.addCertificate.content)[0]!
  const leaf = await pki.leaf(root, 'CN=TPM AK,O=My Organization,C=CN')
  const ask = async (der: Uint8Array) => (await trust.validateAk({ user, type: 'tpm_boot', leaf: der, at: NOW })).valid
  assert.equal(await ask(leaf.certificate.der), false)
  const forged = await issueCertificate({
    subject: 'CN=TPM AK',
    issuer: sample,
    publicKey: leaf.privateKey,
    signer: leaf.privateKey,
    notBefore: leaf.certificate.notBefore,
    notAfter: leaf.certificate.notAfter,
  })
  assert.equal(await ask(forged.der), false)
  await add(user, root, { name: 'test CA' })
  assert.equal(await ask(leaf.certificate.der), true)
})
