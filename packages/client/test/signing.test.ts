import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CanonicalError,
  MAX_DEPTH,
  MAX_VALUES,
  canonicalPayload,
  coveredPayload,
  hmacBase64,
  requestData,
  signRequest,
  strictText,
} from '../src/signing.ts'
import type { CanonicalForm } from '../src/signing.ts'

const FORMS: CanonicalForm[] = ['drop-empty', 'keep-python', 'keep-json']

/** JSON text of x, then the text of {"x": …} in the three forms, in the order of FORMS. */
const TABLE: [json: string, dropEmpty: string, keepPython?: string, keepJson?: string][] = [
  ['1', 'x=1'],
  ['1.0', 'x=1'],
  ['1.5', 'x=1.5'],
  ['1e21', 'x=1e+21'],
  ['0', '', 'x=0'],
  ['-0', '', 'x=0'],
  ['false', '', 'x=False', 'x=false'],
  ['""', '', 'x='],
  ['null', '', ''],
  ['[]', '', 'x='],
  ['[""]', '', 'x=0='],
  ['[[]]', '', 'x=0='],
  ['[null]', '', 'x='],
  ['[[[""]]]', '', 'x=0=0=0='],
  ['["",""]', 'x=', 'x=0=&1='],
  ['[0]', 'x=', 'x=0=0'],
  ['[false]', 'x=', 'x=0=False', 'x=0=false'],
  ['[{}]', 'x=0='],
  ['true', 'x=true', 'x=True', 'x=true'],
  ['" "', 'x= '],
  ['"0"', 'x=0'],
  ['"false"', 'x=false'],
  ['[1,2]', 'x=0=1&1=2'],
  ['[1,2,3,4,5,6,7,8,9,10,11]', 'x=0=1&1=2&10=11&2=3&3=4&4=5&5=6&6=7&7=8&8=9&9=10'],
  ['{}', 'x='],
  ['{"a":{"b":1}}', 'x=a=b=1'],
  ['{"b":2,"a":{"d":4,"c":0}}', 'x=a=d=4&b=2', 'x=a=c=0&d=4&b=2'],
  ['"a&b=c"', 'x=a&b=c'],
  ['"schl\\u00fcssel \\ud83d\\udd11"', 'x=schlüssel 🔑'],
  ['{"toString":1,"valueOf":"y"}', 'x=toString=1&valueOf=y'],
  ['[{"toString":null}]', 'x=0='],
  ['{"constructor":{"prototype":1}}', 'x=constructor=prototype=1'],
]

for (const [json, dropEmpty, keepPython = dropEmpty, keepJson = keepPython] of TABLE) {
  test(`canonical text of {"x":${json}}`, () => {
    const payload = JSON.parse(`{"x":${json}}`) as object
    assert.deepEqual(
      FORMS.map((form) => canonicalPayload(payload, form).text),
      [dropEmpty, keepPython, keepJson],
    )
  })
}

test('keys are ordered by UTF-16 code units: digits, upper case, underscore, lower case, others', () => {
  const payload = { b: 1, é: 2, _: 3, B: 4, 10: 5, 9: 6, '\u{1f511}': 7, '\uffff': 8 }
  assert.equal(canonicalPayload(payload, 'drop-empty').text, '10=5&9=6&B=4&_=3&b=1&é=2&\u{1f511}=7&\uffff=8')
})

test('a payload may be an array, and one without values has empty text', () => {
  assert.equal(canonicalPayload(['a', { b: 2 }], 'drop-empty').text, '0=a&1=b=2')
  assert.equal(canonicalPayload([], 'drop-empty').text, '')
  assert.equal(canonicalPayload({}, 'keep-json').text, '')
})

test('formSensitive tells exactly whether an empty value or a boolean occurs at any depth, in every form', () => {
  const rows: [object, boolean][] = [
    [{}, false],
    [{ keyid: 'k', keylen: 16, note: null, deep: { list: [1, ['x']] } }, false],
    [{ x: { y: ['z', { w: '' }] } }, true],
    [{ x: 0 }, true],
    [{ x: [true] }, true],
    [{ x: [] }, true],
    [{ x: [null] }, true],
  ]
  for (const [payload, expected] of rows)
    for (const form of FORMS) assert.equal(canonicalPayload(payload, form).formSensitive, expected, JSON.stringify(payload))
})

test('nesting is accepted to the limit and refused beyond it, also in arrays that would be dropped', () => {
  const objects = (depth: number) => JSON.parse('{"a":'.repeat(depth - 1) + '{}' + '}'.repeat(depth - 1)) as object
  const arrays = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as object
  const tooDeep = (error: unknown) => error instanceof CanonicalError && error.code === 'depth'
  for (const form of FORMS) {
    for (const nested of [objects, arrays]) {
      canonicalPayload(nested(MAX_DEPTH), form)
      for (const depth of [MAX_DEPTH + 1, 20_000]) assert.throws(() => canonicalPayload(nested(depth), form), tooDeep)
    }
  }
})

test('a key named __proto__ is refused at any depth', () => {
  for (const json of ['{"__proto__":{"x":1}}', '{"a":[{"__proto__":1}]}', '{"__proto__":null}'])
    for (const form of FORMS)
      assert.throws(
        () => canonicalPayload(JSON.parse(json) as object, form),
        (error) => error instanceof CanonicalError && error.code === 'proto',
      )
})

