// What a listener ends by itself.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { listen, type ListenerOptions } from '../../src/serving/listener.ts'
import { readTlsFiles } from '../../src/serving/tls-files.ts'
import { testCa } from '../support/certificates.ts'

async function sent(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
  socket.write(text)
  await once(socket, 'close')
  return answer
}

function options(more: Partial<ListenerOptions>): ListenerOptions {
  const handle: ListenerOptions['handle'] = (_, res) => void res.end('content')
  return { endpoint: { host: '127.0.0.1', port: 0 }, surfaces: ['api'], maxConnections: 10, handle, ...more }
}

test('a TLS handshake that does not end is ended', { timeout: 20_000 }, async () => {
  using ca = testCa()
  const { cert, key } = ca.issue('/CN=localhost')
  await using listener = await listen(options({ tls: readTlsFiles({ cert, key }), timeouts: { handshakeTimeout: 50 } }))
  assert.equal(await sent(listener.url, ''), '')
  // The beginning of a ClientHello.
  assert.equal(await sent(listener.url, '\x16\x03\x01\x02\x00\x01'), '')
})

test('a request line without a version (HTTP/0.9) gets no content', async () => {
  const handled: (string | undefined)[] = []
  await using listener = await listen(
    options({
      handle(req, res) {
        handled.push(req.url)
        res.end('content')
      },
    }),
  )
  for (const line of ['GET /healthz', 'GET /healthz ', 'GET /healthz HTTP/0.9']) {
    const answer = await sent(listener.url, `${line}\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 400 /, line)
    assert.doesNotMatch(answer, /content$/)
  }
  assert.deepEqual(handled, [])
})
