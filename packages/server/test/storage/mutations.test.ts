// Random changes of single rows, over every table: each is refused where the row is next read, left out, or declared harmless by name.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { appCall, operatorCall, userCall } from '@vouchsafe/testkit/callers'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { BASELINE_KIND, baselineFields } from '../../src/attestation/baselines/baseline-fields.ts'
import { CERTIFICATE_KIND, CRL_KIND, certificateFields, crlFields } from '../../src/attestation/certificates/signed-fields.ts'
import { POLICY_KIND, policyFields } from '../../src/attestation/policies/policy-fields.ts'
import { systemRuntime } from '../../src/foundation/runtime.ts'
import { SEALED_COLUMNS } from '../../src/operator/sealed-columns.ts'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { SealError } from '../../src/root-key/index.ts'
import { openEnvelope } from '../../src/envelope/envelope.ts'
import { type SealedRows, type SealedTableName, StorageError, type Storage } from '../../src/storage/index.ts'
import { SEALED_TABLES } from '../../src/storage/sealed-tables.ts'
import { type AnyTable, isMacTable, snakeCase } from '../../src/storage/table.ts'
import { MAC_TABLES, TABLES } from '../../src/storage/tables/index.ts'
import { EnrollTokens } from '../../src/tenants/enroll-tokens.ts'
import { akCertificateRow } from '../support/attestation-key-rows.ts'
import { certificateRow, crlRow } from '../support/certificate-rows.ts'
import { type Domain, enrollApp, keyRequest, openDomain } from '../support/domain.ts'
import { baselineRow, policyRow } from '../support/policy-rows.ts'
import { quotePolicyRow } from '../support/rows.ts'

/** On each database. */
const MUTATIONS = process.env['VOUCHSAFE_TEST_FULL'] ? 500 : 60
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_260_729)

type Value = string | number | Uint8Array | null
type Row = Record<string, Value>

