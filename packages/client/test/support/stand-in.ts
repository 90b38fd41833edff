// A server's edge in miniature: checks what a real one checks of a request, records it, and answers what the test says.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { STRICT_HEADER, canonicalPayload, hmacBase64, requestData, strictText } from '../../src/signing.ts'

export const APPID = '3309ecfa-d02f-49b3-a107-b47d6c7d3854'
export const APIKEY = '44RPFy3SEqLbAahaP9PXSGQ6ABB6gctr'

export interface SeenRequest {
  method: string
  path: string
  action: string
  headers: IncomingMessage['headers']
  payload: Record<string, unknown> | undefined
  timestamp: string
  nonce: string
}

export type Reply = { code?: number; message?: string; result?: unknown; date?: string } | ((response: ServerResponse) => void)

export interface StandIn extends AsyncDisposable {
  readonly url: string
  readonly seen: SeenRequest[]
  /** Why a request was not as a client of ours must send it; empty when all is well. */
  readonly faults: string[]
}

/** Answers each request with what `reply` gives for it; `count` is how many came before. */
export async function startStandIn(reply: (request: SeenRequest, count: number) => Reply): Promise<StandIn> {
  const seen: SeenRequest[] = []
  const faults: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    let answer: Reply
    try {
      const one = read(request, body)
      seen.push(one)
      answer = reply(one, seen.length - 1)
    } catch (error) {
      faults.push(String(error))
      answer = { code: 400, message: 'sign error' }
    }
    if (typeof answer === 'function') return answer(response)
    const { code = 200, message = 'success!', result = {}, date } = answer
    if (date !== undefined) response.setHeader('date', date)
    response.setHeader('content-type', 'application/json; charset=utf-8').end(JSON.stringify({ code, message, result }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    faults,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Parses a request; throws when its signature or strict header is wrong. */
function read(request: IncomingMessage, body: Buffer): SeenRequest {
  const { pathname, searchParams } = new URL(request.url!, 'http://host')
  const common = { method: request.method!, path: pathname, action: searchParams.get('Action')!, headers: request.headers }
  if (request.method === 'GET') return { ...common, payload: undefined, timestamp: '', nonce: '' }
  const parsed = JSON.parse(body.toString()) as {
    appid: string
    nonce: string
    timestamp: string
    sign: string
    payload?: Record<string, unknown>
  }
  const { appid, nonce, timestamp, sign, payload } = parsed
  assert.equal(request.headers['content-type'], 'application/json')
  assert.equal(appid, APPID)
  assert.match(timestamp, /^\d{13}$/)
  const text = payload && canonicalPayload(payload, 'keep-json').text
  assert.equal(sign, hmacBase64(APIKEY, requestData({ appid, nonce, timestamp }, text)), 'sign')
  assert.equal(request.headers[STRICT_HEADER], hmacBase64(APIKEY, strictText('POST', common.action, body)), 'strict header')
  return { ...common, payload, timestamp, nonce }
}
