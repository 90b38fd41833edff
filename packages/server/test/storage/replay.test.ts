import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import type { ReplayRecord } from '../../src/storage/index.ts'

function record(appId: string, stamp: number, ...fingerprint: number[]): ReplayRecord {
  return [appId, stamp, new Uint8Array([...fingerprint, 0, 0, 0, 0, 0, 0, 0, 0].slice(0, 8))]
}

eachDatabase('a registration raises the epoch and reads peers, fences and the newest record', async ({ open }) => {
  const storage = await open()
  assert.deepEqual(await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 }), {
    epoch: 1,
    peers: [],
    fences: [],
    records: [],
    windows: [],
  })
  const raised: [string, number][] = [
    ['b', 20],
    ['a', 10],
  ]
  assert.equal(await storage.raiseFences({ serverId: 'one', epoch: 1, fences: raised }), 'ok')
  await storage.insertReplayRecords({ serverId: 'one', records: [record('a', 30), record('b', 25)] })
  await storage.heartbeat({ id: 'one' })
  assert.deepEqual(await storage.registerServer({ id: 'two', at: 2, recordLimit: 10 }), {
    epoch: 2,
    peers: [{ id: 'one', heartbeat: 1 }],
    fences: [
      ['a', 10],
      ['b', 20],
    ],
    records: [record('b', 25), record('a', 30)],
    windows: [],
  })
})

eachDatabase('fences only rise, and only for a registered server that knows the epoch', async ({ open }) => {
  const storage = await open()
  await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 })
  const raise = (epoch: number, stamp: number, serverId = 'one') => storage.raiseFences({ serverId, epoch, fences: [['a', stamp]] })
  assert.equal(await raise(1, 20), 'ok')
  assert.equal(await raise(1, 10), 'ok')
  assert.equal(await raise(0, 30), 'epoch')
  assert.equal(await raise(1, 40, 'stranger'), 'expelled')
  const twice: [string, number][] = [
    ['b', 7],
    ['b', 9],
    ['b', 8],
  ]
  assert.equal(await storage.raiseFences({ serverId: 'one', epoch: 1, fences: twice }), 'ok')
  const { fences } = await storage.registerServer({ id: 'two', at: 2, recordLimit: 10 })
  assert.deepEqual(fences, [
    ['a', 20],
    ['b', 9],
  ])
  assert.equal(await raise(1, 50), 'epoch')
  assert.equal(await raise(2, 50), 'ok')
})

eachDatabase('a heartbeat counts, and tells a server that it was expelled', async ({ open }) => {
  const storage = await open()
  await storage.registerServer({ id: 'b', at: 1, recordLimit: 10 })
  await storage.registerServer({ id: 'a', at: 2, recordLimit: 10 })
  assert.deepEqual(await storage.heartbeat({ id: 'b' }), {
    registered: true,
    epoch: 2,
    servers: [
      { id: 'a', heartbeat: 0 },
      { id: 'b', heartbeat: 1 },
    ],
  })
  assert.equal(await storage.expelServer({ id: 'b', heartbeat: 0 }), false)
  assert.equal(await storage.expelServer({ id: 'stranger', heartbeat: 0 }), false)
  assert.equal(await storage.expelServer({ id: 'b', heartbeat: 1 }), true)
  assert.deepEqual(await storage.heartbeat({ id: 'b' }), { registered: false, epoch: 3, servers: [{ id: 'a', heartbeat: 0 }] })
  assert.equal(await storage.insertReplayRecords({ serverId: 'b', records: [record('a', 1)] }), 'expelled')
  assert.equal(await storage.raiseFences({ serverId: 'b', epoch: 3, fences: [] }), 'expelled')
})

eachDatabase('a clean stop sets the fences exactly, but only of a server that is alone', async ({ open }) => {
  const storage = await open()
  const fencesNow = async () => {
    const { fences } = await storage.registerServer({ id: 'reader', at: 9, recordLimit: 10 })
    await storage.unregisterServer({ id: 'reader', fences: [] })
    return fences
  }
  await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 })
  await storage.raiseFences({ serverId: 'one', epoch: 1, fences: [['a', 2_000]] })
  await storage.registerServer({ id: 'two', at: 2, recordLimit: 10 })
  await storage.unregisterServer({ id: 'two', fences: [['a', 500]] })
  assert.deepEqual(await fencesNow(), [['a', 2_000]])
  await storage.unregisterServer({ id: 'two', fences: [['a', 500]] })
  assert.deepEqual(await fencesNow(), [['a', 2_000]])
  const exact: [string, number][] = [
    ['a', 1_000],
    ['b', 3],
  ]
  await storage.unregisterServer({ id: 'one', fences: exact })
  assert.deepEqual(await fencesNow(), exact)
  assert.deepEqual((await storage.heartbeat({ id: 'one' })).servers, [])
})

