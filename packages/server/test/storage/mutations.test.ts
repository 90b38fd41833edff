// Random changes of single rows, over every table that is authenticated: each is refused where the row is next read, left out,
// found by the comparison with the trail, or declared harmless by name; rows that are deleted or put back as they were, MAC included, are named by it.
// Of the other tables each file says why nothing authenticates them.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { appCall, operatorCall, userCall } from '@vouchsafe/testkit/callers'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { BASELINE_KIND, baselineFields } from '../../src/attestation/baselines/baseline-fields.ts'
import { CERTIFICATE_KIND, CRL_KIND, certificateFields, crlFields } from '../../src/attestation/certificates/signed-fields.ts'
import { POLICY_KIND, policyFields } from '../../src/attestation/policies/policy-fields.ts'
import { systemRuntime } from '../../src/foundation/runtime.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { SealError } from '../../src/root-key/index.ts'
import { openEnvelope } from '../../src/envelope/envelope.ts'
import { RECORDED_TABLES, type RowSignatureColumns, StorageError, type Storage } from '../../src/storage/index.ts'
import { type AnyTable, snakeCase } from '../../src/storage/table.ts'
import { MAC_TABLES, TABLES } from '../../src/storage/tables/index.ts'
import { LogKey } from '../../src/signing-keys/log-key.ts'
import { Sequencer } from '../../src/trail/sequencer.ts'
import { checkTrail } from '../../src/trail/trail-check.ts'
import { type Domain, openDomain } from '../support/domain.ts'
import { auditRow } from '../support/rows.ts'
import { fill, intruder, other, type Row, type Value } from '../support/filled-store.ts'

/** On each database. */
const MUTATIONS = process.env['VOUCHSAFE_TEST_FULL'] ? 500 : 60
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_260_729)

/** Has a bundle of the trail's oldest entries removed. */
async function prune({ storage }: Domain, sequencer: Sequencer): Promise<void> {
  await storage.appendAudit({ rows: Array.from({ length: 256 }, () => auditRow()) })
  await sequencer.settle()
  const { removed } = await storage.pruneTrail({ until: { epoch: 1, position: 10_000 }, limit: 256, audit: auditRow() })
  assert.equal(removed, 256)
}

/** Reads the row by the store's operations, as it is found under its present key: rejects, or returns what is left of it. */
const READERS: Record<string, (storage: Storage, row: Row) => Promise<unknown>> = {
  apps: (storage, { id }) => storage.findApp({ id: id as string }),
  api_keys: (storage, row) => storage.findApp({ id: row['app_id'] as string }),
  keys: (storage, { id }) => storage.findKey({ id: id as string }),
  import_sessions: (storage, row) => storage.findImportSession({ keyId: row['key_id'] as string }),
  secrets: (storage, row) => storage.findSecret({ appId: row['app_id'] as string, name: exact(row['name']) }),
  quote_policies: (storage, row) => storage.findQuotePolicy({ appId: row['app_id'] as string, id: row['id'] as string }),
  ak_certificates: (storage, row) =>
    storage.findAkCertificate({ userId: row['user_id'] as string, serialNumber: row['serial_number'] as string }),
  user_credentials: (storage, { fingerprint }) => storage.findUserCredential({ fingerprint: new Uint8Array(fingerprint as Uint8Array) }),
  signing_keys: (storage) => storage.listSigningKeys(),
  ak_authorities: (storage, row) => storage.listAkAuthorities({ userId: row['user_id'] as string }),
  rotation_webhooks: (storage, row) => storage.findRotationWebhook({ appId: row['app_id'] as string }),
  ak_enrolments: (storage, row) => storage.findAkEnrolment({ userId: row['user_id'] as string, ekDigest: row['ek_digest'] as string }),
  secret_versions: async (storage, row) => {
    const versions = await storage.readSecretVersions({ secretId: row['secret_id'] as string, after: -1, limit: 100 })
    return versions.find(({ version }) => version === Number(row['version'])) ?? null
  },
  simulated_pkis: (storage, { id }) => storage.findSimulatedPki({ id: id as string }),
  instance: (storage) => storage.instanceId({ candidate: 'candidate', at: 1 }),
  manifests: async (storage, { tenant }) => ((await storage.readManifest({ tenant: tenant as string })).state === 'whole' ? 'whole' : null),
  marks: (storage, { id }) => storage.findMark({ id: id as string }),
  trail_beginnings: (storage) => storage.trailBeginnings(),
  // Nobody reads what they say; that they are there is what counts.
  users: (storage) => storage.reauthenticateRows({ table: 'users', below: Number.MAX_SAFE_INTEGER, after: null, limit: 100 }),
  enroll_tokens: async (storage, { id }) =>
    (await storage.listEnrollTokens({ before: null, limit: 100 })).find((token) => token.id === id) ?? null,
}

