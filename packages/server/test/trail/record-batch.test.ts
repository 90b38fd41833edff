import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '@vouchsafe/audit-log'
import { sha256 } from '../../src/foundation/index.ts'
import { RecordBatch } from '../../src/trail/record-batch.ts'

const TEXTS = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 150, size: 'max' })

function addAll(batch: RecordBatch, texts: readonly string[]): void {
  for (const text of texts) batch.add(`{"object":${JSON.stringify(text.toWellFormed())}`, '"v":1}\n')
}

function lineOf(text: string, seq: number, server: string): string {
  return `{"object":${JSON.stringify(text.toWellFormed())},"seq":${seq},"server":"${server}","v":1}`
}

test('a batch has the lines that were added and the root of the records', () => {
  fc.assert(
    fc.property(TEXTS, (texts) => {
      const batch = new RecordBatch('s/calls', 7)
      addAll(batch, texts)
      const lines = texts.map((text) => lineOf(text, 7, 's/calls'))
      assert.equal(batch.lines.toString(), lines.map((line) => `${line}\n`).join(''))
      assert.equal(batch.bytes, batch.lines.length)
      const records = lines.map((line) => Buffer.from(line))
      assert.deepEqual({ root: batch.root(), count: batch.count }, batchOf(sha256, records))
    }),
  )
})

test('records that another batch takes over name it, whatever texts they hold', () => {
  fc.assert(
    fc.property(TEXTS, TEXTS, (first, second) => {
      const texts = [...first, ',"seq":1,"server":"x",', ...second]
      const [one, two] = [new RecordBatch('s/calls', 1), new RecordBatch('s/calls', 2)]
      addAll(one, texts.slice(0, first.length))
      addAll(two, texts.slice(first.length))
      const renewed = new RecordBatch('s.1/calls', 0)
      renewed.takeOver(one)
      renewed.takeOver(two)
      const lines = texts.map((text) => lineOf(text, 0, 's.1/calls'))
      assert.equal(renewed.lines.toString(), lines.map((line) => `${line}\n`).join(''))
      const records = lines.map((line) => Buffer.from(line))
      assert.deepEqual({ root: renewed.root(), count: renewed.count }, batchOf(sha256, records))
    }),
  )
})

test('a room that was used before, and one that becomes too small', () => {
  const room = Buffer.alloc(100, 'old')
  const batch = new RecordBatch('s/calls', 0, room)
  const texts = Array.from({ length: 1_000 }, (_, i) => `text ${i}`)
  addAll(batch, texts)
  assert.equal(batch.lines.toString(), texts.map((text) => `${lineOf(text, 0, 's/calls')}\n`).join(''))
  assert.ok(batch.release() !== undefined)
})
