// Critical sections that end anywhere, as when a thread dies in one: what was accepted stays refused, and what is remembered is counted right.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedHeap, TOP_BLOCK_BYTES, systemRuntime } from '../../src/foundation/index.ts'
import { ReplayMemory } from '../../src/replay/replay-memory.ts'
import { macOf } from '../support/guard.ts'
import { prng } from '../support/prng.ts'

const STEPS = process.env['VOUCHSAFE_TEST_FULL'] ? 1_000_000 : 6_000
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_261_129)
const BASE = 1_700_000_000_000

class CutOff extends Error {}

/** A view of memory that throws in place of its n-th write. */
function cuttable<T extends Int32Array | Float64Array>(view: T, mayWrite: () => void): T {
  const methods = {
    fill: (value: number, from: number, to: number) => (mayWrite(), view.fill(value, from, to)),
    copyWithin: (to: number, from: number, end: number) => (mayWrite(), view.copyWithin(to, from, end)),
  }
  return new Proxy(view, {
    get: (target, name) => Reflect.get(name in methods ? methods : target, name) as unknown,
    set(target, name, value: number) {
      mayWrite()
      target[Number(name)] = value
      return true
    },
  })
}

test('a critical section that is cut off at any write loses nothing and blocks nobody', () => {
  const random = prng(SEED)
  const buffer = ReplayMemory.create(systemRuntime, { appBytes: 12_000, totalBytes: 30_000 })
  let writesLeft = Infinity
  const mayWrite = (): void => {
    if (writesLeft-- <= 0) throw new CutOff()
  }
  const views = { words: cuttable(new Int32Array(buffer), mayWrite), doubles: cuttable(new Float64Array(buffer), mayWrite) }
  const memory = new ReplayMemory(buffer, 0, views)
  const intact = new ReplayMemory(buffer, 1)
  const accepted = new Map<string, [app: string, stamp: number, content: string]>()
  let [cuts, narrowed] = [0, 0]
  for (let step = 0; step < STEPS; step++) {
    const app = `app ${Math.floor(random() ** 2 * 12)}`
    const stamp = BASE + step * 5 + Math.floor(random() * 60_000)
    const content = String(step)
    const floor = BASE + step * 5 - 30_000
    writesLeft = random() < 0.2 ? Math.floor(random() ** 3 * 2_000) : Infinity
    try {
      const window = memory.window(app)
      const what = random()
      // A sixth of the sections end as with an exception, others as with a thread's death: the lock stays taken.
      const locked = (work: () => void): void => {
        if (random() < 0.2) return void memory.locked(work)
        memory.lock.acquire()
        work()
        memory.lock.release()
      }
      locked(() => {
        if (what < 0.9) {
          if (memory.add(window, stamp, macOf(stamp, content), step) !== 'new') return
          accepted.set(`${app} ${stamp} ${content}`, [app, stamp, content])
          memory.setActive(window, stamp)
        } else if (what < 0.95) window.raiseFloor(floor)
        else if (what < 0.97) {
          window.expire(floor, step - 1_000)
          if (window.isOpen && window.isEmpty) window.close()
        } else memory.takeActive(new Float64Array(1))
      })
    } catch (error) {
      if (!(error instanceof CutOff)) throw error
      cuts++
    }
    if (step % 500 !== 0) continue
    // Another thread finds the lock free, or takes it over.
    writesLeft = Infinity
    intact.lock.releaseOf(0)
    for (const [key, [of, at, nonce]] of accepted) {
      const window = intact.window(of)
      const outcome = intact.locked(() => window.add(at, macOf(at, nonce), step))
      assert.ok(outcome === 'seen' || outcome === 'below-floor', `step ${step}: ${key} is ${outcome}, seed ${SEED}`)
      if (outcome === 'below-floor') accepted.delete(key)
    }
    narrowed = intact.statistics.narrowings
    const { bytes, entries, apps } = intact.statistics
    assert.ok(bytes <= 30_000)
    intact.lock.acquire()
    intact.lock.abandon()
    intact.locked(() => undefined)
    const recounted = intact.statistics
    assert.deepEqual([recounted.bytes, recounted.apps], [bytes, apps])
    assert.equal(recounted.entries, entries)
  }
  // No block is lost: once all is forgotten, all memory is there again.
  const windows = Array.from({ length: 12 }, (_, app) => intact.window(`app ${app}`))
  intact.locked(() => {
    for (const window of windows) window.raiseFloor(Infinity)
    const order = SharedHeap.orderFor(TOP_BLOCK_BYTES / 4)
    for (let block = 0; block < 10; block++) assert.notEqual(intact.heap.allocate(order), 0)
  })
  assert.ok(cuts > STEPS / 100 && narrowed > 10, `${cuts} cuts, ${narrowed} narrowings`)
})