function exact(name: Value | undefined): string {
  try {
    return JSON.parse(name as string) as string
  } catch {
    return name as string
  }
}

/** Tables whose altered rows are shown to their owners. */
const SIGNED = ['certificates', 'crls', 'policies', 'baselines']

/** Whether the row is neither marked nor fails its signature. */
async function signatureHolds({ storage, rowSignatures }: Domain, table: string, row: Row): Promise<boolean> {
  const userId = row['user_id'] as string
  const lists: Record<string, () => Promise<[string, (RowSignatureColumns & { id: string })[], (row: never) => never]>> = {
    certificates: async () => [CERTIFICATE_KIND, await storage.listCertificates({ userId }), certificateFields as never],
    crls: async () => [CRL_KIND, await storage.listCrls({ userId }), crlFields as never],
    policies: async () => [POLICY_KIND, await storage.readPolicies({ userId, policyIds: null }), policyFields as never],
    baselines: async () => [BASELINE_KIND, await storage.listBaselines({ userId }), baselineFields as never],
  }
  const [kind, rows, fields] = await lists[table]!()
  const found = rows.find(({ id }) => id === row['id'])
  if (found === undefined || found.altered) return false
  return rowSignatures.verify(kind, fields(found as never), found.signature, found.keyVersion)
}

/** Whether what the row says is still believed. */
async function isBelieved(store: TestStore, domain: Domain, table: AnyTable, row: Row): Promise<boolean> {
  try {
    if (table.name === 'domain_keys') {
      await openEnvelope(domain.storage, rootKeyFile({ dataDir: store.location.dataDir, runtime: systemRuntime }), systemRuntime)
      return true
    }
    if (SIGNED.includes(table.name)) return await signatureHolds(domain, table.name, row)
    return (await READERS[table.name]!(domain.storage, row)) !== null
  } catch (error) {
    if (error instanceof SealError || error instanceof StorageError || error instanceof SyntaxError) return false
    throw error
  }
}

eachDatabase('no random change of a row is believed, but of what its table declares harmless', async (store, t) => {
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  await fill(domain)
  const logKey = await LogKey.open(domain, await domain.storage.instanceId({ candidate: 'store', at: 1 }))
  await using sequencer = new Sequencer({ ...domain, signer: logKey, published: async () => undefined }, 60_000)
  sequencer.start()
  await prune(domain, sequencer)
  const query = (sql: string, parameters: Value[] = []) => queryDatabase(store.location, sql, parameters as never)
  const tables = (TABLES as readonly AnyTable[]).filter(({ authenticated }) => authenticated.by !== 'nothing')
  const rows = new Map<string, Row[]>()
  for (const { name } of tables) {
    const found = (await query(`select * from ${name}`)) as Row[]
    assert.ok(
      found.length >= (['domain_keys', 'instance', 'trail_beginnings'].includes(name) ? 1 : 2),
      `${name} holds ${found.length} rows`,
    )
    rows.set(name, found)
  }
  assert.ok([...MAC_TABLES.keys()].every((name) => name in READERS || SIGNED.includes(name)))
  const random = fc.sample(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()), { numRuns: 20 * MUTATIONS, seed: SEED })
  const counts = { refused: 0, harmless: 0, impossible: 0 }
  for (const [a, b, c, choice] of random) {
    if (counts.refused + counts.harmless === MUTATIONS) break
    const table = tables[a % tables.length]!
    const all = rows.get(table.name)!
    const row = all[b % all.length]!
    const columns = Object.keys(table.stored)
    const property = columns[c % columns.length]!
    const column = snakeCase(property)
    const changed = other(
      row[column]!,
      table.stored[property]!.type,
      all.map((each) => each[column]!),
      choice,
    )
    const keyNames = table.primaryKey.map(snakeCase)
    const here = (offset: number) => keyNames.map((name, i) => `${name} = $${i + offset}`).join(' and ')
    const after: Row = { ...row, [column]: changed }
    try {
      await query(`update ${table.name} set ${column} = $1 where ${here(2)}`, [changed, ...keyNames.map((name) => row[name]!)])
    } catch {
      // The database refuses it: the key of another row, a reference to nothing, or a domain key that is retired.
      counts.impossible++
      continue
    }
    const what = `${table.name}.${column} of ${keyNames.map((name) => String(row[name])).join(' ')}`
    const excepted = table.authenticated.by !== 'nothing' && property in (table.authenticated.except ?? {})
    const believed = await isBelieved(store, domain, table, after)
    if (excepted) counts.harmless++
    else {
      assert.equal(believed, false, what)
      counts.refused++
    }
    await query(`update ${table.name} set ${column} = $1 where ${here(2)}`, [row[column]!, ...keyNames.map((name) => after[name]!)])
    assert.equal(await isBelieved(store, domain, table, row), true, `${what}, put back`)
  }
  assert.equal(counts.refused + counts.harmless, MUTATIONS)
  t.diagnostic(JSON.stringify(counts))
})

