// RFC 8785.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, LogFormatError, type Json } from '../src/index.ts'

test('the examples of RFC 8785 have their canonical form', () => {
  // Section 3.2.2.
  const primitives = {
    numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\/',
    literals: [null, true, false],
  }
  assert.equal(
    canonicalJson(primitives),
    `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA'B\\"\\\\\\\\\\"/"}`,
  )
  // Section 3.2.3: sorted by UTF-16 code units.
  const names = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew',
    '1': 'One',
    '\ud83d\ude00': 'Emoji',
    '\u0080': 'Control',
    '\u00f6': 'o',
  }
  assert.deepEqual(Object.values(JSON.parse(canonicalJson(names)) as object), [
    'One',
    'Carriage Return',
    'Control',
    'o',
    'Euro Sign',
    'Emoji',
    'Hebrew',
  ])
  // Appendix B.
  const numbers: [number, string][] = [
    [-0, '0'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [9.999999999999997e22, '9.999999999999997e+22'],
    [1e23, '1e+23'],
    [0.000001, '0.000001'],
    [333333333.33333325, '333333333.33333325'],
  ]
  for (const [number, text] of numbers) assert.equal(canonicalJson(number), text)
})

test('equal values have one form, which is read back as the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false, maxDepth: 5 }), (value) => {
      const plain = JSON.parse(JSON.stringify(value)) as Json
      if (!JSON.stringify(plain).isWellFormed() || /\\ud[89a-f]/.test(JSON.stringify(plain))) return
      const text = canonicalJson(plain)
      assert.deepEqual(JSON.parse(text), plain)
      assert.equal(canonicalJson(JSON.parse(text) as Json), text)
    }),
  )
})

test('what has no canonical form is refused', () => {
  const deep = Array.from({ length: 100_000 }).reduce<Json>((inner) => [inner], null)
  const refused: unknown[] = [
    NaN,
    Infinity,
    '\ud800',
    { '\udc00': 1 },
    undefined,
    { a: undefined },
    1n,
    () => 1,
    Symbol('s'),
    new Date(),
    new Map(),
    deep,
    [, 1],
  ]
  for (const value of refused) assert.throws(() => canonicalJson(value as Json), LogFormatError)
})
