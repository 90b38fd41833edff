// Bodies whose JSON becomes far more than its text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ask } from '@vouchsafe/testkit/authority'
import { attestBody } from '@vouchsafe/testkit/evidence'
import { startTestServer } from '@vouchsafe/testkit/server'
import { parseJson } from '../../src/gta/json.ts'

test('JSON is read as it is, whatever its texts hold', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.deepEqual(parseJson(text), JSON.parse(text))))
  const texts = ['[[[', '","', '\\', '\\"', '\\\\"', '{'.repeat(200), ','.repeat(200_000)]
  assert.deepEqual(parseJson(JSON.stringify(texts)), texts)
})

test('what is no JSON is none, however it is cut', () => {
  for (const text of ['"', '"\\', '"\\"', '[', ']]]]', '{"a":"b', '\\"', '', '[1,]'])
    assert.throws(() => parseJson(text), SyntaxError, text)
})

test('the count of values and their depth are bounded', () => {
  const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  assert.deepEqual(parseJson(deep(100)), JSON.parse(deep(100)))
  assert.throws(() => parseJson(deep(101)), /^ServiceError: the body is nested more than 100 deep$/)
  assert.equal((parseJson(`[${'0,'.repeat(99_997)}0]`) as unknown[]).length, 99_998)
  assert.throws(() => parseJson(`[${'0,'.repeat(100_000)}0]`), /^ServiceError: the body has more than 100000 values$/)
  assert.throws(() => parseJson(`{${'"":{},'.repeat(60_000)}"":0}`), /more than 100000 values/)
})

test('evidence and data of millions of values, or deeper than anything, are the caller’s mistake and say so', async () => {
  await using server = await startTestServer()
  const place = '"REPLACED"'
  const send = (body: object, json: string) =>
    ask(server.url, 'POST', 'attest', { user: 'one', body: JSON.stringify(body).replace(place, () => json) })
  const withData = attestBody('node-1', {})
  withData.measurements[0]!.attester_data = 'REPLACED'
  for (const body of [withData, attestBody('node-1', { pcrs: 'REPLACED' })]) {
    const many = await send(body, `[${'[],'.repeat(1_000_000)}[]]`)
    assert.deepEqual([many.status, many.body.message], [400, 'the body has more than 100000 values'])
    const deep = await send(body, '['.repeat(50_000) + ']'.repeat(50_000))
    assert.deepEqual([deep.status, deep.body.message], [400, 'the body is nested more than 100 deep'])
    assert.equal(deep.body.service_version, '1.0')
  }
})
