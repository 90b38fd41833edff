import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Client } from 'pg'
import { type TestStore, eachDatabase } from '@vouchsafe/testkit/databases'

/** Runs SQL on a closed store, behind the back of the storage port. */
async function behind({ location }: TestStore, sql: string): Promise<unknown[]> {
  if (location.databaseUrl === undefined) {
    using database = new DatabaseSync(join(location.dataDir, 'vouchsafe.db'))
    return database.prepare(sql).all()
  }
  const client = new Client({ connectionString: location.databaseUrl })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

eachDatabase('a store of a newer release is refused and left alone', async (store) => {
  await (await store.open())[Symbol.asyncDispose]()
  await behind(store, `insert into schema_migrations (version, name) values (999, 'future')`)
  await behind(store, 'drop table fences')
  await assert.rejects(store.open(), { name: 'StorageError', code: 'newer_schema', message: /schema version 999/ })
  const rows = await behind(store, 'select version, name from schema_migrations order by version')
  assert.deepEqual(
    rows.map((row) => ({ ...(row as object) })),
    [
      { version: 1, name: 'foundation' },
      { version: 2, name: 'secrets' },
      { version: 3, name: 'authority' },
      { version: 4, name: 'certificates' },
      { version: 5, name: 'policies' },
      { version: 6, name: 'attestation keys' },
      { version: 7, name: 'quotes' },
      { version: 8, name: 'operators' },
      { version: 9, name: 'credential parents' },
      { version: 999, name: 'future' },
    ],
  )
  await assert.rejects(behind(store, 'select * from fences'))
  // The refusal has released the store.
  await behind(store, 'delete from schema_migrations where version = 999')
  await store.open({ role: 'operator' })
})

eachDatabase('a migration that fails leaves an empty store, which a later start migrates', async (store) => {
  await (await store.open())[Symbol.asyncDispose]()
  const tables = [
    'secret_versions',
    'secrets',
    'rotation_webhooks',
    'enroll_tokens',
    'ak_certificates',
    'ak_enrolments',
    'ak_authorities',
    'quote_policies',
    'collateral',
    'simulated_pkis',
    'user_credentials',
    'users',
    'signing_keys',
    'used_nonces',
    'instance',
    'certificates',
    'crls',
    'policies',
    'baseline_contents',
    'baselines',
    'api_keys',
    'import_sessions',
    'keys',
    'apps',
    'fences',
    'replay_records',
    'servers',
    'counters',
    'changes',
    'domain_keys',
  ]
  for (const table of [...tables, 'schema_migrations']) await behind(store, `drop table ${table}`)
  // Only the audit table is left, which is the last that the first migration makes.
  await assert.rejects(store.open(), { name: 'StorageError', code: 'internal' })
  await assert.rejects(behind(store, 'select * from apps'))
  await behind(store, 'drop table audit')
  const storage = await store.open()
  assert.equal(await storage.countApps(), 0)
})
