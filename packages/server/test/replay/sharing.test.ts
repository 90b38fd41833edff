// Several servers on one store: what one accepts, every other refuses.
import assert from 'node:assert/strict'
import { eachDatabase } from '@vouchsafe/testkit/databases'
import { enroll, post, signedBody } from '@vouchsafe/testkit/ehsm-calls'
import { spawnServer } from '@vouchsafe/testkit/server'
import { macOf, offer, startGuard } from '../support/guard.ts'
import { pinnedRuntime } from '../support/runtime.ts'
import { watchStorage } from '../support/watched-storage.ts'

const runtime = pinnedRuntime()
const NOW = runtime.now()

eachDatabase('what one of two servers accepts, the other refuses, in either order and at once', async (store) => {
  await using one = await startGuard(await store.open(), runtime)
  await one.accept('app', NOW, macOf(NOW, 'before'))
  await using two = await startGuard(await store.open(), runtime)
  assert.equal(await offer(two, 'app', NOW, 'before'), 'stamp_fenced', 'accepted before the second joined')
  assert.equal(await offer(two, 'app', NOW, 'unknown'), 'stamp_fenced')

  const guards = [one, two]
  for (let i = 0; i < 10; i++) {
    const [first, second] = i % 2 === 0 ? [one, two] : [two, one]
    for (const nonce of [undefined, 'n']) {
      const stamp = NOW + 3_000 + i
      assert.equal(await offer(first!, 'app', stamp, nonce), 'accepted')
      assert.equal(await offer(second!, 'app', stamp, nonce), 'replayed')
      const together = await Promise.all(guards.map((guard) => offer(guard, 'app', stamp + 1_000, nonce)))
      assert.deepEqual(together.sort(), ['accepted', 'replayed'])
    }
  }
  await one.tick()
  assert.equal(one.statistics().shared, true)
})

