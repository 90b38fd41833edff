import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WriteSlots } from '../../src/storage/postgres/write-slots.ts'

test('so many run at once, the rest in the order in which they came', async () => {
  const slots = new WriteSlots(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  const runs = Array.from({ length: 5 }, (_, i) =>
    slots.run(async () => {
      begun.push(i)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (i === 1) throw new Error('failed')
      return i
    }),
  )
  const settled = Promise.allSettled(runs)
  assert.deepEqual(begun, [0, 1])
  for (let i = 0; i < 5; i++) {
    ends[i]!()
    await runs[i]!.catch(() => {})
    await new Promise(setImmediate)
    assert.deepEqual(
      begun,
      Array.from({ length: Math.min(5, i + 3) }, (_, n) => n),
    )
  }
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  )
})

test('one that waits too long is refused without having begun, and takes no turn', async () => {
  const slots = new WriteSlots(1, 1)
  let end = (): void => {}
  const first = slots.run(() => new Promise<void>((resolve) => (end = resolve)))
  await assert.rejects(
    slots.run(() => assert.fail('begun')),
    { code: 'unavailable' },
  )
  end()
  await first
  assert.equal(await slots.run(async () => 3), 3)
})
