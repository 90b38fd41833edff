// Policies of users, without HTTP.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveSigningKeys } from '@vouchsafe/testkit/authority-keys'
import { eachDatabase, testStore, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { eventually } from '@vouchsafe/testkit/retry'
import { newSigner, signedJwt } from '@vouchsafe/testkit/signers'
import type { NewPolicy } from '../../src/attestation/policies/policies.ts'
import type { AttestationSettings } from '../../src/attestation/attestation.ts'
import { openDomain, type Domain } from '../support/domain.ts'
import { base64, constantPolicy, DOCUMENT_POLICIES, ENDLESS_POLICY } from '../support/policies.ts'
import { asUser, operatorCall, userCall } from '@vouchsafe/testkit/callers'

const USER = "it's a user"
const TEXT = base64(constantPolicy())

async function open(store: TestStore, attestation: Partial<AttestationSettings> = {}): Promise<Domain> {
  const domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, attestation })
  await giveSigningKeys(domain.signingKeys).catch(() => undefined)
  return domain
}

function asJwt(content: string): Pick<NewPolicy, 'contentType' | 'content'> {
  return { contentType: 'jwt', content }
}

let names = 0

function add({ attestation }: Domain, user: string, policy: Partial<NewPolicy> = {}) {
  const name = `policy ${++names}`
  const defaults = { id: undefined, name, description: null, attesterTypes: ['tpm_boot'], contentType: 'text' as const, content: TEXT }
  return attestation.policies.add(userCall(user), { ...defaults, isDefault: false, ...policy })
}

async function chosen({ attestation }: Domain, user: string, type: string, ids?: string[]): Promise<string[]> {
  return (await attestation.policyChoice.policiesFor(user, type, ids)).map(({ id }) => id).sort()
}

eachDatabase("the document's policy is accepted, and its update refused for the function that it calls", async (store) => {
  await using domain = await open(store)
  const { policies } = domain.attestation
  const { policyId, version } = await add(domain, USER, { attesterTypes: ['tpm_ima'], content: DOCUMENT_POLICIES.added })
  assert.equal(version, 1)
  const update = policies.update(userCall(USER), policyId, { contentType: 'text', content: DOCUMENT_POLICIES.updated })
  await assert.rejects(update, { code: 'invalid_parameter', message: /undefined function find_missing_digests/ })
  const [view] = await policies.read(asUser(USER), [policyId])
  assert.deepEqual([view?.row.version, view?.validCode], [1, 0])
  assert.match(view!.row.content, /^package verification/)
})

test('a policy must give a verdict on the samples of each of its attester types, when it is added and when it changes', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  const { policies } = domain.attestation
  const refused: [string, RegExp][] = [
    ['package verification\nresult = {', /Failed to compile policy/],
    ['package other\nresult = {"policy_matched": true}', /returned no results/],
    ['package verification\nresult = {"policy_matched": "true"}', /boolean 'policy_matched'/],
    ['package verification\nresult = true', /boolean 'policy_matched'/],
    ['package verification\nresult = {"policy_matched": true, "custom_data": numbers.range(1, 200000)}', /Output size limit exceeded/],
    ['package verification\nresult = {"policy_matched": true}\nresult = {"policy_matched": false}', /Failed to evaluate policy/],
    [
      `package verification\nresult = {"policy_matched": x} { x := ${'('.repeat(5_000)}true${')'.repeat(5_000)} }`,
      /Failed to compile policy/,
    ],
    [ENDLESS_POLICY, /Failed to evaluate policy: the policy exceeded its limit/],
  ]
  for (const [text, message] of refused) {
    await assert.rejects(add(domain, USER, { content: base64(text) }), { code: 'invalid_parameter', message })
  }
  // Real inputs: the boot sample has PCR 7, the IMA sample has not.
  const bootOnly = base64('package verification\nresult = {"policy_matched": true} { input.evidence.pcrs.pcr_values[_].pcr_index == 7 }')
  await assert.rejects(add(domain, USER, { content: bootOnly, attesterTypes: ['tpm_boot', 'tpm_ima'] }), {
    message: /tpm_ima: .*no results/,
  })
  const { policyId } = await add(domain, USER, { content: bootOnly })
  await assert.rejects(policies.update(userCall(USER), policyId, { attesterTypes: ['tpm_ima'] }), { message: /tpm_ima: .*no results/ })
  await add(domain, USER, { content: base64('package verification\nimport rego.v1\nresult := {"policy_matched": x} if x := true') })
})

