// Manifests: what decides for a tenant, as a whole. Each row alone may be authentic, and the set is not.
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { eachDatabase, type TestStore } from '@vouchsafe/testkit/databases'
import { queryDatabase } from '@vouchsafe/testkit/raw-database'
import { startTestServer, temporaryFolder } from '@vouchsafe/testkit/server'
import { ManifestGuard } from '../../src/access/index.ts'
import { manifestDigest, membersBefore, type ManifestMember, type MemberChange } from '../../src/storage/manifest-digest.ts'
import type { Storage } from '../../src/storage/index.ts'
import { addApp, quotePolicyRow } from '../support/rows.ts'

const REFUSED = { name: 'ServiceError', code: 'manifest_refused' }
const ALTERED = { name: 'StorageError', code: 'altered' }

const addPolicy = (storage: Storage, id: string, appId = 'app') =>
  storage.insertQuotePolicy({ policy: quotePolicyRow({ id, appId }), limit: 100, audit: null })

/** Copies of rows, and their way back, as an intruder has them. */
function intruder({ location }: TestStore) {
  type Row = Record<string, never>
  const names = (row: Row) => Object.keys(row)
  return {
    sql: (text: string, values: never[] = []) => queryDatabase(location, text, values),
    copy: async (table: string, condition: string) => (await queryDatabase(location, `select * from ${table} where ${condition}`)) as Row[],
    async putBack(table: string, rows: Row[]): Promise<void> {
      for (const row of rows)
        await queryDatabase(
          location,
          `insert into ${table} (${names(row).join(', ')}) values (${names(row)
            .map((_, i) => `$${i + 1}`)
            .join(', ')})`,
          Object.values(row),
        )
    },
  }
}

const member = fc.record({
  table: fc.constantFrom('a', 'b'),
  id: fc.constantFrom('1', '2', '1 2', 'é'),
  revision: fc.nat(),
  digest: fc.constantFrom('00', 'ff'),
}) as fc.Arbitrary<ManifestMember>
const members = fc.uniqueArray(member, { selector: ({ table, id }) => `${table} ${id}` })

test('the digest is that of the set, whatever its order, and of no other set', () => {
  assert.equal(manifestDigest([]), '1ffad0b785471a667f4529eade739d3e200ae4d6f25ce47c87a55347a43f7d93')
  // printf 'vouchsafe manifest 1\\n["a","1",2,"00"]\\n["a","é",1,"ff"]\\n["b","1",3,"00"]\\n' | sha256sum
  const three = [
    { table: 'b', id: '1', revision: 3, digest: '00' },
    { table: 'a', id: 'é', revision: 1, digest: 'ff' },
    { table: 'a', id: '1', revision: 2, digest: '00' },
  ]
  assert.equal(manifestDigest(three), '55c2e43722cb72c1b2c12986964f379c8c90fc43361327fd8632d792abd1f2cf')
  fc.assert(
    fc.property(members, members, (one, other) => {
      assert.equal(manifestDigest(one), manifestDigest(one.toReversed()))
      const lines = (set: ManifestMember[]) =>
        set.map(({ table, id, revision, digest }) => JSON.stringify([table, id, revision, digest])).sort()
      assert.equal(manifestDigest(one) === manifestDigest(other), lines(one).join() === lines(other).join())
    }),
  )
})

test('what was there before some changes is found again', () => {
  fc.assert(
    fc.property(members, fc.array(fc.tuple(member, fc.boolean()), { maxLength: 10 }), (start, steps) => {
      const now = new Map(start.map((each) => [`${each.table} ${each.id}`, each]))
      const changes: MemberChange[] = []
      for (const [each, isDeleted] of steps) {
        const { table, id } = each
        const before = now.get(`${table} ${id}`) ?? null
        if (before === null && isDeleted) continue
        const after = isDeleted ? null : each
        changes.push({ tenant: 'app', table, id, before, after })
        if (after === null) now.delete(`${table} ${id}`)
        else now.set(`${table} ${id}`, after)
      }
      assert.equal(manifestDigest(membersBefore([...now.values()], changes)), manifestDigest(start))
    }),
  )
})

eachDatabase('a manifest changes with each of its rows, in the same entry of the trail, and with no other tenant’s', async (store) => {
  const storage = await store.open()
  for (const app of ['app', 'other']) await addApp(storage, app)
  const guard = new ManifestGuard(storage)
  assert.equal(await guard.current('app'), 0)
  await addPolicy(storage, 'one')
  await addPolicy(storage, 'two')
  assert.equal(await guard.current('app'), 2)
  assert.deepEqual(await storage.readManifest({ tenant: 'other' }), { revision: 0, state: 'whole' })
  await storage.deleteQuotePolicy({ id: 'one', audit: null })
  await storage.deleteQuotePolicy({ id: 'two', audit: null })
  assert.equal(await guard.current('app'), 4)
  assert.equal(await storage.manifestTotal(), 4)
  const named = await queryDatabase(
    store.location,
    `select m.revision as revision from trail_rows m join trail_rows p on p.epoch = m.epoch and p.position = m.position
      where m.row_table = 'manifests' and m.row_id = 'app' and p.row_table = 'quote_policies' order by m.position`,
  )
  assert.deepEqual(
    named.map(({ revision }) => Number(revision)),
    [1, 2, 3, 4],
  )
})

