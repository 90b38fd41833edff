// A store with rows in every table, and how someone who writes to the database changes them.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Client } from 'pg'
import { appCall, operatorCall, userCall } from '@vouchsafe/testkit/callers'
import { type TestStore } from '@vouchsafe/testkit/databases'
import { BASELINE_KIND, baselineFields } from '../../src/attestation/baselines/baseline-fields.ts'
import { CERTIFICATE_KIND, CRL_KIND, certificateFields, crlFields } from '../../src/attestation/certificates/signed-fields.ts'
import { POLICY_KIND, policyFields } from '../../src/attestation/policies/policy-fields.ts'
import { systemRuntime } from '../../src/foundation/runtime.ts'
import { EnrollTokens } from '../../src/tenants/enroll-tokens.ts'
import { akCertificateRow } from './attestation-key-rows.ts'
import { certificateRow, crlRow } from './certificate-rows.ts'
import { type Domain, enrollApp, keyRequest } from './domain.ts'
import { baselineRow, policyRow } from './policy-rows.ts'
import { quotePolicyRow } from './rows.ts'

export type Value = string | number | Uint8Array | null
export type Row = Record<string, Value>

/** Two rows or more in every table that anything authenticates, but for the domain keys. */
export async function fill(domain: Domain): Promise<void> {
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
    await storage.putMark({ row: { id: `mark ${n}`, counter: n, contents: null, writtenAt: 1 } })
    await storage.insertSimulatedPki({ row: { id: `pki ${n}`, sealed: blob, domainVersion, createdAt: 1 } })
  }
}

/** Another value of the same type: one near the old one, or another row's. */
export function other(value: Value, type: string, others: readonly Value[], choice: number): Value {
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

/** How someone gets at the database who cares for none of its constraints. */
export async function intruder({
  kind,
  location,
}: TestStore): Promise<AsyncDisposable & { query(sql: string, values?: Value[]): Promise<Row[]> }> {
  if (kind === 'sqlite') {
    const database = new DatabaseSync(join(location.dataDir, 'vouchsafe.db'), { timeout: 5_000, enableForeignKeyConstraints: false })
    return {
      query: async (sql, values = []) => database.prepare(sql.replaceAll(/\$\d+/g, '?')).all(...values) as Row[],
      [Symbol.asyncDispose]: async () => database.close(),
    }
  }
  const client = new Client({ connectionString: location.databaseUrl! })
  await client.connect()
  const query = async (sql: string, values: Value[] = []) => (await client.query<Row>(sql, values)).rows
  const references = await query(`select conrelid::regclass::text as tab, conname as name from pg_constraint where contype = 'f'`)
  for (const { tab, name } of references) await query(`alter table ${tab} drop constraint ${name}`)
  return { query, [Symbol.asyncDispose]: () => client.end() }
}
