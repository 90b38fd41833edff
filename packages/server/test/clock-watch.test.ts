/** A wall clock that is moved ahead destroys nothing before somebody could notice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClockWatch } from '../src/clock-watch.ts'
import { Housekeeping } from '../src/housekeeping.ts'
import { createLog } from '../src/log.ts'
import { ACTOR, enrollApp, keyRequest, openDomain } from './support/domain.ts'
import { testStore } from './support/databases.ts'
import { pinnedPlatform } from './support/platform.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

test('a leap ahead is held for an hour; putting it partly right does not lift that, putting it right does', () => {
  const platform = pinnedPlatform()
  const watch = new ClockWatch(platform, createLog('silent'))
  assert.equal(watch.leapt(), false)
  platform.advance(DAY_MS)
  assert.equal(watch.leapt(), false, 'time that passes is no leap')
  platform.step(30 * DAY_MS)
  assert.equal(watch.leapt(), true)
  platform.step(-15 * MINUTE_MS)
  assert.equal(watch.leapt(), true)
  platform.step(-30 * DAY_MS + 15 * MINUTE_MS)
  assert.equal(watch.leapt(), false)
  platform.step(30 * DAY_MS)
  assert.equal(watch.leapt(), true)
  platform.advance(61 * MINUTE_MS)
  assert.equal(watch.leapt(), false)
})

test('deleted keys outlive a leap of the clock', async () => {
  await using store = await testStore('sqlite')
  const platform = pinnedPlatform()
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, platform })
  await using housekeeping = new Housekeeping(domain)
  const app = await enrollApp(domain)
  const keyId = await domain.keys.create(app, keyRequest(), ACTOR)
  await domain.keys.delete(app, keyId, ACTOR)
  platform.step(30 * DAY_MS)
  await housekeeping.run()
  assert.equal((await domain.keys.restore(keyId, app, ACTOR)).id, keyId)
})
