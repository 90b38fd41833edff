import { TpmError } from '../error.ts'

/** One DER element: where its content lies. */
export interface DerElement {
  tag: number
  start: number
  contentStart: number
  end: number
}

/** The element at `at`, inside [at, end). Throws TpmError for long tags, indefinite lengths, and what does not fit. Source: X.690, 8.1 and 10.1. */
export function derElement(bytes: Uint8Array, at: number, end: number): DerElement {
  const wrong = (problem: string): TpmError => new TpmError(`DER: ${problem}`, { field: 'DER', offset: at })
  if (end - at < 2) throw wrong('an element is missing')
  const tag = bytes[at]!
  if ((tag & 0x1f) === 0x1f) throw wrong('a tag of several bytes')
  const first = bytes[at + 1]!
  let contentStart = at + 2
  let length = first
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 4 || end - contentStart < count) throw wrong('a length that is not definite or too long')
    length = 0
    for (let i = 0; i < count; i++) length = length * 256 + bytes[contentStart++]!
  }
  if (length > end - contentStart) throw wrong('an element is longer than what is there')
  return { tag, start: at, contentStart, end: contentStart + length }
}

/** The elements inside another, at most `limit`. */
export function derChildren(bytes: Uint8Array, parent: DerElement, limit = 64): DerElement[] {
  const children: DerElement[] = []
  for (let at = parent.contentStart; at < parent.end;) {
    if (children.length === limit) throw new TpmError(`DER: more than ${limit} elements in one`, { field: 'DER', offset: at })
    const child = derElement(bytes, at, parent.end)
    children.push(child)
    at = child.end
  }
  return children
}

export function derContent(bytes: Uint8Array, { contentStart, end }: DerElement): Uint8Array {
  return bytes.subarray(contentStart, end)
}

/** The bytes of an INTEGER as a number; undefined when it is another element or negative. */
export function derUnsigned(bytes: Uint8Array, element: DerElement | undefined): bigint | undefined {
  if (element?.tag !== 0x02 || element.contentStart === element.end || bytes[element.contentStart]! >= 0x80) return undefined
  return BigInt(`0x${Buffer.from(derContent(bytes, element)).toString('hex')}`)
}
