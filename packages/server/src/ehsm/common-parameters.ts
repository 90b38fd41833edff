import type { Runtime } from '../foundation/index.ts'
import { FUTURE_MS, PAST_MS } from '../replay/index.ts'
import { EhsmRefusal } from './refusals.ts'

const MAX_NONCE = 64
const TIMESTAMP_LENGTH = 13
const DIGITS = /^\d+$/

/** The parameters of every signed request, checked for shape (contract §2, steps 2 to 7). */
export interface CommonParameters {
  appid: string
  timestamp: string
  /** The timestamp as milliseconds since 1970. */
  stamp: number
  nonce: string | undefined
  sign: string
  /** Objects and arrays are accepted; undefined means absent. */
  payload: Readonly<Record<string, unknown>> | undefined
}

/**
 * Reads the common parameters of a body.
 * @throws {EhsmRefusal} `missing_parameters`, `parameter_type`, `nonce_length`, `timestamp_length` or `timestamp_window`
 */
export function readCommonParameters(
  body: Readonly<Record<string, unknown>>,
  payloadRequired: boolean,
  runtime: Runtime,
): CommonParameters {
  if (Object.hasOwn(body, '__proto__')) throw new EhsmRefusal('parameter_type')
  const { appid, timestamp, sign, nonce, payload } = body
  if (!appid || !timestamp || !sign || (payloadRequired && !payload)) throw new EhsmRefusal('missing_parameters')
  if (typeof appid !== 'string' || typeof timestamp !== 'string' || typeof sign !== 'string') throw new EhsmRefusal('parameter_type')
  if (payload && typeof payload !== 'object') throw new EhsmRefusal('parameter_type')
  const readable = readNonce(nonce)
  if (timestamp.length !== TIMESTAMP_LENGTH) throw new EhsmRefusal('timestamp_length')
  const stamp = DIGITS.test(timestamp) ? Number(timestamp) : NaN
  const age = runtime.now() - stamp
  // NaN fails both comparisons.
  if (!(age <= PAST_MS && age >= -FUTURE_MS)) throw new EhsmRefusal('timestamp_window')
  return { appid, timestamp, stamp, nonce: readable, sign, payload: (payload as Record<string, unknown>) || undefined }
}

/**
 * A nonce is text or a number; an empty one counts as absent. The signed text has no escaping, so a nonce with `&` could swallow what
 * follows it: the same signature would then stand for a second request with another nonce.
 */
function readNonce(nonce: unknown): string | undefined {
  if (nonce === undefined || nonce === null || nonce === '' || nonce === 0) return undefined
  if (typeof nonce === 'number') return String(nonce)
  if (typeof nonce !== 'string' || nonce.includes('&')) throw new EhsmRefusal('parameter_type')
  if (nonce.length > MAX_NONCE) throw new EhsmRefusal('nonce_length')
  return nonce
}