/** The tables in which nothing is ever changed or deleted, so that there is nothing older to put back. */
const ONLY_GROWING = ['users', 'ak_authorities', 'simulated_pkis', 'instance']

/** Changes and deletes rows of every other table, in steps; `look` is called after each. */
async function live(domain: Domain, look: () => Promise<void>, sequencer: Sequencer): Promise<void> {
  const { storage, apps, keys, keyImport, secrets, users, signingKeys, rowSignatures, resigning, attestation } = domain
  const [first, second] = (await storage.listApps({ after: null, limit: 2 })).map(({ id }) => id)
  const [app, other] = ((await storage.findSecret({ appId: first!, name: 'secret 1' })) ? [first, second] : [second, first]) as [
    string,
    string,
  ]
  const owned = await storage.listKeys({ appId: app, after: null, limit: 9 })
  const [user, gone] = ['user 1', 'user 2']
  const now = { at: 2, audit: null }
  const later = async <R extends { version: number }>(
    kind: string,
    fields: (row: R) => Parameters<typeof rowSignatures.sign>[1],
    row: R | undefined,
  ) => {
    const next = { ...row!, version: row!.version + 1 }
    return { ...next, ...(await rowSignatures.sign(kind, fields(next))) }
  }
  const signedRows = async () => ({
    certificate: (await storage.listCertificates({ userId: user }))[0],
    crl: (await storage.listCrls({ userId: user }))[0],
    policy: (await storage.readPolicies({ userId: user, policyIds: null }))[0],
    baseline: (await storage.listBaselines({ userId: user }))[0],
  })
  const steps: (() => Promise<unknown>)[] = [
    () => prune(domain, sequencer),
    () => prune(domain, sequencer),
    () => apps.update(operatorCall(), app, { strictSignature: true }),
    () => apps.rotateKey(operatorCall(), app, 60_000),
    () => apps.rotateKey(operatorCall(), other, 0),
    () => keys.update(appCall(app), owned[0]!.id, { alias: 'later' }),
    () => keyImport.parameters(appCall(app), owned[0]!.id, 'rsa-2048'),
    () => keys.delete(appCall(app), owned[0]!.id),
    () => secrets.manager.put(appCall(app, 'PutSecretValue'), 'secret 1', 'newest'),
    () => secrets.webhooks.set(appCall(app, 'SetRotationWebhook'), 'http://127.0.0.1:2/'),
    () => secrets.webhooks.remove(appCall(app, 'DeleteRotationWebhook')),
    async () => {
      await storage.requestSecretRotation({ appId: app, name: 'secret 1', ...now })
      await secrets.rotation.run()
    },
    // Made again: it counts its revisions anew.
    () => secrets.webhooks.set(appCall(app, 'SetRotationWebhook'), 'http://127.0.0.1:3/'),
    () => storage.destroySecret({ appId: other, name: 'secret 2', ...now }),
    () => storage.deleteQuotePolicy({ id: 'policy 1', audit: null }),
    async () => storage.deleteEnrollToken({ id: (await storage.listEnrollTokens({ before: null, limit: 1 }))[0]!.id, audit: null }),
    async () => users.revoke(operatorCall(), (await storage.listUserCredentials({ userId: gone, after: null, limit: 1 }))[0]!.id),
    () => storage.revokeAkCertificates({ userId: user, of: { nodeId: 'ab' }, reason: 'superseded', ...now }),
    () => attestation.akCertificates.deleteEnrolment(userCall(user), 'cd'.repeat(32), 'cessationOfOperation'),
    async () => {
      const { certificate, crl, policy, baseline } = await signedRows()
      const maxDigestBytes = 9
      const audit = null
      await storage.updateCertificate({ row: await later(CERTIFICATE_KIND, certificateFields, certificate), audit })
      await storage.putCrl({ row: await later(CRL_KIND, crlFields, crl), limit: 9, audit })
      await storage.updatePolicy({ row: await later(POLICY_KIND, policyFields, policy), audit })
      await storage.updateBaseline({ row: await later(BASELINE_KIND, baselineFields, baseline), content: null, maxDigestBytes, audit })
    },
    async () => {
      await signingKeys.rotate(operatorCall(), 'FSK')
      await resigning.run()
    },
    () => storage.retireSigningKey({ name: 'FSK', version: 1, ...now }),
    () => storage.deleteCertificates({ userId: gone, ids: null, type: null, ...now }),
    () => storage.deleteCrls({ userId: gone, ids: null, ...now }),
    () => storage.deletePolicies({ userId: gone, policyIds: null, attesterType: null, ...now }),
    () => storage.deleteBaselines({ userId: gone, ids: null, attesterType: null, ...now }),
  ]
  await look()
  for (const step of steps) {
    await step()
    await look()
  }
}

