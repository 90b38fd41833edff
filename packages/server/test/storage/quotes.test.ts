import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { addApp, auditRow, collateralRow, quotePolicyRow, simulatedPkiRow } from '../support/rows.ts'
import { listRecords } from '../support/records.ts'

eachDatabase('a quote policy is found by its app alone, and keeps its digits as they were', async (store) => {
  const storage = await store.open()
  await addApp(storage)
  await addApp(storage, 'other')
  const policy = quotePolicyRow()
  assert.equal(await storage.insertQuotePolicy({ policy, limit: 1, audit: auditRow() }), 'created')
  assert.deepEqual(await storage.findQuotePolicy({ appId: 'app', id: 'policy' }), policy)
  assert.equal(await storage.findQuotePolicy({ appId: 'other', id: 'policy' }), null)
  assert.equal(await storage.insertQuotePolicy({ policy: quotePolicyRow({ id: 'second' }), limit: 1, audit: auditRow() }), 'limit')
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 1)
})

eachDatabase('policies are listed by age in pages, of one app or all, and deleted with an audit row', async (store) => {
  const storage = await store.open()
  await addApp(storage)
  await addApp(storage, 'other')
  const rows = [
    quotePolicyRow({ id: 'b', createdAt: 1 }),
    quotePolicyRow({ id: 'c', createdAt: 1, appId: 'other' }),
    quotePolicyRow({ id: 'a', createdAt: 2 }),
  ]
  for (const policy of rows.toReversed()) await storage.insertQuotePolicy({ policy, limit: 10, audit: null })
  assert.deepEqual(await storage.listQuotePolicies({ appId: null, after: null, limit: 10 }), rows)
  assert.deepEqual(await storage.listQuotePolicies({ appId: null, after: { createdAt: 1, id: 'b' }, limit: 1 }), [rows[1]])
  assert.deepEqual(await storage.listQuotePolicies({ appId: 'app', after: { createdAt: 1, id: 'b' }, limit: 10 }), [rows[2]])
  assert.equal(await storage.deleteQuotePolicy({ id: 'b', audit: auditRow() }), true)
  assert.equal(await storage.deleteQuotePolicy({ id: 'b', audit: auditRow() }), false)
  assert.equal((await listRecords(storage, { after: 0, limit: 10 })).length, 1)
})

eachDatabase('the limit of policies is exact, however many are uploaded at once', async (store) => {
  const [one, two] = [await store.open(), await store.open()]
  await addApp(one)
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? one : two).insertQuotePolicy({ policy: quotePolicyRow({ id: `policy ${i}` }), limit: 5, audit: null }),
    ),
  )
  assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 5)
})

eachDatabase('collateral replaces its platform’s, and the platforms that were fetched longest ago go', async (store) => {
  const storage = await store.open()
  for (const [platform, fetchedAt] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
    ['a', 4],
  ] as const)
    await storage.putCollateral({ row: collateralRow({ platform, fetchedAt, parts: new Uint8Array([fetchedAt]) }), limit: 2 })
  assert.deepEqual(
    await storage.findCollateral({ platform: 'a' }),
    collateralRow({ platform: 'a', fetchedAt: 4, parts: new Uint8Array([4]) }),
  )
  assert.equal(await storage.findCollateral({ platform: 'b' }), null)
  assert.ok(await storage.findCollateral({ platform: 'c' }))
})

eachDatabase('of several servers that make a simulated PKI, one wins', async (store) => {
  const [one, two] = [await store.open(), await store.open()]
  const won = await Promise.all(
    [one, two].map((storage, i) => storage.insertSimulatedPki({ row: simulatedPkiRow({ domainVersion: i + 1 }) })),
  )
  assert.deepEqual(won.toSorted(), [false, true])
  assert.deepEqual(await one.findSimulatedPki({ id: 'sgx' }), simulatedPkiRow({ domainVersion: won.indexOf(true) + 1 }))
  assert.equal(await one.findSimulatedPki({ id: 'other' }), null)
})
