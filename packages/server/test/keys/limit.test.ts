import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { ServiceError } from '../../src/foundation/errors.ts'
import { enrollApp, keyRequest, openDomain } from '../support/domain.ts'
import { refusal } from '../support/refusal.ts'
import { appCall } from '@vouchsafe/testkit/callers'

eachDatabase('an app gets exactly as many keys as it may have, however many servers and calls there are at once', async (store) => {
  const policy = { keysPerApp: 5 }
  const { dataDir } = store.location
  await using one = await openDomain({ storage: await store.open(), dataDir, policy })
  await using two = await openDomain({ storage: await store.open(), dataDir, policy })
  const app = await enrollApp(one)
  const neighbour = await enrollApp(one)
  const attempts = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? one : two).keys.create(appCall(app), keyRequest()))
  const outcomes = await Promise.allSettled(attempts)
  const created = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value)
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as unknown)
  assert.equal(created.length, 5)
  assert.ok(refused.every((reason) => reason instanceof ServiceError && reason.code === 'key_limit'))
  assert.equal((await one.storage.listKeys({ appId: app, after: null, limit: 100 })).length, 5)

  await one.keys.create(appCall(neighbour), keyRequest())
  await two.keys.delete(appCall(app), created[0]!)
  await one.keys.create(appCall(app), keyRequest())
  await assert.rejects(two.keys.create(appCall(app), keyRequest()), refusal('key_limit'))
})
