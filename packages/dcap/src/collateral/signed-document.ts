/** TCB info and enclave identities as Intel serves them: `{"<name>":{…},"signature":"<hex>"}`, signed over the exact bytes of the object. */
import { CollateralError } from '../errors.ts'
import { asObject, hexBytes, member } from './json-fields.ts'

export interface SignedDocument<T> {
  content: T
  /** The bytes that were signed. */
  signed: Buffer
  /** r ‖ s on P-256. */
  signature: Buffer
}

/** Bytes of one document; Intel's are up to about 50 kB. */
export const MAX_DOCUMENT_LENGTH = 1024 * 1024

/** The document in the body of an answer. Throws CollateralError for JSON that is malformed or has a member twice. */
export function readSignedBody<T>(body: string, name: string, read: (value: unknown, path: string) => T): SignedDocument<T> {
  const object = asObject(parseJson(body, name), name)
  const [start, end] = memberSpan(body, name)
  return {
    content: read(member(object, name), name),
    signed: Buffer.from(body.slice(start, end)),
    signature: hexBytes(object, 'signature', name, 64),
  }
}

export function parseJson(source: string, path: string): unknown {
  if (source.length > MAX_DOCUMENT_LENGTH) throw new CollateralError(path, `longer than ${MAX_DOCUMENT_LENGTH} characters`)
  try {
    return JSON.parse(source)
  } catch {
    throw new CollateralError(path, 'not JSON')
  }
}

/** Where the value of the top-level member `name` stands in `source`, a JSON object that has been parsed before. */
function memberSpan(source: string, name: string): [start: number, end: number] {
  let depth = 0
  let key: string | undefined
  let valueStart = 0
  const seen = new Set<string>()
  let span: [number, number] | undefined
  for (let i = 0; i < source.length; i++) {
    const character = source[i]
    if (character === '"') {
      const end = stringEnd(source, i)
      if (depth === 1 && key === undefined) {
        key = JSON.parse(source.slice(i, end)) as string
        if (seen.has(key)) throw new CollateralError(name, `the member ${JSON.stringify(key.slice(0, 40))} appears twice`)
        seen.add(key)
        i = source.indexOf(':', end)
        valueStart = i + 1
      } else i = end - 1
    } else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']' || character === ',') {
      if (depth === 1 && key !== undefined) {
        if (key === name) span = trimmed(source, valueStart, i)
        key = undefined
      }
      if (character !== ',') depth--
    }
  }
  if (span === undefined) throw new CollateralError(name, 'the member is missing')
  return span
}

/** The offset after the string that begins at `start`. */
function stringEnd(source: string, start: number): number {
  let i = start + 1
  while (source[i] !== '"') i += source[i] === '\\' ? 2 : 1
  return i + 1
}

function trimmed(source: string, start: number, end: number): [number, number] {
  let from = start
  let to = end
  while (/\s/.test(source[from]!)) from++
  while (/\s/.test(source[to - 1]!)) to--
  return [from, to]
}
