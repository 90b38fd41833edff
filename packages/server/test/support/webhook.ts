import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RotationQuestion } from '../../src/secrets/rotation-webhook.ts'

/** A question as it arrived. */
export interface Asked {
  question: RotationQuestion
  body: string
  headers: IncomingMessage['headers']
  path: string
}

export type Answer = (asked: Asked, res: ServerResponse) => void

export interface WebhookServer extends AsyncDisposable {
  url: string
  asked: Asked[]
  /** How it answers from now on. */
  answer: Answer
}

/** Answers one rotation id with one value, as an app's webhook should. */
export const valueOfRotation: Answer = ({ question }, res) => {
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ secretData: `value of ${question.rotationId}` }))
}

/** A real HTTP server in the part of an app's rotation webhook. */
export async function startWebhook(answer: Answer = valueOfRotation): Promise<WebhookServer> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const asked = { question: JSON.parse(body) as RotationQuestion, body, headers: req.headers, path: req.url! }
      webhook.asked.push(asked)
      webhook.answer(asked, res)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const webhook: WebhookServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/rotate?for=us`,
    asked: [],
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return webhook
}

/** Whether a question is signed with the key, by the documented rule. */
export function isSigned({ headers, body }: Asked, signingKey: string): boolean {
  const text = `vouchsafe-rotation-v1\n${String(headers['x-vouchsafe-timestamp'])}\n${body}`
  const expected = createHmac('sha256', Buffer.from(signingKey, 'base64')).update(text).digest('base64')
  return headers['x-vouchsafe-webhook-signature'] === expected
}