test('values are counted over all levels and bounded', () => {
  const tooMany = (error: unknown) => error instanceof CanonicalError && error.code === 'size'
  canonicalPayload(Array(MAX_VALUES).fill('x'), 'drop-empty')
  assert.throws(() => canonicalPayload(Array(MAX_VALUES + 1).fill('x'), 'drop-empty'), tooMany)
  assert.throws(() => canonicalPayload({ a: Array(MAX_VALUES / 2).fill(1), b: Array(MAX_VALUES / 2).fill(1) }, 'keep-json'), tooMany)
})

const jsonObject = fc.oneof(
  fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'toString', 'valueOf', 'constructor')), fc.jsonValue({ maxDepth: 5 })),
  fc.array(fc.jsonValue({ maxDepth: 5 })),
)

test('any JSON payload has a text in every form or a CanonicalError', () => {
  fc.assert(
    fc.property(jsonObject, fc.constantFrom(...FORMS), (value, form) => {
      const payload = JSON.parse(JSON.stringify(value)) as object
      try {
        assert.equal(typeof canonicalPayload(payload, form).text, 'string')
      } catch (error) {
        assert.ok(error instanceof CanonicalError)
      }
    }),
    { numRuns: 500 },
  )
})

test('forms agree on payloads that are not form-sensitive', () => {
  const key = fc.string().filter((name) => name !== '__proto__')
  fc.assert(
    fc.property(fc.dictionary(key, fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant([]))), (payload) => {
      const [drop, python, json] = FORMS.map((form) => canonicalPayload(payload, form))
      if (!drop!.formSensitive) assert.deepEqual([python, json], [drop, drop])
    }),
    { numRuns: 300 },
  )
})

test('what the signature does not cover can be added or left out without changing the text', () => {
  fc.assert(
    fc.property(jsonObject, fc.constantFrom(...FORMS), (value, form) => {
      const payload = JSON.parse(JSON.stringify(value)) as Record<string, unknown>
      let text
      try {
        text = canonicalPayload(payload, form).text
      } catch {
        return
      }
      const covered = coveredPayload(payload, form)
      assert.equal(canonicalPayload(covered, form).text, text)
      // Each field that is left matters: without it the text is another one (but a name may occur in a neighbour's text).
      for (const key of Object.keys(covered)) assert.ok(text.includes(`${key}=`))
    }),
    { numRuns: 500 },
  )
})

test('coveredPayload removes what the form dropped, keeps the rest, and copies only when it must', () => {
  const payload = { keyid: 'k', aad: '', keylen: 0, flag: false, list: [[]], none: null, nested: { empty: '' } }
  assert.deepEqual(coveredPayload(payload, 'drop-empty'), { keyid: 'k', nested: { empty: '' } })
  assert.deepEqual(coveredPayload(payload, 'keep-json'), { keyid: 'k', aad: '', keylen: 0, flag: false, list: [[]], nested: { empty: '' } })
  const full = { keyid: 'k', flag: true }
  assert.equal(coveredPayload(full, 'drop-empty'), full)
})

test('request data has the segments that the request has', () => {
  assert.equal(requestData({ appid: 'A', timestamp: '1' }, undefined), 'appid=A&timestamp=1')
  assert.equal(requestData({ appid: 'A', timestamp: '1' }, ''), 'appid=A&payload=&timestamp=1')
  assert.equal(requestData({ appid: 'A', nonce: 'N', timestamp: '1' }, 'k=v'), 'appid=A&nonce=N&payload=k=v&timestamp=1')
})

test('strict text is the same for a body as text and as bytes', () => {
  const body = '{"appid":"ä"}'
  const text = strictText('POST', 'Encrypt', body)
  assert.equal(text, 'vouchsafe-request-v1\nPOST\nEncrypt\n{"appid":"ä"}')
  assert.deepEqual(Buffer.from(strictText('POST', 'Encrypt', Buffer.from(body))), Buffer.from(text))
})

test('hmacBase64 is RFC 4231 test case 2 in base64', () => {
  assert.equal(
    hmacBase64('Jefe', 'what do ya want for nothing?'),
    Buffer.from('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'hex').toString('base64'),
  )
})

test('a signed request verifies, covers its empty fields, and its strict signature covers the exact body', () => {
  const payload = { keyid: 'k', alias: '' }
  const signed = signRequest({
    method: 'POST',
    action: 'UpdateKey',
    appid: 'A',
    apikey: 'secret-key',
    timestamp: '1643050812444',
    nonce: 'N',
    payload,
  })
  const mac = (text: string) => createHmac('sha256', 'secret-key').update(text).digest('base64')
  const sign = mac('appid=A&nonce=N&payload=alias=&keyid=k&timestamp=1643050812444')
  assert.deepEqual(JSON.parse(signed.body), { appid: 'A', nonce: 'N', timestamp: '1643050812444', payload, sign })
  assert.equal(signed.strictSignature, mac(`vouchsafe-request-v1\nPOST\nUpdateKey\n${signed.body}`))
  assert.ok(!signed.body.includes('secret-key'))
})
