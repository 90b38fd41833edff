// Tokens: contract §11, the document's table, decisions "Tokens".
import assert from 'node:assert/strict'
import { createHmac, sign } from 'node:crypto'
import { test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { giveSigningKeys, restrictedPrivateKey } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import type { TokenContent } from '../../src/attestation/tokens.ts'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../src/signing-keys/signature.ts'
import { openDomain, type Domain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { operatorCall } from '@vouchsafe/testkit/callers'

async function open(store: TestStore, tokenAlgorithm: SignatureAlgorithm = 'RS256', runtime = pinnedRuntime()) {
  const domain = await openDomain({
    storage: await store.open(),
    dataDir: store.location.dataDir,
    runtime,
    signingKeys: { tokenAlgorithm },
  })
  if (!tokenAlgorithm.startsWith('ES')) await giveSigningKeys(domain.signingKeys)
  return domain
}

const MATCHED = { id: 'p1', version: 3, matched: true, customData: { a: [1] } }
const CONTENT: TokenContent = {
  tenant: 'user one',
  nodeId: 'node',
  nonceType: 'ignore',
  attesters: { tpm_boot: { policies: [MATCHED], exported: { secure_boot: 'enabled', is_log_valid: true } } },
}

function decode(token: string): { header: Record<string, unknown>; body: Record<string, unknown> } {
  const [header, body] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>)
  return { header: header!, body: body! }
}

/** A token of any header and claims, signed by the current TSK. */
async function forge({ signingKeys }: Domain, header: object, claims: object): Promise<string> {
  const key = await signingKeys.current('TSK')
  const text = [{ typ: 'JWT', alg: 'RS256', kid: key.kid, ...header }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${sign('sha256', Buffer.from(text), key.privateKey).toString('base64url')}`
}

for (const algorithm of SIGNATURE_ALGORITHMS) {
  test(`${algorithm}: jose verifies a token from the JWKS alone`, async () => {
    await using store = await testStore('sqlite')
    await using domain = await open(store, algorithm)
    const token = await domain.attestation.tokens.issue(CONTENT)
    const jwks = createLocalJWKSet(JSON.parse(JSON.stringify(await domain.signingKeys.jwks())))
    const options = { algorithms: [algorithm], issuer: 'https://vouchsafe.example', currentDate: new Date(domain.runtime.now()) }
    const { payload, protectedHeader } = await jwtVerify(token, jwks, options)
    assert.equal(payload['ueid'], 'node')
    assert.equal(protectedHeader.kid, (await domain.signingKeys.current('TSK')).kid)
    assert.equal((await domain.attestation.tokens.verify(token, 'user one')).passed, true)
    const [head, body, signature] = token.split('.')
    const other = Buffer.from(body!, 'base64url').toString().replace('"node"', '"evil"')
    await assert.rejects(jwtVerify(`${head}.${Buffer.from(other).toString('base64url')}.${signature}`, jwks, options))
  })
}

test('an RSA-PSS-restricted key of another installation signs tokens that jose verifies', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store, 'PS256')
  await domain.signingKeys.import(operatorCall(), 'TSK', restrictedPrivateKey())
  const token = await domain.attestation.tokens.issue(CONTENT)
  const jwks = createLocalJWKSet(JSON.parse(JSON.stringify(await domain.signingKeys.jwks())))
  await jwtVerify(token, jwks, { currentDate: new Date(domain.runtime.now()) })
})

eachDatabase('the claims are those of the document and our own, in seconds', async (store) => {
  const runtime = pinnedRuntime(1_800_000_000_999)
  await using domain = await open(store, 'RS256', runtime)
  const { tokens } = domain.attestation
  const nonce = { iat: 1, value: 'v', signature: 's' }
  const content = { ...CONTENT, nonceType: 'default' as const, nonce, attesterData: { x: 1 }, explanation: [] }
  const { header, body } = decode(await tokens.issue(content))
  const { kid } = await domain.signingKeys.current('TSK')
  assert.deepEqual(header, { typ: 'JWT', alg: 'RS256', jku: 'https://vouchsafe.example/.well-known/jwks.json', kid })
  const { jti, verifier_id, ...claims } = body
  assert.deepEqual(claims, {
    intuse: 'Generic',
    eat_nonce: nonce,
    nonce_type: 'default',
    attester_data: { x: 1 },
    attester_data_bound: false,
    ueid: 'node',
    tenant: 'user one',
    status: 'pass',
    tpm_boot: {
      secure_boot: 'enabled',
      is_log_valid: true,
      attestation_status: 'pass',
      policy_info: [
        { appraisal_policy_id: 'p1', policy_version: 3, policy_matched: true, attestation_valid: true, custom_data: { a: [1] } },
      ],
    },
    explanation: [],
    iat: 1_800_000_000,
    exp: 1_800_000_600,
    nbf: 1_800_000_000,
    iss: 'https://vouchsafe.example',
    eat_profile: 'urn:test',
    ver: '1.0',
  })
  const again = decode(await tokens.issue(CONTENT)).body
  assert.notEqual(again.jti, jti)
  assert.equal(again.verifier_id, verifier_id)
  await using other = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  assert.equal(decode(await other.attestation.tokens.issue(CONTENT)).body.verifier_id, verifier_id, 'one installation, one id')
})

test('the status passes only if every attester does; without policies it is unknown, which fails', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const result = (...matched: boolean[]) => ({
    policies: matched.map((each, i) => ({ id: `${i}`, version: 1, matched: each })),
    exported: {},
  })
  const statusOf = async (attesters: TokenContent['attesters']) => {
    const { body } = decode(await domain.attestation.tokens.issue({ ...CONTENT, attesters }))
    return [body.status, ...Object.keys(attesters).map((type) => (body[type] as Record<string, unknown>).attestation_status)]
  }
  assert.deepEqual(await statusOf({ tpm_boot: result(true, true) }), ['pass', 'pass'])
  assert.deepEqual(await statusOf({ tpm_boot: result(true, false) }), ['fail', 'fail'])
  assert.deepEqual(await statusOf({ tpm_boot: result() }), ['fail', 'unknown'])
  assert.deepEqual(await statusOf({ tpm_boot: result(true), tpm_ima: result() }), ['fail', 'pass', 'unknown'])
  assert.deepEqual(await statusOf({ tpm_boot: result(true), tpm_ima: result(true) }), ['pass', 'pass', 'pass'])
})

test("an export policy can't take the place of our own members", async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const exported = { attestation_status: 'pass', policy_info: 'none', x: 1 }
  const attesters = { tpm_boot: { policies: [{ ...MATCHED, matched: false }], exported } }
  const { body } = decode(await domain.attestation.tokens.issue({ ...CONTENT, attesters }))
  const claim = body.tpm_boot as Record<string, unknown>
  assert.deepEqual([claim.attestation_status, claim.x, Array.isArray(claim.policy_info)], ['fail', 1, true])
})

test('a token that is too long to be verified here is refused', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const { tokens } = domain.attestation
  await assert.rejects(tokens.issue({ ...CONTENT, attesterData: 'x'.repeat(800_000) }), { code: 'invalid_parameter' })
  assert.ok(await tokens.issue({ ...CONTENT, attesterData: 'x'.repeat(700_000) }))
})

test('verification says which check failed, and shows no claims of a token that fails', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime(1_800_000_000_000)
  await using domain = await open(store, 'RS256', runtime)
  const { tokens } = domain.attestation
  const token = await tokens.issue(CONTENT)
  const { body: claims } = decode(token)
  const now = 1_800_000_000
  const publicPem = (await domain.signingKeys.current('TSK')).publicKey.export({ format: 'pem', type: 'spki' })
  const { kid } = await domain.signingKeys.current('TSK')
  const hs = [{ typ: 'JWT', alg: 'HS256', kid }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const none = [{ typ: 'JWT', alg: 'none', kid }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const cases: [string, string][] = [
    ['format', 'x'],
    ['format', ''],
    ['format', 'a.b'],
    ['format', `${token}.x`],
    ['format', `e30.e30.`],
    ['format', `${Buffer.from('[]').toString('base64url')}.e30.AAAA`],
    ['format', token.replace('.', '=.')],
    ['kid', 'e30.e30.AAAA'],
    ['kid', await forge(domain, { kid: 'other' }, claims)],
    ['kid', await forge(domain, { kid: 1 }, claims)],
    ['alg', `${hs}.${createHmac('sha256', publicPem).update(hs).digest('base64url')}`],
    ['alg', `${none}.AAAA`],
    ['alg', await forge(domain, { alg: 'ES256' }, claims)],
    ['signature', `${token.slice(0, -8)}AAAAAAAA`],
    ['signature', await forge(domain, { alg: 'PS256' }, claims)],
    ['exp', await forge(domain, {}, { ...claims, exp: undefined })],
    ['exp', await forge(domain, {}, { ...claims, exp: String(now) })],
    ['exp', await forge(domain, {}, { ...claims, exp: now - 60 })],
    ['exp', await forge(domain, {}, { ...claims, exp: (now - 60) * 1000 })],
    ['nbf', await forge(domain, {}, { ...claims, nbf: undefined })],
    ['nbf', await forge(domain, {}, { ...claims, nbf: now + 61 })],
    ['nbf', await forge(domain, {}, { ...claims, nbf: (now + 61) * 1000 })],
    ['tenant', await forge(domain, {}, { ...claims, tenant: 'user two' })],
    ['tenant', await forge(domain, {}, { ...claims, tenant: undefined })],
  ]
  for (const [failing, text] of cases) {
    const verdict = await tokens.verify(text, 'user one')
    const last = verdict.checks.at(-1)!
    assert.deepEqual([verdict.passed, verdict.body, last.name, last.passed], [false, null, failing, false], text.slice(0, 40))
    assert.ok(verdict.checks.slice(0, -1).every(({ passed }) => passed))
  }
  for (const good of [
    token,
    await forge(domain, { jku: 'https://evil.example' }, claims),
    await forge(domain, {}, { ...claims, exp: now - 59, nbf: now + 60 }),
    await forge(domain, {}, { ...claims, exp: (now + 1) * 1000, nbf: now * 1000 }),
  ]) {
    const { passed, body } = await tokens.verify(good, 'user one')
    assert.equal(passed, true)
    assert.equal(body!.ueid, 'node')
  }
  assert.equal((await tokens.verify(token, undefined)).passed, true, 'without a user named, any tenant')
})

eachDatabase('tokens of every retained version verify, on servers that did not make them too', async (store) => {
  await using one = await open(store)
  await using two = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime: one.runtime })
  const before = await one.attestation.tokens.issue(CONTENT)
  assert.equal((await two.attestation.tokens.verify(before, undefined)).passed, true)
  await one.signingKeys.rotate(operatorCall(), 'TSK')
  const after = await one.attestation.tokens.issue(CONTENT)
  assert.notEqual(decode(before).header.kid, decode(after).header.kid)
  for (const token of [before, after]) {
    assert.equal((await one.attestation.tokens.verify(token, undefined)).passed, true)
    assert.equal((await two.attestation.tokens.verify(token, undefined)).passed, true)
  }
  assert.equal((await two.signingKeys.jwks()).keys.length, 2)
})