test('names, descriptions, ids, types and contents follow their rules', async () => {
  await using store = await testStore('sqlite')
  await using domain = await open(store)
  for (const character of ['<', '>', '"', "'", '&', '|', '\\', '/', '*', '?', '`']) {
    await assert.rejects(add(domain, USER, { name: `a${character}` }), { code: 'invalid_parameter', message: /name has characters/ })
    await assert.rejects(add(domain, USER, { description: `a${character}` }), { message: /description has characters/ })
    await assert.rejects(add(domain, USER, { attesterTypes: [`a${character}`] }), { message: /attester_type has characters/ })
    await assert.rejects(add(domain, USER, { id: `a${character}` }), { message: /id has characters/ })
  }
  await assert.rejects(add(domain, USER, { id: 'a,b' }), { message: /id has characters/ })
  await assert.rejects(add(domain, USER, { name: '\ud800' }), { message: /name has characters/ })
  await assert.rejects(add(domain, USER, { attesterTypes: ['tpm_boot', 'sgx'] }), { message: /Plugin not found for attester type: sgx/ })
  await assert.rejects(add(domain, USER, { content: 'not base64!' }), { message: /content must be standard base64/ })
  await assert.rejects(add(domain, USER, { content: Buffer.of(0xff).toString('base64') }), { message: /UTF-8/ })
  await assert.rejects(add(domain, USER, { content: base64(' '.repeat(500 * 1024 + 1)) }), { message: /greater than the cap/ })
  await add(domain, USER, { content: base64(constantPolicy().padEnd(500 * 1024)), name: 'test_policy{{$number.int}}', id: '349fb201' })
})

eachDatabase(
  'ids and names are one of a kind for each user, policies are limited, and of two changes at once one is told so',
  async (store) => {
    await using domain = await open(store)
    const { policies } = domain.attestation
    const { policyId } = await add(domain, USER, { id: 'mine', name: 'name' })
    await assert.rejects(add(domain, USER, { id: 'mine' }), { code: 'duplicate' })
    await assert.rejects(add(domain, USER, { name: 'name' }), { code: 'duplicate' })
    // Another user doesn't notice.
    await add(domain, 'other', { id: 'mine', name: 'name' })
    await add(domain, USER, { name: 'taken' })
    await assert.rejects(policies.update(userCall(USER), policyId, { name: 'taken' }), { code: 'duplicate' })
    await assert.rejects(policies.update(userCall(USER), 'unknown', { name: 'x' }), {
      code: 'invalid_parameter',
      message: /Policy not found/,
    })
    await assert.rejects(policies.update(userCall(USER), policyId, {}), /no field need to be updated/)
    await assert.rejects(policies.update(userCall(USER), policyId, { content: TEXT }), /content_type is required/)

    const outcomes = await Promise.allSettled(['p', 'q'].map((name) => policies.update(userCall(USER), policyId, { name })))
    const lost = outcomes.filter(({ status }) => status === 'rejected')
    for (const outcome of lost) assert.equal((outcome as PromiseRejectedResult).reason.code, 'modified')
    assert.equal((await policies.read(asUser(USER), [policyId]))[0]?.row.version, 3 - lost.length)

    await Promise.all(Array.from({ length: 28 }, () => add(domain, USER)))
    await assert.rejects(add(domain, USER), { code: 'invalid_parameter', message: /reached its limit/ })
    await policies.remove(userCall(USER), { ids: [policyId, 'unknown'] })
    await add(domain, USER, { attesterTypes: ['tpm_ima'] })
    await policies.remove(userCall(USER), { attesterType: 'tpm_boot' })
    assert.equal((await policies.list(asUser(USER))).length, 1)
    await policies.remove(userCall(USER), 'all')
    assert.deepEqual(await policies.list(asUser(USER)), [])
    assert.equal((await policies.list(asUser('other'))).length, 1)
  },
)

test('a JWT is verified where the user has a policy certificate or the settings ask for it', async () => {
  await using store = await testStore('sqlite')
  const signer = newSigner('rsa')
  const jwt = signedJwt(signer, { policy: TEXT }, { alg: 'RS256' })
  const foreign = signedJwt(newSigner('ec'), { policy: TEXT }, { alg: 'ES256' })
  {
    await using domain = await open(store)
    const { policies, certificates } = domain.attestation
    const unverified = await add(domain, USER, asJwt(foreign))
    assert.deepEqual([unverified.isJwt, unverified.signerId], [true, null])
    for (const payload of [{}, { policy: 5 }, { policy: '!' }, null]) {
      await assert.rejects(add(domain, USER, asJwt(signedJwt(signer, payload, { alg: 'RS256' }))), { code: 'invalid_parameter' })
    }
    const certificate = { name: 'c', description: null, types: ['policy' as const], isDefault: null, content: signer.certificate }
    const { id } = await certificates.add(userCall(USER), certificate)
    await assert.rejects(add(domain, USER, asJwt(foreign)), { message: /Failed to verify policy signature/ })
    const verified = await add(domain, USER, asJwt(jwt))
    assert.equal(verified.signerId, id)
    const update = policies.update(userCall(USER), verified.policyId, asJwt(foreign))
    await assert.rejects(update, { message: /Failed to verify policy signature/ })
    await add(domain, USER)
    const types = (value: string) => queryDatabase(store.location, 'update certificates set types = $1 where id = $2', [value, id])
    await types('["refvalue"]')
    {
      await using other = await open(store)
      await assert.rejects(
        add(other, USER, asJwt(foreign)),
        { message: /Failed to verify policy signature/ },
        'its certificate was altered',
      )
    }
    await types('["policy"]')
    await certificates.delete(userCall(USER), {})
    assert.equal((await policies.read(asUser(USER), [verified.policyId]))[0]?.validCode, 2)
  }
  await using strict = await open(store, { signedPolicies: true })
  await assert.rejects(add(strict, USER), { message: /text content type does not support signature verification/ })
  await assert.rejects(add(strict, USER, asJwt(jwt)), { message: /Failed to verify policy signature.*none is stored/ })
})