/** Two rows or more in every table that anything authenticates, but for the domain keys. */
async function fill(domain: Domain): Promise<void> {
  const { storage, envelope, keys, keyImport, secrets, users, rowSignatures, attestation } = domain
  const tokens = new EnrollTokens({ storage, runtime: systemRuntime })
  const { enrolments, authorities } = attestation.akCertificates
  for (const n of [1, 2]) {
    const app = await enrollApp(domain)
    const external = await keys.create(appCall(app), keyRequest({ origin: 'external' }))
    await keyImport.parameters(appCall(app), external, 'rsa-2048')
    const request = { value: 'value', keyId: undefined, description: undefined, rotationInterval: undefined }
    await secrets.manager.create(appCall(app, 'CreateSecret'), { name: `secret ${n}`, ...request })
    await secrets.manager.put(appCall(app, 'PutSecretValue'), `secret ${n}`, 'later')
    await secrets.webhooks.set(appCall(app, 'SetRotationWebhook'), 'http://127.0.0.1:1/')
    await storage.insertQuotePolicy({ policy: quotePolicyRow({ id: `policy ${n}`, appId: app }), limit: 9, audit: null })
    await tokens.create(operatorCall(), { label: `label ${n}`, lifeMs: 60_000 })
    const user = `user ${n}`
    await users.createApiKey(operatorCall(), { user, role: 'attester', nodeId: 'node', label: '', expiresAt: null } as never)
    await authorities.current(user)
    for (const ekDigest of ['ab', 'cd']) {
      await enrolments.add(userCall(user), { ekDigest: ekDigest.repeat(32), nodeId: ekDigest })
      const row = akCertificateRow({ userId: user, serialNumber: `0${n}`, ekDigest: ekDigest.repeat(32), nodeId: ekDigest })
      await storage.insertAkCertificate({ row: { ...row, serialNumber: `${ekDigest}0${n}` }, enrolled: true, limit: 9, audit: null })
    }
    const certificate = certificateRow({ id: `certificate ${n}`, userId: user })
    const signed = async <R extends object>(kind: string, fields: Parameters<typeof rowSignatures.sign>[1], row: R) => ({
      ...row,
      ...(await rowSignatures.sign(kind, fields)),
      altered: false,
    })
    await storage.insertCertificate({
      row: await signed(CERTIFICATE_KIND, certificateFields(certificate), certificate),
      limit: 9,
      audit: null,
    })
    const crl = crlRow({ id: `crl ${n}`, userId: user })
    await storage.putCrl({ row: await signed(CRL_KIND, crlFields(crl), crl), limit: 9, audit: null })
    const policy = policyRow({ id: `policy ${n}`, userId: user })
    await storage.insertPolicy({ row: await signed(POLICY_KIND, policyFields(policy), policy), limit: 9, audit: null })
    const baseline = baselineRow({ id: `baseline ${n}`, userId: user })
    await storage.insertBaseline({
      row: await signed(BASELINE_KIND, baselineFields(baseline), baseline),
      content: { content: '', digests: new Uint8Array() },
      limit: 9,
      maxDigestBytes: 9,
      audit: null,
    })
    const { blob, domainVersion } = envelope.seal('simulated-pki', [`pki ${n}`], Buffer.from('content'))
    await storage.insertSimulatedPki({ row: { id: `pki ${n}`, sealed: blob, domainVersion, createdAt: 1 } })
  }
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

/** True when a row of a sealed table opens with its columns. */
async function opens(
  { storage, envelope }: Domain,
  table: SealedTableName,
  isRow: (key: (string | number)[]) => boolean,
): Promise<boolean> {
  const items = await storage.readSealed({ table, below: Number.MAX_SAFE_INTEGER, after: null, limit: 100 })
  const item = items.find(({ key }) => isRow(key))
  if (item === undefined) return false
  const { kind, identity } = SEALED_COLUMNS[table]
  envelope.open(kind, identity(item.row as never as SealedRows[never]), item).fill(0)
  return true
}

async function signatureHolds({ storage, rowSignatures }: Domain, table: string, row: Row): Promise<boolean> {
  const userId = row['user_id'] as string
  const lists: Record<string, () => Promise<[string, { id: string; signature: Uint8Array; keyVersion: number }[], (row: never) => never]>> =
    {
      certificates: async () => [CERTIFICATE_KIND, await storage.listCertificates({ userId }), certificateFields as never],
      crls: async () => [CRL_KIND, await storage.listCrls({ userId }), crlFields as never],
      policies: async () => [POLICY_KIND, await storage.readPolicies({ userId, policyIds: null }), policyFields as never],
      baselines: async () => [BASELINE_KIND, await storage.listBaselines({ userId }), baselineFields as never],
    }
  const [kind, rows, fields] = await lists[table]!()
  const found = rows.find(({ id }) => id === row['id'])
  return found !== undefined && (await rowSignatures.verify(kind, fields(found as never), found.signature, found.keyVersion))
}

/** Whether what the row says is still believed. */
async function isBelieved(store: TestStore, domain: Domain, table: AnyTable, row: Row): Promise<boolean> {
  try {
    if (table.name === 'domain_keys') {
      await openEnvelope(domain.storage, rootKeyFile({ dataDir: store.location.dataDir, runtime: systemRuntime }), systemRuntime)
      return true
    }
    if (isMacTable(table)) return (await READERS[table.name]!(domain.storage, row)) !== null
    if (SEALED_TABLES.has(table.name as SealedTableName)) {
      const key = table.primaryKey.map((name) => row[snakeCase(name)])
      return await opens(domain, table.name as SealedTableName, (found) => found.every((part, i) => String(part) === String(key[i])))
    }
    return await signatureHolds(domain, table.name, row)
  } catch (error) {
    if (error instanceof SealError || error instanceof StorageError || error instanceof SyntaxError) return false
    throw error
  }
}

/** Another value of the same type: one near the old one, or another row's. */
function other(value: Value, type: string, others: readonly Value[], choice: number): Value {
  const different = others.filter((each) => JSON.stringify(each) !== JSON.stringify(value))
  if (different.length > 0 && choice % 2 === 0) return different[choice % different.length]!
  if (type === 'flag') return value === 1 ? 0 : 1
  if (type === 'integer') return value === null ? choice : Number(value) + 1 + (choice % 1_000)
  if (type === 'text') return value === null ? 'text' : `${String(value)}${choice % 10}`
  const bytes = value === null ? Buffer.alloc(40, choice) : Buffer.from(value as Uint8Array)
  if (bytes.length === 0) return Buffer.from([1])
  bytes[choice % bytes.length]! ^= 1 + (choice % 255)
  return bytes
}

eachDatabase('no random change of a row is believed, but of what its table declares harmless', async (store, t) => {
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir })
  await fill(domain)
  const query = (sql: string, parameters: Value[] = []) => queryDatabase(store.location, sql, parameters as never)
  const tables = (TABLES as readonly AnyTable[]).filter(({ authenticated }) => authenticated.by !== 'nothing')
  const rows = new Map<string, Row[]>()
  for (const { name } of tables) {
    const found = (await query(`select * from ${name}`)) as Row[]
    assert.ok(found.length >= (name === 'domain_keys' ? 1 : 2), `${name} holds ${found.length} rows`)
    rows.set(name, found)
  }
  assert.ok([...MAC_TABLES.keys()].every((name) => name in READERS))
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