eachDatabase('a record is new once: in one call, over calls, and over servers', async ({ open }) => {
  const storage = await open()
  await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 })
  await storage.registerServer({ id: 'two', at: 2, recordLimit: 10 })
  const records = [record('a', 1, 1), record('a', 1, 2), record('a', 1, 1), record('b', 1, 1), record('a', 2, 1)]
  assert.deepEqual(await storage.insertReplayRecords({ serverId: 'one', records }), [true, true, false, true, true])
  const again = [record('a', 2, 1), record('a', 3, 1), record('b', 1, 1)]
  assert.deepEqual(await storage.insertReplayRecords({ serverId: 'two', records: again }), [false, true, false])
  assert.deepEqual(await storage.insertReplayRecords({ serverId: 'two', records: [] }), [])
})

eachDatabase('a large batch of records, given as parts of one buffer, is answered in order', async ({ open }) => {
  const storage = await open()
  await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 })
  const fingerprints = new Uint8Array(1_200 * 8)
  const records = Array.from({ length: 1_200 }, (_, i): ReplayRecord => {
    const fingerprint = fingerprints.subarray(i * 8, i * 8 + 8)
    new DataView(fingerprints.buffer).setUint32(i * 8, 4_000_000_000 - i)
    return ['a', 1, fingerprint]
  })
  const known = records.filter((_, i) => i % 3 === 0)
  await storage.insertReplayRecords({ serverId: 'one', records: known })
  const inserted = await storage.insertReplayRecords({ serverId: 'one', records })
  assert.deepEqual(
    inserted,
    records.map((_, i) => i % 3 !== 0),
  )
})

eachDatabase('old records are purged, a bounded number at a time', async ({ open }) => {
  const storage = await open()
  await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 })
  const records = [10, 11, 12, 13].map((stamp) => record('a', stamp))
  await storage.insertReplayRecords({ serverId: 'one', records })
  assert.equal(await storage.purgeReplayRecords({ before: 13, limit: 2 }), 2)
  assert.equal(await storage.purgeReplayRecords({ before: 13, limit: 2 }), 1)
  assert.equal(await storage.purgeReplayRecords({ before: 13, limit: 2 }), 0)
  assert.deepEqual(await storage.insertReplayRecords({ serverId: 'one', records }), [true, true, true, false])
})

eachDatabase('a registration reads only records above their fence, and none when they are too many', async ({ open }) => {
  const storage = await open()
  await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 })
  await storage.raiseFences({ serverId: 'one', epoch: 1, fences: [['a', 11]] })
  await storage.insertReplayRecords({ serverId: 'one', records: [record('a', 11), record('a', 12), record('b', 1), record('b', 2)] })
  const read = async (recordLimit: number) => (await storage.registerServer({ id: 'two', at: 2, recordLimit })).records
  assert.deepEqual(await read(3), [record('b', 1), record('b', 2), record('a', 12)])
  assert.equal(await read(2), null)
})

eachDatabase('saved windows are read by whoever registers next, replaced by newer ones, and purged', async ({ open }) => {
  const storage = await open()
  const saved = async () => (await storage.registerServer({ id: 'one', at: 1, recordLimit: 10 })).windows
  const [a, b] = ['a', 'b'].map((appId) => ({ appId, newest: 20, pages: new Uint8Array([1, 2, 3]) }))
  assert.equal(await storage.saveReplayWindows({ serverId: 'one', windows: [a!] }), 'expelled')
  assert.deepEqual(await saved(), [])
  assert.equal(await storage.saveReplayWindows({ serverId: 'one', windows: [b!, a!] }), 'ok')
  assert.deepEqual(await saved(), [a, b])
  const newer = { ...a!, newest: 30, pages: new Uint8Array() }
  await storage.saveReplayWindows({ serverId: 'one', windows: [newer] })
  assert.deepEqual(await saved(), [newer, b])
  await storage.purgeReplayRecords({ before: 30, limit: 1 })
  assert.deepEqual(await saved(), [newer])
})
