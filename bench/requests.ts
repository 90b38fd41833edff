import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { canonicalPayload, requestData } from '@vouchsafe/client'

export interface Credentials {
  appid: string
  apikey: string
}

/** `count` distinct signed requests of one action; `payload` is asked anew for each. */
export function signedRequests({ appid, apikey }: Credentials, action: string, count: number, payload: (i: number) => object): Buffer[] {
  const key = createSecretKey(Buffer.from(apikey))
  return Array.from({ length: count }, (_, i) => {
    const content = payload(i)
    const timestamp = String(Date.now())
    const nonce = randomBytes(9).toString('base64url')
    const text = requestData({ appid, nonce, timestamp }, canonicalPayload(content, 'drop-empty').text)
    const sign = createHmac('sha256', key).update(text).digest('base64')
    const body = JSON.stringify({ appid, nonce, payload: content, timestamp, sign })
    return Buffer.from(
      `POST /ehsm?Action=${action} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  })
}
