// What a request's signature covers, shared by the client, which signs, and the server, which verifies.
//
//   sign = base64(HMAC-SHA256(apikey, `appid=…[&nonce=…]&payload=<canonical payload>&timestamp=…`))
//
// The canonical payload has no quotes, no braces and no escaping, so different payloads can share one text, and the action isn't covered
// at all. The wire format forces that; the strict header below covers method, action and the exact body, and closes both holes.
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/**
 * How a payload becomes text. `drop-empty` is the primary form: what is loosely equal to '' ("", 0, false, [], [""], [[]]) leaves no trace.
 * The other two keep such values and differ in their booleans: `True`/`False` (Python clients) or `true`/`false`.
 */
export type CanonicalForm = 'drop-empty' | 'keep-python' | 'keep-json'

/** The nesting depth of containers (objects and arrays), the payload itself being the first. */
export const MAX_DEPTH = 32
/** Values in a payload, counted at all levels; the largest documented payload has ten. Keeps the work of one signature bounded. */
export const MAX_VALUES = 1024

const REASONS = {
  depth: `the payload is nested deeper than ${MAX_DEPTH} levels`,
  proto: 'the payload has a key named __proto__',
  size: `the payload has more than ${MAX_VALUES} values`,
}

/**
 * A payload that has no canonical text. The message is public and holds nothing of the payload.
 *
 * @example
 * const payload = JSON.parse('{"__proto__": 1}')
 * canonicalPayload(payload, 'keep-json') // throws CanonicalError
 */
export class CanonicalError extends Error {
  readonly code: keyof typeof REASONS

  constructor(code: keyof typeof REASONS) {
    super(REASONS[code])
    this.name = 'CanonicalError'
    this.code = code
  }
}

interface Walk {
  readonly form: CanonicalForm
  values: number
  formSensitive: boolean
}

/**
 * The text of `payload` (an object or array as JSON.parse returns it) in one form: `k1=v1&k2=v2…`, keys ascending by UTF-16 code units at
 * every level, arrays as objects whose keys are their indices, nested text in place, no escaping.
 * `formSensitive` says whether the forms can differ: the payload holds "", 0, a boolean or an array that counts as empty, at any depth.
 * Throws only CanonicalError.
 *
 * @example
 * canonicalPayload({ b: 'x', a: [1, 2], c: '' }, 'drop-empty').text // → 'a=0=1&1=2&b=x'
 * canonicalPayload({ c: '', d: true }, 'keep-python').text // → 'c=&d=True'
 */
export function canonicalPayload(payload: object, form: CanonicalForm): { text: string; formSensitive: boolean } {
  const walk: Walk = { form, values: 0, formSensitive: false }
  const text = containerText(payload as Record<string, unknown>, walk, 1)
  return { text, formSensitive: walk.formSensitive }
}

function containerText(container: Record<string, unknown>, walk: Walk, depth: number): string {
  if (depth > MAX_DEPTH) throw new CanonicalError('depth')
  if (Array.isArray(container) && container.length > MAX_VALUES) throw new CanonicalError('size')
  const keys = Object.keys(container)
  walk.values += keys.length
  if (walk.values > MAX_VALUES) throw new CanonicalError('size')
  if (!isAscending(keys)) keys.sort()
  let text = ''
  for (const key of keys) {
    if (key === '__proto__') throw new CanonicalError('proto')
    const value = valueText(container[key], walk, depth)
    if (value === undefined) continue
    text += text === '' ? key + '=' + value : '&' + key + '=' + value
  }
  return text
}

function isAscending(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if (keys[i - 1]! > keys[i]!) return false
  return true
}

/** The text of one value, undefined when the form drops it. Never calls a method of the value. */
function valueText(value: unknown, walk: Walk, depth: number): string | undefined {
  if (typeof value === 'string' && value !== '') return value
  if (isLooselyEmpty(value, depth)) {
    walk.formSensitive = true
    if (walk.form === 'drop-empty') return undefined
  }
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return String(value)
    case 'boolean':
      walk.formSensitive = true
      if (walk.form === 'keep-python') return value ? 'True' : 'False'
      return value ? 'true' : 'false'
    case 'object':
      return value === null ? undefined : containerText(value as Record<string, unknown>, walk, depth + 1)
    default:
      return undefined
  }
}

/** JavaScript's `value == ''` without its calls of toString and valueOf; `depth` is that of the container that holds the value. */
function isLooselyEmpty(value: unknown, depth: number): boolean {
  if (value === '' || value === 0 || value === false) return true
  if (!Array.isArray(value)) return false
  let inner: unknown = value
  for (let level = depth + 1; Array.isArray(inner); level++) {
    if (level > MAX_DEPTH) throw new CanonicalError('depth')
    if (inner.length !== 1) return inner.length === 0
    inner = inner[0]
  }
  return inner === '' || inner === null
}