eachDatabase('requests sent to random servers while others join and leave are each accepted exactly once', async (store) => {
  let stamp = NOW + 10_000
  for (let round = 0; round < 4; round++) {
    await using one = await startGuard(await store.open(), runtime)
    const outcomes: Promise<string[]>[] = []
    const send = (guards: (typeof one)[], count: number) => {
      for (let i = 0; i < count; i++) {
        const nonce = i % 3 === 0 ? undefined : `n${i}`
        // Some lie within the fence that the first server has written ahead, some beyond it.
        const at = (stamp += 1 + (i % 7) * 100)
        const offers = guards.map((guard) => offer(guard, `app ${i % 2}`, at, nonce))
        outcomes.push(Promise.all(offers))
      }
    }
    send([one], 20)
    const joining = startGuard(await store.open(), runtime)
    for (let i = 0; i < 5; i++) {
      send([one], 4)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const two = await joining
    send([one, two], 20)
    send([two, one], 20)
    await Promise.all(outcomes)
    const leaving = two[Symbol.asyncDispose]()
    send([one], 20)
    await leaving
    send([one], 20)
    for (const outcome of await Promise.all(outcomes)) {
      assert.equal(outcome.filter((each) => each === 'accepted').length, 1, outcome.join())
    }
  }
})

eachDatabase('nonces that sign alike are one nonce, on the same server and on another', async (store) => {
  await using one = await startGuard(await store.open(), runtime)
  await using two = await startGuard(await store.open(), runtime)
  // The signature covers UTF-8, in which unpaired surrogates are all the replacement character.
  const [given, ...alike] = ['\ud800', '\ud801', '\udfff', '\ufffd']
  assert.equal(await offer(one, 'app', NOW, given), 'accepted')
  for (const guard of [one, two]) for (const nonce of alike) assert.equal(await offer(guard, 'app', NOW, nonce), 'replayed')
})

eachDatabase('what was accepted while the second server joined, it refuses', async (store) => {
  await using one = await startGuard(await store.open(), runtime)
  const { storage, hold } = watchStorage(await store.open())
  const release = hold('registerServer')
  const joining = startGuard(storage, runtime)
  const accepted: [number, string][] = []
  for (let i = 0; i < 50; i++) {
    const stamp = NOW + i * 150
    assert.equal(await offer(one, 'app', stamp, `n${i}`), 'accepted')
    accepted.push([stamp, `n${i}`])
  }
  release()
  await using two = await joining
  for (const [stamp, nonce] of accepted) assert.notEqual(await offer(two, 'app', stamp, nonce), 'accepted')
})

eachDatabase('an expelled server joins anew by itself, and accepts nothing that was accepted meanwhile', async (store) => {
  const observer = await store.open()
  const expelAll = async () => {
    // A server that has just beaten is not expelled; then it is tried again.
    let left = true
    while (left) {
      const { servers } = await observer.heartbeat({ id: '' })
      left = servers.length > 0
      for (const { id, heartbeat } of servers) await observer.expelServer({ id, heartbeat })
    }
  }
  await using one = await startGuard(await store.open(), runtime)
  assert.equal(await offer(one, 'app', NOW, undefined), 'accepted')
  await expelAll()
  await using two = await startGuard(await store.open(), runtime)
  assert.equal(await offer(two, 'app', NOW, undefined), 'stamp_fenced')
  assert.equal(await offer(two, 'app', NOW + 5_000, undefined), 'accepted')

  assert.notEqual(await offer(one, 'app', NOW + 5_000, undefined), 'accepted')
  assert.equal(await offer(one, 'app', NOW + 7_001, undefined), 'accepted')
  assert.equal(await offer(two, 'app', NOW + 7_001, undefined), 'replayed')
  await expelAll()
  assert.equal(await offer(one, 'app', NOW + 7_002, undefined), 'accepted')
  assert.equal(await offer(two, 'app', NOW + 7_002, undefined), 'replayed')
  const { servers } = await observer.heartbeat({ id: '' })
  assert.equal(servers.length, 2)
})

eachDatabase('a request that waits while its server joins anew is refused if another has accepted it, in whatever way', async (store) => {
  const clock = pinnedRuntime(NOW)
  const observer = await store.open()
  const { storage, hold } = watchStorage(await store.open())
  await using one = await startGuard(storage, clock)
  assert.equal(await offer(one, 'app', NOW, undefined), 'accepted')
  // It hangs and is expelled; its successor is alone for a while, and stops cleanly.
  const { servers } = await observer.heartbeat({ id: '' })
  for (const { id, heartbeat } of servers) assert.equal(await observer.expelServer({ id, heartbeat }), true)
  const stamps = [NOW + 2_500, NOW + 30_000, NOW + 31_000]
  {
    await using two = await startGuard(await store.open(), clock)
    clock.advance(1_000)
    for (const stamp of stamps) assert.equal(await offer(two, 'app', stamp, undefined), 'accepted')
  }
  clock.advance(40_000)
  const release = hold('registerServer')
  const outcomes = stamps.map((stamp) => offer(one, 'app', stamp, undefined))
  const fresh = offer(one, 'app', NOW + 32_000, undefined)
  release()
  assert.deepEqual(await Promise.all(outcomes), ['replayed', 'replayed', 'replayed'])
  assert.equal(await fresh, 'accepted')
})

eachDatabase('a server whose heartbeat stands still is expelled, and what it had accepted stays refused', async (store) => {
  const clock = pinnedRuntime(NOW)
  const observer = await store.open()
  const { storage, failing } = watchStorage(await store.open())
  const silent = await startGuard(storage, clock)
  assert.equal(await offer(silent, 'app', NOW, undefined), 'accepted')
  await using two = await startGuard(await store.open(), clock)
  assert.equal(await offer(silent, 'app', NOW + 4_000, undefined), 'accepted')
  // It hangs: nothing of it reaches the store any more.
  for (const name of ['heartbeat', 'raiseFences', 'insertReplayRecords', 'registerServer'] as const) failing.add(name)
  await two.tick()
  clock.advance(14_000)
  await two.tick()
  assert.equal((await observer.heartbeat({ id: '' })).servers.length, 2)
  clock.advance(2_000)
  await two.tick()
  assert.equal((await observer.heartbeat({ id: '' })).servers.length, 1)
  for (const stamp of [NOW, NOW + 4_000]) assert.notEqual(await offer(two, 'app', stamp, undefined), 'accepted')
  assert.equal(await offer(two, 'app', NOW + 4_001, undefined), 'accepted')
  assert.equal(await offer(silent, 'app', NOW + 4_001, undefined), 'storage_unavailable')
  failing.clear()
  assert.notEqual(await offer(silent, 'app', NOW + 4_001, undefined), 'accepted')
  await silent[Symbol.asyncDispose]()
})

eachDatabase('two processes: a request sent to both at once is accepted by one', async (store) => {
  const servers = await Promise.all([spawnServer(store.location), spawnServer(store.location)])
  try {
    const app = await enroll(servers[0].url)
    for (let i = 0; i < 20; i++) {
      const nonce = i % 2 === 0 ? null : `n${i}`
      const body = signedBody(app, undefined, { timestamp: String(Date.now() + 30_000 + i), nonce })
      const answers = await Promise.all(servers.map(({ url }) => post(url, 'ListKey', body)))
      assert.deepEqual(answers.map(({ code }) => code).sort(), [200, 400])
      for (const { url } of servers) assert.equal((await post(url, 'ListKey', body)).code, 400)
    }
    // The first to go is killed, the other stops cleanly; neither forgets for its successor.
    const body = signedBody(app, undefined, { timestamp: String(Date.now() + 60_000), nonce: null })
    assert.equal((await post(servers[0].url, 'ListKey', body)).code, 200)
    await servers[0].stop('SIGKILL')
    assert.equal((await post(servers[1].url, 'ListKey', body)).code, 400)
    assert.equal(await servers[1].stop(), 0)
    servers[0] = await spawnServer(store.location)
    assert.equal((await post(servers[0].url, 'ListKey', body)).code, 400)
  } finally {
    for (const server of servers) await server.stop('SIGKILL')
  }
})
