/** The memory of long answers is bounded, whoever asks for them and however slowly they are read. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { AnswerBudget } from '../../src/edge/answer-budget.ts'

const response = () => new EventEmitter() as ServerResponse

test('answers under way are refused beyond the budget, and what is sent or short makes room again', () => {
  const budget = new AnswerBudget()
  const waiting: { res: ServerResponse; settle: (length: number) => void }[] = []
  const fill = (): void => {
    assert.throws(
      () => {
        for (;;) {
          const res = response()
          waiting.push({ res, settle: budget.reserve(res) })
        }
      },
      { code: 'busy' },
    )
  }
  fill()
  const most = waiting.length
  assert.ok(most >= 4 && most < 20)
  for (const { settle } of waiting) settle(100)
  fill()
  assert.equal(waiting.length, 2 * most, 'short answers take what they are long')
  for (const { res } of waiting) res.emit('close')
  waiting.length = 0
  fill()
  assert.equal(waiting.length, most)
})
