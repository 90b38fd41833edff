/** What certificates consist of, in the forms in which policies see it. Everything here throws DerError; `asn1` makes that the built-in's failure. */
import { DerError, readDer, readElements, readInteger, readOid, TAG } from '@vouchsafe/der'
import type { DerElement } from '@vouchsafe/der'
import { failure } from './types.ts'

const FIELD = 'asn1'
/** Moduli of RSA keys are the longest. */
const MAX_INTEGER_BYTES = 4096

/** Runs `read`. Throws BuiltinError for malformed DER. */
export function asn1<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof DerError ? failure('asn1: structure error') : error
  }
}

export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new DerError(`${FIELD}: another element expected`)
  return element
}

export function children({ value }: DerElement): DerElement[] {
  return readElements(value, FIELD)
}

export function sequence(element: DerElement | undefined): DerElement[] {
  return children(expectTag(element, TAG.sequence))
}

/** The elements of the SEQUENCE that `bytes` are. */
export function sequenceIn(bytes: Uint8Array): DerElement[] {
  return children(readDer(bytes, TAG.sequence, FIELD))
}

export function integer(element: DerElement | undefined): bigint {
  return readInteger(expectTag(element, TAG.integer).value, FIELD, MAX_INTEGER_BYTES)
}

/** The numbers of an object identifier's contents. */
export function oidNumbers(contents: Uint8Array): number[] {
  const numbers = readOid(contents, FIELD).split('.').map(Number)
  if (!numbers.every(Number.isSafeInteger)) throw new DerError(`${FIELD}: object identifier too large`)
  return numbers
}

/** Text of any string type. */
export function text({ tag, value }: DerElement): string {
  if (tag === TAG.bmpString)
    return Buffer.from(value.subarray(0, value.length & ~1))
      .swap16()
      .toString('utf16le')
  return value.toString(tag === TAG.teletexString ? 'latin1' : 'utf8')
}
