// /readyz says yes only where a change would succeed.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { rootKeyFile } from '../../src/root-key/key-file.ts'
import { openEnvelope } from '../../src/envelope/envelope.ts'
import { MIN_FREE_BYTES, Readiness, freeBytesOf, type ReadinessOptions } from '../../src/process/readiness.ts'
import { StorageError } from '../../src/storage/index.ts'
import { startGuard } from '../support/guard.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'

const IDLE = { waitingBytes: 0, failing: false, lostFiles: 0 }
const GOOD: ReadinessOptions = {
  storage: { ping: () => Promise.resolve() },
  replay: { lastWrite: { ageMs: 0, failing: false } },
  trail: { hasRoom: true, statistics: IDLE },
  sequencer: { incident: undefined, problem: undefined, statistics: { size: 0, waiting: 0, checkpoint: 0 } },
  trailWatch: { faults: [] },
  witnesses: { contradictions: [] },
  envelope: { usable: true },
  freeBytes: () => MIN_FREE_BYTES,
}

test('each reason is named, alone and together with others', async () => {
  const reasonsOf = (options: Partial<ReadinessOptions>) => new Readiness({ ...GOOD, ...options }).check()
  assert.deepEqual(await reasonsOf({}), [])
  const cases: [Partial<ReadinessOptions>, string][] = [
    [{ storage: { ping: () => Promise.reject(new StorageError('unavailable')) } }, 'store'],
    [{ replay: { lastWrite: { ageMs: 0, failing: true } } }, 'store_write'],
    [{ replay: { lastWrite: { ageMs: 10_001, failing: false } } }, 'store_write'],
    [{ freeBytes: () => MIN_FREE_BYTES - 1 }, 'disk'],
    [{ freeBytes: () => NaN }, 'disk'],
    [{ trail: { hasRoom: false, statistics: IDLE } }, 'trail'],
    [{ trailWatch: { faults: [{ fault: 'deleted', table: 'keys', id: 'one' }] } }, 'trail_altered'],
    [{ envelope: { usable: false } }, 'domain_keys'],
  ]
  for (const [options, reason] of cases) assert.deepEqual(await reasonsOf(options), [reason])
  const all = Object.assign({}, ...cases.map(([options]) => options)) as Partial<ReadinessOptions>
  assert.deepEqual(
    await reasonsOf(all),
    ['store', 'disk', 'trail', 'trail_altered', 'domain_keys'],
    'what does not answer takes no write either',
  )
})

test('what was found is named; a witness that errs does not make a server unready', async () => {
  const faults = [
    { fault: 'put_back' as const, table: 'keys', id: 'one' },
    { fault: 'contradicted' as const, table: 'trail', id: 'witness 1 says so' },
  ]
  const witnesses = { contradictions: ['witness 1 says so'] }
  const found = new Readiness({ ...GOOD, trailWatch: { faults }, witnesses })
  assert.deepEqual([await found.check(), found.findings], [['trail_altered'], ['keys one (put back)', 'witness 1 says so']])
  const said = new Readiness({ ...GOOD, trailWatch: { faults: faults.slice(1) }, witnesses })
  assert.deepEqual([await said.check(), said.findings], [[], ['witness 1 says so']])
  assert.deepEqual(new Readiness(GOOD).findings, [])
})

test('what is free under a folder is told, and NaN of one that is not there', () => {
  assert.ok(freeBytesOf(tmpdir()) > 0)
  assert.ok(Number.isNaN(freeBytesOf('/there/is/no/such/folder')))
})

eachDatabase('a store that answers but takes no write is noticed with the next heartbeat, and so is its recovery', async (store) => {
  const runtime = pinnedRuntime()
  const { storage, failing } = watchStorage(await store.open())
  await using replay = await startGuard(storage, runtime)
  const readiness = new Readiness({ ...GOOD, storage, replay })
  assert.deepEqual(await readiness.check(), [])
  failing.add('heartbeat')
  await replay.tick()
  assert.deepEqual(await readiness.check(), ['store_write'])
  failing.clear()
  await replay.tick()
  assert.deepEqual(await readiness.check(), [])
  runtime.advance(10_001)
  assert.deepEqual(await readiness.check(), ['store_write'], 'a write that hangs')
  await replay.tick()
  assert.deepEqual(await readiness.check(), [])
})

eachDatabase('domain keys that cannot be loaded are noticed, and so is their return', async (store, t) => {
  const runtime = pinnedRuntime()
  const dataDir = await mkdtemp(join(tmpdir(), 'vouchsafe-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const { storage, failing } = watchStorage(await store.open())
  const envelope = await openEnvelope(storage, rootKeyFile({ dataDir, runtime }), runtime)
  assert.equal(envelope.usable, true)
  failing.add('listDomainKeys')
  await assert.rejects(envelope.refresh())
  assert.equal(envelope.usable, false)
  failing.clear()
  await envelope.refresh()
  assert.equal(envelope.usable, true)
  const [row] = await storage.listDomainKeys()
  await assert.rejects(envelope.take([{ ...row!, checkValue: 'another' }]), { name: 'SealError' })
  assert.equal(envelope.usable, false)
})
