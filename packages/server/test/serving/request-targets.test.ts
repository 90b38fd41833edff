// What one listener makes of a request must be what a proxy before it makes of it: RFC 9112 §3.2, on every listener, before any edge.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestServer } from '@vouchsafe/testkit/server'
import { exchange } from '../ehsm/http.ts'

const TARGETS = ['/', '/healthz', '/ehsm?Action=Enroll', '/global-trust-authority/service/v1/challenge', '/metrics']

test('two Host headers, or a target that names another host, are answered with 400 on both listeners', async () => {
  await using server = await startTestServer({ flags: ['--admin-listen', '127.0.0.1:0'] })
  for (const url of [server.url, server.server.adminUrl!]) {
    const { host } = new URL(url)
    for (const path of TARGETS) {
      const requests = [
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nHost: ${host}\r\n\r\n`,
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\nhost: evil.example\r\n\r\n`,
        `GET http://evil.example${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
        `GET http://${host}${path} HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
        `GET ${path} HTTP/1.0\r\nHost: ${host}\r\nHost: evil.example\r\n\r\n`,
        `GET ${path} HTTP/1.1\r\n\r\n`,
      ]
      for (const request of requests) assert.match(await exchange(url, request), /^HTTP\/1\.1 400 /, request)
    }
  }
  assert.equal(await server.server.context.storage.countApps(), 0)
})

test('an absolute target that names the same host is served', async () => {
  await using server = await startTestServer()
  const { host } = new URL(server.url)
  const get = (path: string) => exchange(server.url, `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  assert.match(await get('/healthz'), /^HTTP\/1\.1 200 [^]*"ok"/)
  assert.match(await get('/ehsm?Action=GetVersion'), /^HTTP\/1\.1 200 [^]*"success!"/)
})

test('a proxy that speaks HTTP/1.0 may not enrol', async () => {
  await using server = await startTestServer()
  const { host } = new URL(server.url)
  const ask = (version: string) =>
    exchange(server.url, `GET /ehsm?Action=Enroll HTTP/${version}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  assert.match(await ask('1.0'), /open enrolment takes direct loopback requests only/)
  assert.equal(await server.server.context.storage.countApps(), 0)
  assert.match(await ask('1.1'), /success!/)
})
