/** A wall clock that is moved ahead destroys nothing before somebody could notice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStore } from '@vouchsafe/testkit/databases'
import { ClockWatch } from '../../src/foundation/clock-watch.ts'
import { Housekeeping } from '../../src/process/housekeeping.ts'
import { createLog } from '../../src/process/log.ts'
import { enrollApp, keyRequest, openDomain } from '../support/domain.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { appCall, operatorCall } from '@vouchsafe/testkit/callers'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

test('a leap ahead is held for an hour; putting it partly right does not lift that, putting it right does', () => {
  const runtime = pinnedRuntime()
  const watch = new ClockWatch(runtime, createLog('silent'))
  assert.equal(watch.jumped(), false)
  runtime.advance(DAY_MS)
  assert.equal(watch.jumped(), false, 'time that passes is no leap')
  runtime.step(30 * DAY_MS)
  assert.equal(watch.jumped(), true)
  runtime.step(-15 * MINUTE_MS)
  assert.equal(watch.jumped(), true)
  runtime.step(-30 * DAY_MS + 15 * MINUTE_MS)
  assert.equal(watch.jumped(), false)
  runtime.step(30 * DAY_MS)
  assert.equal(watch.jumped(), true)
  runtime.advance(61 * MINUTE_MS)
  assert.equal(watch.jumped(), false)
})

test('deleted keys outlive a leap of the clock', async () => {
  await using store = await testStore('sqlite')
  const runtime = pinnedRuntime()
  await using domain = await openDomain({ storage: await store.open(), dataDir: store.location.dataDir, runtime })
  await using housekeeping = new Housekeeping(domain)
  const app = await enrollApp(domain)
  const keyId = await domain.keys.create(appCall(app), keyRequest())
  await domain.keys.delete(appCall(app), keyId)
  runtime.step(30 * DAY_MS)
  await housekeeping.run()
  assert.equal((await domain.keys.restore(operatorCall(), keyId, app)).id, keyId)
})