eachDatabase('the comparison with the trail names each row that was deleted, or put back as it once was', async (store, t) => {
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  const { storage } = domain
  await fill(domain)
  const logKey = await LogKey.open(domain, await storage.instanceId({ candidate: 'store', at: 1 }))
  await using sequencer = new Sequencer({ ...domain, signer: logKey, published: async () => undefined }, 60_000)
  sequencer.start()
  await using database = await intruder(store)
  const { query } = database
  const keyOf = (table: AnyTable, row: Row) => table.primaryKey.map((name) => String(row[snakeCase(name)])).join(' ')
  const tables = [...MAC_TABLES.values()].filter(({ name }) => RECORDED_TABLES.includes(name))
  const copies = new Map(tables.map(({ name }) => [name, new Map<string, Row>()]))
  const read = async (table: AnyTable) => query(`select * from ${table.name}`)
  await live(
    domain,
    async () => {
      // Each revision once; a count that changes beside it makes no other.
      for (const table of tables)
        for (const row of await read(table)) copies.get(table.name)!.set(Buffer.from(row['mac'] as Uint8Array).toString('hex'), row)
    },
    sequencer,
  )
  await sequencer.run(true)
  const check = async () => {
    const { faults, more } = await checkTrail(storage, logKey)
    return [...faults, ...(more > 0 ? [more] : [])]
  }
  assert.deepEqual(await check(), [])
  const attacks: { table: AnyTable; fault: 'deleted' | 'put_back'; id: string; now: Row | undefined; then: Row | undefined }[][] = []
  for (const table of tables) {
    const current = new Map((await read(table)).map((row) => [keyOf(table, row), row]))
    const macs = new Set([...current.values()].map((row) => Buffer.from(row['mac'] as Uint8Array).toString('hex')))
    const deleted = [...current].map(([id, now]) => ({ table, fault: 'deleted' as const, id, now, then: undefined }))
    const older = [...copies.get(table.name)!].flatMap(([mac, then]) => {
      const id = keyOf(table, then)
      return macs.has(mac) ? [] : [{ table, fault: 'put_back' as const, id, now: current.get(id), then }]
    })
    assert.ok(deleted.length > 0, `${table.name} is empty`)
    assert.equal(older.length > 0, !ONLY_GROWING.includes(table.name), `older rows of ${table.name}`)
    attacks.push(deleted, ...(older.length > 0 ? [older] : []))
  }
  const remove = (table: AnyTable, row: Row) => {
    const names = table.primaryKey.map(snakeCase)
    const here = names.map((name, i) => `${name} = $${i + 1}`).join(' and ')
    return query(`delete from ${table.name} where ${here}`, names.map((name) => row[name]!)) // prettier-ignore
  }
  const insert = (table: AnyTable, row: Row) => {
    const names = Object.keys(row)
    const values = names.map((_, i) => `$${i + 1}`).join(', ')
    return query(`insert into ${table.name} (${names.join(', ')}) values (${values})`, Object.values(row))
  }
  const counts = { deleted: 0, put_back: 0, impossible: 0 }
  const random = fc.sample(fc.tuple(fc.nat(), fc.nat()), { numRuns: 4 * MUTATIONS, seed: SEED })
  for (const [a, b] of random) {
    if (counts.deleted + counts.put_back === MUTATIONS) break
    const kind = attacks[a % attacks.length]!
    const { table, fault, id, now, then } = kind[b % kind.length]!
    if (now !== undefined) await remove(table, now)
    try {
      if (then !== undefined) await insert(table, then)
    } catch {
      // Another row has what only one may have, such as a name.
      counts.impossible++
      if (now !== undefined) await insert(table, now)
      continue
    }
    // Without it, or with an older one, entries are missing as well.
    const isBeginning = table.name === 'trail_beginnings'
    const found = (await check()).filter((one) => !isBeginning || typeof one === 'number' || one.table !== 'trail')
    assert.deepEqual(found, [{ fault, table: table.name, id }])
    if (then !== undefined) await remove(table, then)
    if (now !== undefined) await insert(table, now)
    counts[fault]++
  }
  assert.equal(counts.deleted + counts.put_back, MUTATIONS)
  assert.deepEqual(await check(), [])
  t.diagnostic(JSON.stringify(counts))
})
