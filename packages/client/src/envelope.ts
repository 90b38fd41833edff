// The envelope of code, message and result in which the key management API answers, always with HTTP status 200.
import { notAnAnswer, statusError } from './exchange.ts'
import type { HttpAnswer } from './exchange.ts'

/** The envelope, and the answer's Date header. */
export interface Answer {
  code: number
  message: string
  result: Record<string, unknown>
  date: string | null
}

/** Throws VouchsafeConnectionError unless the answer is an envelope, whatever its code. */
export function readEnvelope(action: string, { status, text, date }: HttpAnswer): Answer {
  if (status !== 200) throw statusError(action, status)
  let envelope: unknown
  try {
    envelope = JSON.parse(text)
  } catch {
    throw notAnAnswer(action, 'the answer is not JSON; is this the address of a Vouchsafe server?')
  }
  const { code, message = '', result = {} } = (envelope ?? {}) as { code?: unknown; message?: unknown; result?: unknown }
  if (typeof code !== 'number' || typeof message !== 'string' || typeof result !== 'object' || result === null)
    throw notAnAnswer(action, 'the answer is not an envelope of code, message and result; is this the address of a Vouchsafe server?')
  return { code, message, result: result as Record<string, unknown>, date }
}