eachDatabase(
  'rows that are put back, deleted, edited or made up are refused at once, and no later change makes them valid',
  async (store) => {
    const storage = await store.open()
    const guard = new ManifestGuard(storage)
    const { sql, copy, putBack } = intruder(store)
    for (const app of ['app', 'other']) await addApp(storage, app)
    for (const id of ['gone', 'kept']) await addPolicy(storage, id)
    await addPolicy(storage, 'foreign', 'other')
    const gone = await copy('quote_policies', `id = 'gone'`)
    const kept = await copy('quote_policies', `id = 'kept'`)
    const older = await copy('manifests', `tenant = 'app'`)
    await storage.deleteQuotePolicy({ id: 'gone', audit: null })
    const newest = await copy('manifests', `tenant = 'app'`)
    const revision = await guard.current('app')
    const refused = async () => {
      await assert.rejects(guard.current('app'), REFUSED)
      await assert.rejects(addPolicy(storage, 'later'), ALTERED)
      assert.equal(await guard.current('other'), 1)
    }

    await putBack('quote_policies', gone)
    await refused()
    await sql(`delete from quote_policies where id = 'gone'`)
    assert.equal(await guard.current('app'), revision)

    await sql(`delete from quote_policies where id = 'kept'`)
    await refused()
    await putBack('quote_policies', kept)

    await sql(`update quote_policies set mr_signer = 'other' where id = 'kept'`)
    await refused()
    await sql(`delete from quote_policies where id = 'kept'`)
    await putBack('quote_policies', kept)

    await sql(`delete from manifests where tenant = 'app'`)
    await refused()
    await putBack('manifests', newest)
    await sql(`update manifests set digest = '' where tenant = 'app'`)
    await refused()
    await sql(`update manifests set tenant = 'third' where tenant = 'app'`)
    await refused()
    await sql(`delete from manifests where tenant = 'third'`)

    // Both as they were: this agrees with itself, and this server knows better.
    await putBack('manifests', older)
    await putBack('quote_policies', gone)
    assert.deepEqual(await storage.readManifest({ tenant: 'app' }), { revision: revision - 1, state: 'whole' })
    await assert.rejects(guard.current('app'), REFUSED)
    await sql(`delete from quote_policies where id = 'gone'`)
    await sql(`delete from manifests where tenant = 'app'`)
    await putBack('manifests', newest)
    assert.equal(await guard.current('app'), revision)
    await addPolicy(storage, 'later')
    assert.equal(await guard.current('app'), revision + 1)
  },
)

eachDatabase('changes of one tenant at once, on two servers, are all in its manifest', async (store) => {
  const [one, two] = [await store.open(), await store.open()]
  for (const app of ['app', 'other']) await addApp(one, app)
  const ids = Array.from({ length: 12 }, (_, i) => `policy ${i}`)
  await Promise.all(ids.map((id, i) => addPolicy(i % 2 === 0 ? one : two, id, i % 3 === 0 ? 'other' : 'app')))
  await Promise.all(ids.slice(0, 6).map((id, i) => (i % 2 === 0 ? two : one).deleteQuotePolicy({ id, audit: null })))
  assert.deepEqual(await two.readManifest({ tenant: 'app' }), { revision: 12, state: 'whole' })
  assert.deepEqual(await one.readManifest({ tenant: 'other' }), { revision: 6, state: 'whole' })
})

eachDatabase(
  'a store from before there were manifests gets them; one that is broken is made anew only where that is asked for',
  async (store) => {
    const storage = await store.open()
    const { sql } = intruder(store)
    for (const app of ['app', 'other']) await addApp(storage, app)
    await addPolicy(storage, 'one')
    await addPolicy(storage, 'two', 'other')
    await sql(`delete from manifests where tenant = 'app'`)
    await sql(`update manifests set digest = '' where tenant = 'other'`)
    assert.deepEqual(await storage.readManifest({ tenant: 'app' }), { revision: 0, state: 'absent' })
    assert.deepEqual(await storage.makeManifests({ which: 'missing', at: 1 }), ['app'])
    assert.deepEqual(await storage.readManifest({ tenant: 'app' }), { revision: 1, state: 'whole' })
    assert.deepEqual(await storage.readManifest({ tenant: 'other' }), { revision: 1, state: 'altered' })
    assert.deepEqual(await storage.makeManifests({ which: 'broken', at: 1 }), ['other'])
    assert.deepEqual(await storage.readManifest({ tenant: 'other' }), { revision: 2, state: 'whole' })
    assert.deepEqual(await storage.makeManifests({ which: 'broken', at: 1 }), [])
  },
)

test('a store whose manifests are older than the mark says does not start', async () => {
  const [dataDir, outside] = [await temporaryFolder(), await temporaryFolder()]
  const path = join(outside, 'mark')
  const start = async (...more: string[]) => {
    await using server = await startTestServer({ dataDir, flags: ['--mark', path, ...more] })
    assert.ok(server.url)
  }
  try {
    await start()
    const mark = JSON.parse(await readFile(path, 'utf8')) as { manifests: number }
    assert.equal(mark.manifests, 0)
    await writeFile(path, JSON.stringify({ ...mark, manifests: 1 }))
    await assert.rejects(start(), /manifests revisions 0 of 1 \(rolled back\)/)
    await start('--on-rollback', 'warn')
    await start()
  } finally {
    for (const folder of [dataDir, outside]) await rm(folder, { recursive: true, force: true })
  }
})
