// An attacker with write access to the database, but without the root key: rows that decide something are edited, made up or moved. (What is
// sealed is swapped in test/envelope/swapped-blobs.test.ts.)
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { call, enroll, succeed, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { operatorCall } from '@vouchsafe/testkit/callers'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer } from '@vouchsafe/testkit/server'
import { collectedLog } from '../support/collected-log.ts'

/** A server that starts on an altered store: none of it is believed all the same. */
const WARN = ['--on-rollback', 'warn']

const FAILED = { code: 500, message: 'Server internal error, please contact the administrator.', result: {} }
const HOUR_MS = 60 * 60 * 1000

const alter = ({ location }: TestStore, sql: string, parameters: (string | number | null | Uint8Array)[] = []) =>
  queryDatabase(location, sql, parameters)

const text = (value: unknown): string => String(value)

eachDatabase('a quote policy that was edited lets no quote pass', async (store) => {
  await using server = await startTestServer({ ...store.location, flags: ['--quote-provider', 'simulated'] })
  const { url } = server
  const app = await enroll(url)
  const { quote } = await succeed(url, app, 'GenerateQuote', { challenge: 'Y2hhbGxlbmdl' })
  const nonce = 'bm9uY2U='
  const own = (await succeed(url, app, 'VerifyQuote', { quote, nonce })) as unknown as { mr_enclave: string; mr_signer: string }
  const wanted = { mr_enclave: 'ab'.repeat(32), mr_signer: own.mr_signer }
  const { policyId } = await succeed(url, app, 'UploadQuotePolicy', wanted)
  const verify = () => call(url, app, 'VerifyQuote', { quote, nonce, policyId })
  assert.equal((await verify()).code, 400)
  await alter(store, 'update quote_policies set mr_enclave = $1 where id = $2', [own.mr_enclave, text(policyId)])
  assert.deepEqual(await verify(), FAILED)
  assert.deepEqual(await call(url, app, 'GetQuotePolicy', { policyId }), FAILED)
})

eachDatabase('an API key that was rotated out, disabled apps and weaker signatures do not come back by an edited row', async (store) => {
  let old: Credentials
  let current: Credentials
  let disabled: Credentials
  let strict: Credentials
  {
    await using server = await startTestServer(store.location)
    const { apps } = server.server.context
    ;[old, disabled, strict] = [await enroll(server.url), await enroll(server.url), await enroll(server.url)]
    current = { appid: old.appid, apikey: (await apps.rotateKey(operatorCall(), old.appid, HOUR_MS)).apikey }
    await apps.update(operatorCall(), disabled.appid, { enabled: false })
    await apps.update(operatorCall(), strict.appid, { strictSignature: true })
    for (const app of [old, current]) assert.equal((await call(server.url, app, 'ListKey')).code, 200)
    for (const app of [disabled, strict]) assert.equal((await call(server.url, app, 'ListKey')).code, 400)
  }
  await alter(store, 'update api_keys set expires_at = null where expires_at is not null')
  await alter(store, 'update apps set enabled = 1 where id = $1', [disabled.appid])
  await alter(store, 'update apps set strict_signature = 0 where id = $1', [strict.appid])
  const { log, text: logged } = collectedLog('error')
  await using server = await startTestServer({ ...store.location, log, flags: WARN })
  for (const app of [old, current, disabled, strict]) {
    for (let i = 0; i < 2; i++) assert.deepEqual(await call(server.url, app, 'ListKey'), FAILED)
  }
  // Each row is named in the log and counted, once.
  assert.equal(logged().match(/a row of the store was altered by someone else/g)?.length, 3)
  const metrics = await server.server.context.metrics.registry.metrics()
  assert.match(metrics, /vouchsafe_altered_rows_total\{table="api_keys"\} 1\n/)
  assert.match(metrics, /vouchsafe_altered_rows_total\{table="apps"\} 2\n/)
  assert.equal((await call(server.url, await enroll(server.url), 'ListKey')).code, 200)
})