/**
 * The payload as the signature covers it: without the fields that the form drops, since anyone could have added those. The same object when
 * there are none. Only the payload's own fields are looked at; no action has nested ones. Throws CanonicalError as canonicalPayload does.
 *
 * @example
 * coveredPayload({ keyid: 'k', aad: '' }, 'drop-empty') // → { keyid: 'k' }
 * coveredPayload({ keyid: 'k', aad: '' }, 'keep-json') // → { keyid: 'k', aad: '' }
 */
export function coveredPayload(payload: Record<string, unknown>, form: CanonicalForm): Record<string, unknown> {
  const isCovered = (value: unknown) => value !== null && value !== undefined && !(form === 'drop-empty' && isLooselyEmpty(value, 1))
  for (const key of Object.keys(payload)) {
    if (!isCovered(payload[key])) return Object.fromEntries(Object.entries(payload).filter(([, value]) => isCovered(value)))
  }
  return payload
}

/**
 * What `sign` covers: `appid=…[&nonce=…][&payload=…]&timestamp=…`; a request without payload has no such segment, `{}` an empty one.
 *
 * @example
 * requestData({ appid: 'a', timestamp: '1700000000000' }, 'keyid=k') // → 'appid=a&payload=keyid=k&timestamp=1700000000000'
 */
export function requestData(fields: { appid: string; nonce?: string; timestamp: string }, payloadText: string | undefined): string {
  const nonce = fields.nonce === undefined ? '' : '&nonce=' + fields.nonce
  const payload = payloadText === undefined ? '' : '&payload=' + payloadText
  return 'appid=' + fields.appid + nonce + payload + '&timestamp=' + fields.timestamp
}

/** Name of the header that carries base64(HMAC-SHA256(apikey, strictText)) of a request. */
export const STRICT_HEADER = 'x-vouchsafe-signature'

/**
 * What the strict header covers: `vouchsafe-request-v1\n<METHOD>\n<Action>\n` and the body's bytes. Unambiguous for every known action,
 * since their names hold no line break.
 *
 * @example
 * strictText('POST', 'Encrypt', '{}') // → 'vouchsafe-request-v1\nPOST\nEncrypt\n{}'
 */
export function strictText(method: string, action: string, body: string | Uint8Array): string | Uint8Array {
  const prefix = 'vouchsafe-request-v1\n' + method + '\n' + action + '\n'
  return typeof body === 'string' ? prefix + body : Buffer.concat([Buffer.from(prefix), body])
}

/**
 * base64(HMAC-SHA256(apikey, data)), 44 characters; strings are taken as UTF-8.
 *
 * @example
 * hmacBase64('key', 'text').length // → 44
 */
export function hmacBase64(apikey: string | KeyObject, data: string | Uint8Array): string {
  return createHmac('sha256', apikey).update(data).digest('base64')
}

/** What a signed request is made of; `timestamp` is milliseconds since 1970 in 13 decimal digits, `nonce` at most 64 characters. */
export interface RequestToSign {
  method: string
  action: string
  appid: string
  apikey: string
  timestamp: string
  nonce: string
  payload?: object
}

/**
 * Signs a request: the JSON body to send byte for byte and the value of its strict header. The form is `keep-json`, so that no field of
 * the payload goes unsigned; for payloads without empty values or booleans every form is this one.
 *
 * @example
 * const timestamp = String(Date.now())
 * const { body, strictSignature } = signRequest({ method: 'POST', action: 'ListKey', appid, apikey, timestamp, nonce: 'n1' })
 * const headers = { 'content-type': 'application/json', [STRICT_HEADER]: strictSignature }
 * const response = await fetch(`${baseUrl}/ehsm?Action=ListKey`, { method: 'POST', headers, body })
 * const { code } = (await response.json()) as { code: number }
 * code // → 200
 */
export function signRequest(request: RequestToSign): { body: string; strictSignature: string } {
  const { appid, apikey, nonce, timestamp, payload } = request
  const payloadText = payload === undefined ? undefined : canonicalPayload(payload, 'keep-json').text
  const sign = hmacBase64(apikey, requestData({ appid, nonce, timestamp }, payloadText))
  const body = JSON.stringify({ appid, nonce, payload, timestamp, sign })
  return { body, strictSignature: hmacBase64(apikey, strictText(request.method, request.action, body)) }
}
