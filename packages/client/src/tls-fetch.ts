import { request } from 'node:https'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'

/** PEM. The platform's own fetch does not support client certificates. */
export interface TlsOptions {
  /** The client's certificate, followed by any intermediates. */
  cert?: string
  /** Its private key. */
  key?: string
  /** The trusted authorities for the server's certificate, instead of the system's. */
  ca?: string
}

const WITHOUT_BODY = [204, 205, 304]

/** A `fetch` for https addresses and bodies of text that shows a client certificate. Redirects are not followed. */
export function tlsFetch(tls: TlsOptions): typeof fetch {
  return (input, { method = 'GET', headers, body, signal } = {}) =>
    new Promise((resolve, reject) => {
      const options = { ...tls, method, headers: Object.fromEntries(new Headers(headers)), ...(signal && { signal }) }
      const sent = request(String(input), options, (response) => {
        const { statusCode: status = 0, headers: received } = response
        const content = WITHOUT_BODY.includes(status) ? null : (Readable.toWeb(response) as ReadableStream<Uint8Array>)
        resolve(new Response(content, { status, headers: received.date === undefined ? {} : { date: received.date } }))
      })
      sent.on('error', reject)
      sent.end(typeof body === 'string' ? body : undefined)
    })
}
