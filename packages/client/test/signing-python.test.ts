// The documented request recipe, run by Python's own standard library, signs as we do.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalPayload, hmacBase64, requestData } from '../src/signing.ts'

const RECIPE = `
import base64, hmac, json, sys, urllib.parse
from collections import OrderedDict
from hashlib import sha256
signs = []
for request in json.load(sys.stdin):
    payload = OrderedDict((key, request["payload"][key]) for key in sorted(request["payload"]))
    params = OrderedDict()
    params["appid"] = request["appid"]
    params["payload"] = urllib.parse.unquote_plus(urllib.parse.urlencode(payload))
    params["timestamp"] = request["timestamp"]
    sign_string = urllib.parse.unquote_plus(urllib.parse.urlencode(params))
    mac = hmac.new(request["appkey"].encode("utf-8"), sign_string.encode("utf-8"), digestmod=sha256).digest()
    signs.append(str(base64.b64encode(mac), "utf-8"))
json.dump(signs, sys.stdout)
`

/** Python orders by code point, JavaScript by UTF-16 code unit: the same below U+E000. */
const text = (minLength: number) =>
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xd7ff }).map((c) => String.fromCharCode(c)), minLength })

const request = fc.record({
  appid: fc.uuid(),
  appkey: fc.string({ minLength: 1, maxLength: 32 }),
  timestamp: fc.integer({ min: 1_000_000_000_000, max: 9_999_999_999_999 }).map(String),
  payload: fc.dictionary(text(0), fc.oneof(text(1), fc.integer({ min: 1 }), fc.integer({ max: -1 }), fc.base64String({ minLength: 4 }))),
})

function compare(
  requests: readonly { appid: string; appkey: string; timestamp: string; payload: object }[],
  form: 'drop-empty' | 'keep-python',
) {
  const python = spawnSync('python3', ['-c', RECIPE], { input: JSON.stringify(requests), encoding: 'utf8' })
  assert.equal(python.status, 0, python.stderr)
  const ours = requests.map((each) => hmacBase64(each.appkey, requestData(each, canonicalPayload(each.payload, form).text)))
  assert.deepEqual(ours, JSON.parse(python.stdout))
}

test('random payloads of strings and integers sign as the documented Python recipe signs them', () => {
  compare(fc.sample(request, { numRuns: 500, seed: 1 }), 'drop-empty')
})

test('empty strings, zeros and booleans of the documented Python recipe are the keep-python form', () => {
  const value = fc.constantFrom<string | number | boolean>('', 0, false, true, 'x', 7)
  const requests = fc.sample(fc.tuple(request, fc.dictionary(text(1), value)), { numRuns: 200, seed: 2 })
  compare(
    requests.map(([each, payload]) => ({ ...each, payload })),
    'keep-python',
  )
})