eachDatabase('default policies apply where none are named, or always, and only to their attester types', async (store) => {
  await using domain = await open(store)
  await using always = await open(store, { policyDefaults: 'always' })
  const id = async (policy: Partial<NewPolicy>) => (await add(domain, USER, policy)).policyId
  await id({ id: 'boot' })
  await id({ id: 'boot-default', isDefault: true })
  await id({ id: 'ima-default', isDefault: true, attesterTypes: ['tpm_ima'] })
  await id({ id: 'both', attesterTypes: ['tpm_boot', 'tpm_ima'] })
  assert.deepEqual(await chosen(domain, USER, 'tpm_boot'), ['boot-default'])
  assert.deepEqual(await chosen(domain, USER, 'tpm_ima'), ['ima-default'])
  assert.deepEqual(await chosen(domain, USER, 'tpm_boot', ['boot', 'both', 'boot']), ['boot', 'both'])
  await eventually(async () => assert.deepEqual(await chosen(always, USER, 'tpm_boot', ['boot']), ['boot', 'boot-default']))
  assert.deepEqual(await chosen(domain, 'other', 'tpm_boot'), [])
  for (const [user, ids, message] of [
    [USER, ['boot', 'unknown'], /Policy not found for ids: \["unknown"\]/],
    ['other', ['boot'], /Policy not found for ids: \["boot"\]/],
    [USER, ['ima-default'], /policy ima-default is not for tpm_boot/],
  ] as const) {
    await assert.rejects(chosen(domain, user, 'tpm_boot', [...ids]), { code: 'invalid_parameter', message })
  }
  await domain.attestation.policies.update(userCall(USER), 'boot', { isDefault: true })
  assert.deepEqual(await chosen(domain, USER, 'tpm_boot'), ['boot', 'boot-default'])
  await eventually(async () => assert.deepEqual(await chosen(always, USER, 'tpm_boot'), ['boot', 'boot-default']))
})

eachDatabase(
  'a policy that was altered in the store is shown, never left out in silence, and not changed or signed anew',
  async (store) => {
    const changes = [
      ['text', `content = 'package verification'`],
      ['text and hash', `content = '', content_hash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'`],
      ['default', 'is_default = 0'],
      ['types', `attester_types = '["tpm_ima"]'`],
      ['version', 'version = 7'],
    ] as const
    {
      await using domain = await open(store)
      for (const [user, change] of changes) {
        await add(domain, user, { id: 'altered', isDefault: true })
        await add(domain, user, { id: 'intact', isDefault: true })
        assert.deepEqual(await chosen(domain, user, 'tpm_boot'), ['altered', 'intact'])
        await queryDatabase(store.location, `update policies set ${change} where user_id = $1 and policy_id = 'altered'`, [user])
      }
    }
    await using domain = await open(store)
    const { policies } = domain.attestation
    for (const [user] of changes) {
      const codes = (await policies.read(asUser(user), ['altered', 'intact'])).map(({ row, validCode }) => [row.policyId, validCode])
      assert.deepEqual(codes.sort(), [
        ['altered', 1],
        ['intact', 0],
      ])
      assert.deepEqual(await chosen(domain, user, 'tpm_boot', ['intact']), ['intact'])
      const refused = { code: 'invalid_parameter', message: /policy altered was altered in the store/ } as const
      await assert.rejects(chosen(domain, user, 'tpm_boot', ['altered']), refused)
      await assert.rejects(chosen(domain, user, 'tpm_boot'), refused, user)
      await assert.rejects(policies.update(userCall(user), 'altered', { contentType: 'text', content: TEXT }), /was altered in the store/)
    }
    await domain.signingKeys.rotate(operatorCall(), 'FSK')
    await domain.resigning.run()
    const rows = (await policies.list(asUser('default'))).map(({ policyId, altered, keyVersion }) => [policyId, altered, keyVersion])
    assert.deepEqual(rows.sort(), [
      ['altered', true, 1],
      ['intact', false, 2],
    ])
    await policies.remove(userCall('default'), { ids: ['altered'] })
    assert.deepEqual(await chosen(domain, 'default', 'tpm_boot'), ['intact'])
  },
)
