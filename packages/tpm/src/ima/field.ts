import type { ImaTemplate } from './template.ts'

/** One field of an entry as the kernel measured it: names end in NUL, numbers are little-endian, digests of `d-ng` have their algorithm before them. */
export interface ImaField {
  readonly id: string
  readonly bytes: Uint8Array
}

/** The digest of a file (`type` ima or absent) or of its fs-verity descriptor (`verity`), with the kernel's name of the algorithm. */
export interface ImaFileDigest {
  readonly algorithm: string
  readonly digest: Uint8Array
  readonly type?: string
}

/** Splits template data that fits the template, as views. */
export function decodeFields(template: ImaTemplate, data: Uint8Array): ImaField[] {
  let at = 0
  return template.fields.map(({ id }) => {
    const bytes = data.subarray(at + 4, at + 4 + uint32(data, at))
    at += 4 + bytes.length
    return { id, bytes }
  })
}

/** Whether [start, end) is exactly as many fields with their lengths as the template has. */
export function fitsTemplate(template: ImaTemplate, bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  for (let i = 0; i < template.fields.length; i++) {
    const length = fieldLength(bytes, at, end)
    if (length === -1) return false
    at += 4 + length
  }
  return at === end
}

/** The little-endian length at `at`, or -1 when it or the bytes that it announces pass `end`. */
function fieldLength(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4) return -1
  const length = uint32(bytes, at)
  return length <= end - at - 4 ? length : -1
}

/** The caller has checked that four bytes are there. */
export function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** UTF-8; invalid bytes appear as U+FFFD. */
export function fieldText(bytes: Uint8Array): string {
  const end = bytes.at(-1) === 0 ? bytes.length - 1 : bytes.length
  return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('utf8')
}

/** `algorithm:` NUL digest, or `type:algorithm:` NUL digest (`d-ngv2`); undefined when the bytes are not so. */
export function namedDigest(bytes: Uint8Array): ImaFileDigest | undefined {
  const nul = bytes.indexOf(0)
  const [first, second, ...rest] = nul === -1 ? [] : fieldText(bytes.subarray(0, nul)).split(':')
  const digest = bytes.subarray(nul + 1)
  if (first === undefined || second === undefined || rest.length > 1) return undefined
  if (rest.length === 0) return second === '' ? { algorithm: first, digest } : undefined
  return rest[0] === '' ? { type: first, algorithm: second, digest } : undefined
}

/** The bare digest of a `d` field: SHA-1, or MD5 by its size. */
export function bareDigest(bytes: Uint8Array): ImaFileDigest {
  return { algorithm: bytes.length === 16 ? 'md5' : 'sha1', digest: bytes }
}
