import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonText, parseJson } from '../src/index.ts'
import { add, compareNumbers, divide, multiply, numberText, parseNumber, subtract, toWhole } from '../src/values/numbers.ts'
import type { Num } from '../src/values/value.ts'
import { expression } from './support/evaluate.ts'

const number = (text: string): Num => parseNumber(text)!
const text = (value: Num): string => numberText(value)

test('integers are exact whatever their length', () => {
  assert.equal(expression('9007199254740993 + 1'), 9007199254740994n)
  assert.equal(expression('12345678901234567890123 * 10'), 123456789012345678901230n)
  assert.equal(expression('9007199254740993 == 9007199254740992'), false)
  assert.equal(expression('123456789012345678901 - 123456789012345678900'), 1)
  assert.equal(expression('100000000000000000000 / 10000000000'), 10000000000)
})

test('integer arithmetic agrees with bigints', () => {
  const integers = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n })
  fc.assert(
    fc.property(integers, integers, (a, b) => {
      const [x, y] = [number(String(a)), number(String(b))]
      assert.equal(text(add(x, y)), String(a + b))
      assert.equal(text(subtract(x, y)), String(a - b))
      assert.equal(text(multiply(x, y)), String(a * b))
      assert.equal(Math.sign(compareNumbers(x, y)), a < b ? -1 : a > b ? 1 : 0)
    }),
    { numRuns: 300 },
  )
})

test('fractions round to a 64-bit mantissa, and show the fewest digits that say it', () => {
  assert.equal(text(add(0.1, 0.2)), '0.3')
  assert.equal(text(divide(1, 3)), '0.33333333333333333334')
  assert.equal(text(multiply(1.1, 1.1)), '1.21')
  assert.equal(text(divide(-7, 2)), '-3.5')
})

test('results on doubles are at least as near as those of doubles', () => {
  const doubles = fc.double({ min: -1e9, max: 1e9, noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(doubles, doubles, (a, b) => {
      const sum = Number(text(add(a, b)))
      assert.ok(Math.abs(sum - (a + b)) <= (Math.abs(a) + Math.abs(b)) * 1e-15)
    }),
    { numRuns: 200 },
  )
})

test('rounding goes half away from zero', () => {
  const modes = ['floor', 'ceil', 'round'] as const
  for (const [value, wanted] of [
    ['2.5', '2 3 3'],
    ['-2.5', '-3 -2 -3'],
    ['0.1', '0 1 0'],
    ['-0.1', '-1 0 0'],
    ['7', '7 7 7'],
  ] as const)
    assert.equal(modes.map((mode) => text(toWhole(number(value), mode))).join(' '), wanted)
})

test('JSON keeps numbers that doubles do not hold', () => {
  const source = '{"a":12345678901234567890,"b":0.1,"c":1.00000000000000000001}'
  assert.equal(jsonText(parseJson(source)), source)
  assert.throws(() => parseJson('[1e99999]'), SyntaxError)
})

test('numbers of all forms are equal when their values are', () => {
  assert.deepEqual(expression('{1, 1.0, 1e0, 10 / 10}'), [1])
  assert.equal(expression('1e20 == 100000000000000000000'), true)
})
