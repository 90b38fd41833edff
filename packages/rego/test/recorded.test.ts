// Random modules, and what OPA 1.22.4 answers to them: recorded by recorded/record.ts, one entry a module, the value of `data.p.x`, null where it
// is undefined, or the code of the error. Whole programs that OPA's type checker refuses are not compared: here types are checked less.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { compile, EvaluationError, parseJson, RegoError } from '../src/index.ts'
import { jsonText } from '../src/values/text.ts'
import type { Value } from '../src/index.ts'
import { randomCase } from './support/random-module.ts'

const RECORDED = JSON.parse(gunzipSync(readFileSync(`${import.meta.dirname}/recorded/opa-1.22.4.json.gz`)).toString()) as unknown[]
const isFull = process.env['VOUCHSAFE_TEST_FULL'] !== undefined
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 1)
const SAMPLE = 300

const canonical = (value: unknown): string =>
  jsonText(parseJson(JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? Number(item) : item))))

function answerOf(number: number): string {
  const { module, input } = randomCase(number)
  try {
    const { result } = compile([{ file: 'p.rego', source: module }], { version: 'v1' }).evaluate({
      query: 'data.p.x',
      input: input as Value,
    })
    return canonical(result ?? null)
  } catch (error) {
    // Recursion is looked for before types by one, after them by the other.
    if (error instanceof RegoError) return 'refused'
    if (error instanceof EvaluationError) return error.code
    throw error
  }
}

test(`random modules have the values that OPA gives them (seed ${SEED})`, () => {
  assert.ok(RECORDED.length >= 6_000)
  const numbers = isFull ? RECORDED.map((_, i) => i) : Array.from({ length: SAMPLE }, (_, i) => (SEED * 7_919 + i * 17) % RECORDED.length)
  let compared = 0
  for (const number of numbers) {
    const recorded = RECORDED[number]
    if (recorded === 'rego_type_error') continue
    compared++
    const expected = typeof recorded !== 'string' ? canonical(recorded) : recorded.startsWith('rego_') ? 'refused' : recorded
    assert.equal(answerOf(number), expected, `module ${number}:\n${randomCase(number).module}`)
  }
  assert.ok(compared > numbers.length / 2)
})
