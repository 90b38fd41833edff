import type { IncomingMessage } from 'node:http'
import { AgentError } from '../errors.ts'

/** What a request may hold: `attester_data` is the only field that could be long, and it goes into the token. */
export const MAX_BODY_BYTES = 1024 * 1024

/** The JSON of a request's body, whatever its content type; undefined when it is empty. Throws AgentError. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > MAX_BODY_BYTES) throw new AgentError('too-large', `the body is longer than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  if (size === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new AgentError('input', 'Failed to parse request: the body is not JSON', { cause: error })
  }
}
