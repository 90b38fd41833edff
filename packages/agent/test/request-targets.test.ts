import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startApi } from '../src/http/server.ts'

/** Health needs nothing of what the agent has. */
const services = {} as Parameters<typeof startApi>[0]['services']
const log = { info() {}, warn() {}, error() {}, debug() {} } as Parameters<typeof startApi>[0]['log']

async function exchange(place: { port: number } | { path: string }, request: string): Promise<string> {
  const socket = connect('port' in place ? { ...place, host: '127.0.0.1' } : place)
  let text = ''
  socket.on('data', (part: Buffer) => (text += part.toString()))
  socket.write(request)
  await once(socket, 'close')
  return text
}

test('two Host headers, or a target of another host, are answered with 400 at the address and at the socket (RFC 9112 §3.2)', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-agent-test-'))
  t.after(() => rm(folder, { recursive: true }))
  const socketPath = join(folder, 'agent.sock')
  await using api = await startApi({ services, log, listen: { address: '127.0.0.1', port: 0 }, socketPath })
  const close = 'Connection: close\r\n\r\n'
  for (const place of [{ port: Number(new URL(api.url!).port) }, { path: socketPath }]) {
    assert.match(await exchange(place, `GET /health HTTP/1.1\r\nHost: localhost\r\n${close}`), /^HTTP\/1\.1 200 /)
    assert.match(await exchange(place, `GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n${close}`), /^HTTP\/1\.1 200 /)
    for (const request of [
      `GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n${close}`,
      `GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n${close}`,
      `GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\n${close}`,
    ]) {
      assert.match(await exchange(place, request), /^HTTP\/1\.1 400 [^]*one Host/, request)
    }
  }
})
