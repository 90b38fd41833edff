// Several servers at once on one store: what must hold whoever comes first.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { type TestStore, eachDatabase } from '@vouchsafe/testkit/databases'
import type { ReplayRecord } from '../../src/storage/index.ts'
import { addApp, addKey, apiKeyRow, appRow, auditRow, importSessionRow, keyRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

async function openTwo({ open }: TestStore) {
  return [await open(), await open()] as const
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

eachDatabase('the limit of keys is exact', async (store) => {
  const servers = await openTwo(store)
  await addApp(servers[0])
  const results = await Promise.all(
    numbers(40).map((i) => servers[i % 2 ? 1 : 0].insertKey({ key: keyRow({ id: `key-${i}` }), limit: 15, audit: null })),
  )
  assert.equal(results.filter((result) => result === 'created').length, 15)
  assert.equal((await servers[1].listKeys({ appId: 'app', after: null, limit: 100 })).length, 15)
})

eachDatabase('the limit of apps is exact', async (store) => {
  const servers = await openTwo(store)
  const results = await Promise.all(
    numbers(30).map((i) =>
      servers[i % 2 ? 1 : 0].insertApp({
        app: appRow({ id: `app-${i}` }),
        apiKey: apiKeyRow({ id: `api-key-${i}`, appId: `app-${i}` }),
        defaultKey: keyRow({ id: `key-${i}`, appId: `app-${i}`, isDefault: true }),
        limit: 11,
        audit: null,
      }),
    ),
  )
  assert.equal(results.filter((result) => result === 'created').length, 11)
  assert.equal(await servers[1].countApps(), 11)
})

eachDatabase('of several imports with one token, one wins', async (store) => {
  const servers = await openTwo(store)
  await addApp(servers[0])
  await addKey(servers[0], { origin: 'external', material: null })
  await servers[0].putImportSession({ session: importSessionRow(), audit: null })
  const results = await Promise.all(
    numbers(8).map((i) =>
      servers[i % 2 ? 1 : 0].completeImport({
        appId: 'app',
        keyId: 'key',
        tokenId: 'token',
        material: new Uint8Array([i]),
        domainVersion: 1,
        at: 1,
        audit: auditRow({ object: String(i) }),
      }),
    ),
  )
  assert.deepEqual(results.toSorted(), ['imported', ...numbers(7).map(() => 'token')])
  const winner = results.indexOf('imported')
  assert.deepEqual((await servers[1].findKey({ id: 'key' }))?.material, new Uint8Array([winner]))
  assert.deepEqual(
    (await listRecords(servers[1], { after: 0, limit: 10 })).map((row) => row.object),
    [String(winner)],
  )
})

eachDatabase('a key is deleted once, and either restored or destroyed', async (store) => {
  const servers = await openTwo(store)
  await addApp(servers[0])
  const ids = numbers(12).map((i) => `key-${String(i).padStart(2, '0')}`)
  await Promise.all(ids.map((id) => addKey(servers[0], { id })))
  const deletions = await Promise.all(
    servers.map((server) => server.deleteKeys({ appId: 'app', id: null, deletedAt: 100, destroyAt: 200, audit: auditRow() })),
  )
  assert.deepEqual(deletions.flat().toSorted(), ids)
  assert.equal((await listRecords(servers[0], { after: 0, limit: 100 })).length, 12)

  const [restored, ...destroyed] = await Promise.all([
    Promise.all(ids.map((id) => servers[0].restoreKey({ id, appId: 'app', at: 250, audit: null }))),
    ...numbers(8).map((i) => servers[i % 2 ? 1 : 0].destroyDueKeys({ now: 300, limit: 3, audit: auditRow({ action: 'DestroyKey' }) })),
  ])
  const gone = destroyed.flat()
  const back = restored.flatMap((key) => (key === null ? [] : key.id))
  assert.deepEqual([...back, ...gone].toSorted(), ids)
  assert.deepEqual((await servers[1].listKeys({ appId: 'app', after: null, limit: 100 })).map((key) => key.id).toSorted(), back.toSorted())
  // The app's count of keys has survived: the limit is still exact.
  assert.equal(await servers[0].insertKey({ key: keyRow({ id: 'more' }), limit: back.length, audit: null }), 'limit')
  assert.equal(await servers[0].insertKey({ key: keyRow({ id: 'more' }), limit: back.length + 1, audit: null }), 'created')
})

eachDatabase('a fence that is raised while a server registers is seen by it or refused', async (store) => {
  const servers = await openTwo(store)
  let { epoch } = await servers[0].registerServer({ id: 'first', at: 1, recordLimit: 10 })
  for (const round of numbers(25)) {
    const [raised, registration] = await Promise.all([
      servers[0].raiseFences({ serverId: 'first', epoch, fences: [[`app-${round}`, round]] }),
      servers[1].registerServer({ id: `server-${round}`, at: 1, recordLimit: 10 }),
    ])
    const seen = registration.fences.some(([appId]) => appId === `app-${round}`)
    assert.equal(seen, raised === 'ok', `raised: ${raised}`)
    epoch = registration.epoch
  }
})

eachDatabase('a server that is expelled while it records either has recorded or is told', async (store) => {
  const servers = await openTwo(store)
  await servers[1].registerServer({ id: 'judge', at: 1, recordLimit: 10 })
  for (const round of numbers(15)) {
    await servers[0].registerServer({ id: 'slow', at: 1, recordLimit: 10 })
    const records: ReplayRecord[] = [['app', round, new Uint8Array(8)]]
    const [inserted, expelled] = await Promise.all([
      servers[0].insertReplayRecords({ serverId: 'slow', records }),
      servers[1].expelServer({ id: 'slow', heartbeat: 0 }),
    ])
    assert.equal(expelled, true)
    const [isNew] = (await servers[1].insertReplayRecords({ serverId: 'judge', records })) as boolean[]
    assert.equal(isNew, inserted === 'expelled')
  }
})

eachDatabase('a record that all servers insert at once is new to one', async (store) => {
  const servers = await openTwo(store)
  for (const [i, server] of servers.entries()) await server.registerServer({ id: `server-${i}`, at: 1, recordLimit: 10 })
  const records = numbers(60).map((i): ReplayRecord => ['app', i % 7, new Uint8Array([i, 0, 0, 0, 0, 0, 0, 0])])
  const results = await Promise.all(
    numbers(10).map((i) => {
      const side = i % 2 ? 1 : 0
      const ordered = side ? records : records.toReversed()
      return servers[side].insertReplayRecords({ serverId: `server-${side}`, records: ordered })
    }),
  )
  assert.equal(results.flat().filter((result) => result === true).length, 60)
})

eachDatabase('counts of encryptions from all servers add up', async (store) => {
  const servers = await openTwo(store)
  await addApp(servers[0])
  const ids = numbers(20).map((i) => `key-${i}`)
  await Promise.all(ids.map((id) => addKey(servers[0], { id })))
  const counts = ids.map((id): [string, number] => [id, 1])
  await Promise.all(numbers(20).map((i) => servers[i % 2 ? 1 : 0].addEncryptions({ counts: i % 3 ? counts : counts.toReversed() })))
  for (const key of await servers[1].listKeys({ appId: 'app', after: null, limit: 100 })) assert.equal(key.encryptions, 20)
})

eachDatabase('who follows the changes misses none, whoever writes', async (store) => {
  const servers = await openTwo(store)
  await addApp(servers[0])
  const ids = numbers(60).map((i) => `key-${i}`)
  await Promise.all(ids.map((id) => addKey(servers[0], { id })))
  const writing = Promise.all(
    ids.map((id, i) => servers[i % 2 ? 1 : 0].setKeyEnabled({ appId: 'app', id, enabled: false, at: i, audit: null })),
  )
  const seen: { seq: number; objectId: string }[] = []
  const follow = async () => {
    for (;;) {
      const page = await servers[1].readChanges({ after: seen.at(-1)?.seq ?? 0, limit: 7 })
      if (page.length === 0) return
      seen.push(...page)
    }
  }
  let written = false
  void writing.then(() => (written = true))
  while (!written) {
    await follow()
    // SQLite's reads are inline: a loop of them alone would keep the writers' answers from arriving.
    await setImmediate()
  }
  await follow()
  assert.deepEqual(
    seen.map((change) => change.seq),
    numbers(60).map((i) => i + 1),
  )
  assert.deepEqual(new Set(seen.map((change) => change.objectId)), new Set(ids))
})

eachDatabase('two servers that open an empty store at once both find it whole', async (store) => {
  const [one, two] = await Promise.all([store.open(), store.open()])
  await addApp(one)
  assert.equal(await two.countApps(), 1)
})
