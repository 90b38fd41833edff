/**
 * The payload of a baseline's JWT (contract §3): `{"referenceValues": [{"fileName", "sha256"}, …]}`. `{"fileName", "alg", "digest"}` names
 * other algorithms, and `"matchFileName": true` makes the names significant. Read in the appraisal workers: it may be long.
 */
import { DigestSetWriter } from './digest-set.ts'

/** Hex digits of each algorithm's digests. */
const DIGEST_DIGITS = new Map([
  ['sha1', 40],
  ['sha256', 64],
  ['sha384', 96],
  ['sha512', 128],
  ['sm3', 64],
])
const MAX_SHA256_CHARACTERS = 64
/** The longest path on Linux. */
const MAX_FILE_NAME = 4096

/** Content that is not a valid baseline; the message names the field and is public. */
export class BaselineError extends Error {
  override readonly name = 'BaselineError'
}

/** The reference values of a payload in base64url. Throws BaselineError. */
export function readBaseline(payload: string): { digests: Uint8Array; count: number } {
  const bytes = Buffer.from(payload, 'base64url')
  if (bytes.toString('base64url') !== payload) throw new BaselineError('content: the payload is not base64url')
  const { referenceValues, matchFileName = false } = objectOf(bytes, 'content: the payload')
  if (!Array.isArray(referenceValues)) throw new BaselineError('content: referenceValues must be an array')
  if (typeof matchFileName !== 'boolean') throw new BaselineError('content: matchFileName must be a boolean')
  const set = new DigestSetWriter()
  referenceValues.forEach((value: unknown, i) => addValue(set, value, matchFileName, i))
  return { digests: set.finish(), count: set.count }
}

function addValue(set: DigestSetWriter, value: unknown, matchFileName: boolean, index: number): void {
  const field = `content: referenceValues[${index}]`
  if (typeof value !== 'object' || value === null) throw new BaselineError(`${field} must be an object`)
  const { fileName, sha256, alg, digest } = value as Record<string, unknown>
  if (fileName !== undefined && (typeof fileName !== 'string' || fileName === '' || fileName.length > MAX_FILE_NAME)) {
    throw new BaselineError(`${field}.fileName must be a text of 1 to ${MAX_FILE_NAME} characters`)
  }
  if (matchFileName && fileName === undefined) throw new BaselineError(`${field}.fileName is required, since matchFileName is true`)
  const name = matchFileName ? fileName : undefined
  if (sha256 !== undefined) {
    if (typeof sha256 !== 'string' || sha256 === '' || sha256.length > MAX_SHA256_CHARACTERS) {
      throw new BaselineError(`${field}.sha256 must be a text of 1 to ${MAX_SHA256_CHARACTERS} characters`)
    }
    set.add(sha256, name)
    return
  }
  const digits = typeof alg === 'string' ? DIGEST_DIGITS.get(alg) : undefined
  if (digits === undefined) throw new BaselineError(`${field} needs sha256, or alg (${[...DIGEST_DIGITS.keys()].join(', ')}) and digest`)
  if (typeof digest !== 'string' || digest.length !== digits || !/^[0-9a-fA-F]+$/.test(digest)) {
    throw new BaselineError(`${field}.digest must be ${digits} hex digits for ${alg as string}`)
  }
  set.add(digest, name)
}

function objectOf(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new BaselineError(`${what} is not JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BaselineError(`${what} must be a JSON object`)
  return value as Record<string, unknown>
}
