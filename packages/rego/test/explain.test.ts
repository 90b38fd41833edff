import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyOf } from './support/evaluate.ts'

const SOURCE = `package verification

pcr_present {
    all := {x | x := [10][_]}
    measured := {pcr.pcr_index | pcr := input.pcrs[_]}
    missing := all - measured
    count(missing) == 0
}

default attestation_valid = false
attestation_valid {
    input.status == "ok"
    pcr_present
}

result = {"policy_matched": attestation_valid}`

const lines = (input: unknown): string[] => {
  const { explanation } = policyOf(SOURCE).evaluate({ query: 'data.verification.result', input, explain: true })
  return explanation.map(({ text }) => text)
}

test('an explanation names the expression that failed, with the values it saw', () => {
  assert.deepEqual(lines({ status: 'ok', pcrs: [0, 1, 2, 3, 4, 5].map((pcr_index) => ({ pcr_index })) }), [
    'pcr_present failed at line 7: count(missing) == 0, where count(missing) is 1; missing := {10} - {0, 1, 2, 3, …} is {10}',
    'attestation_valid failed at line 13: pcr_present, where pcr_present is undefined',
    'result is {"policy_matched": false} (line 16)',
  ])
})

test('what comes after the expression that failed is not consulted', () => {
  assert.deepEqual(lines({ status: 'bad', pcrs: [] }), [
    'attestation_valid failed at line 12: input.status == "ok", where input.status is "bad"',
    'result is {"policy_matched": false} (line 16)',
  ])
})

test('rules that succeed are told with their values', () => {
  assert.deepEqual(lines({ status: 'ok', pcrs: [{ pcr_index: 10 }] }), [
    'pcr_present is true (line 3)',
    'attestation_valid is true (line 11)',
    'result is {"policy_matched": true} (line 16)',
  ])
})

test('an explanation stays small, whatever the input is', () => {
  const source = 'package p\nx { input.big == 1 }\ny { x }'
  const input = { big: Array.from({ length: 10_000 }, (_, i) => ({ [`key${i}`]: 'v'.repeat(1000) })) }
  const { explanation } = policyOf(source).evaluate({ query: 'data.p.y', input, explain: true })
  assert.ok(JSON.stringify(explanation).length < 3_000)
})

test('without being asked, nothing is explained, and results are the same', () => {
  const policy = policyOf(SOURCE)
  const options = { query: 'data.verification.result', input: { status: 'ok', pcrs: [] } }
  const plain = policy.evaluate(options)
  assert.deepEqual(plain.explanation, [])
  assert.deepEqual(policy.evaluate({ ...options, explain: true }).result, plain.result)
})
