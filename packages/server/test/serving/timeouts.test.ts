// What one client can hold, and for how long.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { TIMEOUTS, listen } from '../../src/serving/listener.ts'

test('a request has 10 s for its headers and 30 s in all, looked at every second, as docs/server.md says', () => {
  assert.deepEqual(TIMEOUTS, {
    handshakeTimeout: 10_000,
    requestTimeout: 30_000,
    headersTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
  })
})

test('headers and bodies that do not come are answered with 408 when their time is over, not half a minute later', async () => {
  await using listener = await listen({
    endpoint: { host: '127.0.0.1', port: 0 },
    surfaces: ['api'],
    maxConnections: 10,
    timeouts: { headersTimeout: 200, requestTimeout: 600, connectionsCheckingInterval: 20 },
    handle: (req, res) => {
      req.on('end', () => res.end('done'))
      req.resume()
    },
  })
  const answerTo = async (start: string): Promise<{ text: string; ms: number }> => {
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
    let text = ''
    socket.on('data', (part: Buffer) => (text += part.toString()))
    const started = performance.now()
    socket.write(start)
    await once(socket, 'close')
    return { text, ms: performance.now() - started }
  }
  const [headers, body] = await Promise.all([
    answerTo('GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: '),
    answerTo('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123'),
  ])
  for (const { text } of [headers, body]) assert.match(text, /^HTTP\/1\.1 408 /)
  // Only the lower bounds, and that neither took Node's 30 s: machines may be slow.
  assert.ok(headers.ms >= 190 && headers.ms < 10_000, `${headers.ms}`)
  assert.ok(body.ms >= 590 && body.ms < 10_000, `${body.ms}`)
})
