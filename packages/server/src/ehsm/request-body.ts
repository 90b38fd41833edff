import type { IncomingMessage } from 'node:http'
import { EhsmRefusal } from './refusals.ts'

/** The contract's limit: 100 KiB. */
export const MAX_BODY_BYTES = 102_400
/** The excess that is read and discarded to keep the connection; beyond it the connection is closed. */
const MAX_DRAIN_BYTES = 1024 * 1024

/** The outcome of reading a request's body. */
export type BodyOutcome = { bytes: Buffer } | { error: EhsmRefusal; keepConnection: boolean }

/** Reads a body, bounded; calls `done` once, or never if the client goes away first. */
export function readBody(req: IncomingMessage, done: (outcome: BodyOutcome) => void): void {
  const announced = Number(req.headers['content-length'] ?? 0)
  if (announced > MAX_BODY_BYTES + MAX_DRAIN_BYTES) return done({ error: new EhsmRefusal('body_too_large'), keepConnection: false })
  const chunks: Buffer[] = []
  let size = 0
  let over = false
  req.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_BODY_BYTES) {
      chunks.push(chunk)
    } else if (size > MAX_BODY_BYTES + MAX_DRAIN_BYTES && !over) {
      over = true
      req.pause()
      done({ error: new EhsmRefusal('body_too_large'), keepConnection: false })
    }
  })
  req.on('end', () => {
    if (over) return
    if (size > MAX_BODY_BYTES) done({ error: new EhsmRefusal('body_too_large'), keepConnection: true })
    else done({ bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) })
  })
  // A client that goes away gets no answer.
  req.on('error', () => {})
}

/**
 * The body as a JSON object. Without a content type, or as text/plain, a body that isn't JSON counts as empty, as does a body of any other
 * type.
 * @throws {EhsmRefusal} `invalid_json`
 */
export function parseBody(bytes: Buffer, contentType: string | undefined): Readonly<Record<string, unknown>> {
  const type = contentType === 'application/json' ? contentType : mediaType(contentType)
  const declared = type === 'application/json' || type.endsWith('+json')
  if (bytes.length === 0 || (!declared && type !== '' && type !== 'text/plain')) return {}
  let content: unknown
  try {
    content = JSON.parse(bytes.toString('utf8'))
  } catch {
    if (declared) throw new EhsmRefusal('invalid_json')
    return {}
  }
  if (typeof content !== 'object' || content === null) throw new EhsmRefusal('invalid_json')
  return content as Record<string, unknown>
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]!.trim().toLowerCase()
}
