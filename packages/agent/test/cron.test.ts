import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readCron } from '../src/cron.ts'

const START = Date.UTC(2026, 6, 15, 10, 30, 30) // a Wednesday
const next = (expression: string, after = START) => new Date(readCron(expression, 'cron').next(after)).toISOString()

test('five fields are minutes to days of the week, six begin with seconds', () => {
  assert.equal(next('* * * * *'), '2026-07-15T10:31:00.000Z')
  assert.equal(next('* * * * * *'), '2026-07-15T10:30:31.000Z')
  assert.equal(next('*/15 * * * *'), '2026-07-15T10:45:00.000Z')
  assert.equal(next('30,45 30 10 * * *'), '2026-07-15T10:30:45.000Z')
  assert.equal(next('0 0 0 * * *'), '2026-07-16T00:00:00.000Z')
  assert.equal(next('5-7/2 9-17 * jan-mar ?'), '2027-01-01T09:05:00.000Z')
  assert.equal(next('0 0 * * sun'), '2026-07-19T00:00:00.000Z')
  assert.equal(next('0 0 * * 7'), '2026-07-19T00:00:00.000Z')
  assert.equal(next('0 0 29 2 *'), '2028-02-29T00:00:00.000Z')
})

test('when days of the month and of the week are both given, either will do', () => {
  assert.equal(next('0 0 20 * 5'), '2026-07-17T00:00:00.000Z')
  assert.equal(next('0 0 16 * 5'), '2026-07-16T00:00:00.000Z')
})

test('what is no expression is refused with the field', () => {
  for (const [expression, message] of [
    ['', /five or six fields/],
    ['* * * *', /five or six fields/],
    ['60 * * * *', /minutes: '60' is not a number from 0 to 59/],
    ['* * 0 * *', /day of the month: '0'/],
    ['* * * foo *', /month: 'foo'/],
    ['5-1 * * * *', /minutes: '5-1'/],
    ['*/0 * * * *', /minutes: '\*\/0'/],
    ['1,,2 * * * *', /minutes: ''/],
    ['0 0 31 feb,apr *', /never matches/],
  ] as const)
    assert.throws(() => readCron(expression, 'cron'), message)
})

test('the next time is later, fits the expression, and nothing between does', () => {
  const field = (min: number, max: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min, max }).map(String),
      fc.integer({ min: 2, max: 9 }).map((step) => `*/${step}`),
    )
  fc.assert(
    fc.property(field(0, 59), field(0, 23), fc.integer({ min: 0, max: 2_000_000_000 }), (minutes, hours, seconds) => {
      const after = seconds * 1000
      const cron = readCron(`${minutes} ${hours} * * *`, 'cron')
      const due = cron.next(after)
      assert.ok(due > after && due % 60_000 === 0)
      assert.equal(cron.next(due - 1), due)
      // Asking from any moment between gives the same.
      assert.equal(cron.next(Math.floor((after + due - 1) / 2)), due)
    }),
  )
})