eachDatabase('an enrolment token that was made up, revived or extended enrols nobody', async (store) => {
  await using server = await startTestServer({ ...store.location, flags: ['--enroll', 'token'] })
  const { enrollTokens } = server.server.context
  const enrolWith = async (token: string) => {
    const response = await fetch(`${server.url}/ehsm?Action=Enroll`, { headers: { authorization: `Bearer ${token}` } })
    return (await response.json()) as { code: number }
  }
  const real = await enrollTokens.create(operatorCall(), { label: '', lifeMs: HOUR_MS })
  assert.equal((await enrolWith(real.token)).code, 200)
  assert.equal((await enrolWith(real.token)).code, 400)
  // Used, made usable again.
  await alter(store, 'update enroll_tokens set used_at = null, app_id = null')
  assert.deepEqual(await enrolWith(real.token), FAILED)
  // Made up, with all that a real one has.
  const token = 'vse_of-my-own'
  const hashed = createHash('sha256').update(token).digest()
  await alter(
    store,
    `insert into enroll_tokens (id, token_hash, label, created_at, expires_at, mac, mac_version, revision)
      select 'mine', cast($1 as ${store.kind === 'sqlite' ? 'blob' : 'bytea'}), label, created_at, expires_at, mac, mac_version, revision
      from enroll_tokens`,
    [hashed],
  )
  assert.deepEqual(await enrolWith(token), FAILED)
  const listed = []
  for await (const page of enrollTokens.list()) listed.push(...page)
  assert.deepEqual(listed, [])
})

eachDatabase('states and versions of keys and secrets are what they were set to, and lists hold no row of another app', async (store) => {
  let app: Credentials
  let other: Credentials
  const ids: Record<string, string> = {}
  {
    await using server = await startTestServer(store.location)
    const { url } = server
    ;[app, other] = [await enroll(url), await enroll(url)]
    for (const [owner, name] of [
      [app, 'disabled'],
      [app, 'expired'],
      [app, 'plain'],
      [other, 'foreign'],
    ] as const) {
      const { keyid } = await succeed(url, owner, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
      ids[name] = text(keyid)
    }
    await succeed(url, app, 'DisableKey', { keyid: ids['disabled'] })
    for (const [owner, secretName] of [
      [app, 'versions'],
      [app, 'deleted'],
      [app, 'plain'],
      [other, 'foreign'],
    ] as const) {
      await succeed(url, owner, 'CreateSecret', { secretName, secretData: 'first' })
    }
    await succeed(url, app, 'PutSecretValue', { secretName: 'versions', secretData: 'second' })
    await succeed(url, app, 'DeleteSecret', { secretName: 'deleted', recoveryPeriod: 7 })
  }
  const nameOf = (name: string) => JSON.stringify(name)
  await alter(store, 'update keys set enabled = 1 where id = $1', [ids['disabled']!])
  await alter(store, 'update keys set expires_at = null where id = $1', [ids['expired']!])
  await alter(store, 'update keys set app_id = $1 where id = $2', [app.appid, ids['foreign']!])
  await alter(store, 'update secrets set current_version = 1 where name = $1', [nameOf('versions')])
  await alter(store, 'update secrets set deleted_at = null, destroy_at = null where name = $1', [nameOf('deleted')])
  await alter(store, 'update secrets set app_id = $1 where name = $2', [app.appid, nameOf('foreign')])
  await using server = await startTestServer({ ...store.location, flags: WARN })
  const { url } = server
  for (const name of ['disabled', 'expired', 'foreign']) {
    assert.deepEqual(await call(url, app, 'Encrypt', { keyid: ids[name], plaintext: 'eA==' }), FAILED)
    assert.deepEqual(await call(url, app, 'EnableKey', { keyid: ids[name] }), FAILED)
  }
  for (const secretName of ['versions', 'deleted', 'foreign']) {
    assert.deepEqual(await call(url, app, 'GetSecretValue', { secretName }), FAILED)
    assert.deepEqual(await call(url, app, 'ListSecretVersionIds', { secretName }), FAILED)
    assert.equal((await call(url, app, 'PutSecretValue', { secretName, secretData: 'third' })).code, 500)
  }
  const keys = JSON.stringify((await succeed(url, app, 'ListKey')) as unknown)
  assert.deepEqual(
    Object.keys(ids).filter((name) => keys.includes(ids[name]!)),
    ['plain'],
  )
  const secrets = JSON.stringify((await succeed(url, app, 'ListSecrets')) as unknown)
  assert.match(secrets, /"plain"/)
  assert.doesNotMatch(secrets, /versions|deleted|foreign/)
})
