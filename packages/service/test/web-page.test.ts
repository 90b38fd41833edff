import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostNameOf, isFromWebPage } from '../src/index.ts'

test('requests of web pages have an Origin or say which site they come from', () => {
  const cases: [headers: Record<string, string>, strict: boolean, lenient: boolean][] = [
    [{}, false, false],
    [{ 'sec-fetch-site': 'none' }, false, false],
    [{ 'sec-fetch-site': 'same-origin' }, true, false],
    [{ 'sec-fetch-site': 'same-site' }, true, true],
    [{ 'sec-fetch-site': 'cross-site' }, true, true],
    [{ 'sec-fetch-site': 'anything else' }, true, true],
    [{ origin: 'null' }, true, true],
    [{ origin: 'http://localhost', 'sec-fetch-site': 'none' }, true, true],
    [{ origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }, true, true],
  ]
  for (const [headers, strict, lenient] of cases) {
    assert.equal(isFromWebPage(headers, { sameOrigin: true }), strict, JSON.stringify(headers))
    assert.equal(isFromWebPage(headers, { sameOrigin: false }), lenient, JSON.stringify(headers))
  }
})

test('the host of a Host header has neither port nor brackets', () => {
  const cases: Record<string, string> = {
    localhost: 'localhost',
    'LocalHost:8088': 'localhost',
    'localhost:': 'localhost',
    '127.0.0.1:1': '127.0.0.1',
    '[::1]': '::1',
    '[::1]:443': '::1',
    '[FE80::1%eth0]:443': 'fe80::1%eth0',
  }
  for (const [header, host] of Object.entries(cases)) assert.equal(hostNameOf(header), host, header)
  const malformed = [undefined, '', ':80', '::1', '[localhost]', '[::1', '::1]', 'localhost:80:80', 'localhost:x', '[::1]x', '[]']
  for (const header of malformed) assert.equal(hostNameOf(header), undefined, `${header}`)
})
