/** JSON Web Tokens: decoding, verifying, signing. */
import { createSecretKey } from 'node:crypto'
import { allocateText } from '../run/budget.ts'
import type { RegoObject } from '../values/collections.ts'
import { compareNumbers, fromBigint, multiplyExactly } from '../values/numbers.ts'
import { makeObject, objectGet, sortedEntries } from '../values/operations.ts'
import { jsonText, keyText, parseJson } from '../values/text.ts'
import { isArray, isNumber, isObject } from '../values/value.ts'
import type { Num, PlainObject, Value } from '../values/value.ts'
import type { Session } from '../run/context.ts'
import { fromBase64Url } from './encoding.ts'
import { ALGORITHMS, makeSignature, signingKey, verificationKeys, verifySignature } from './jwt-keys.ts'
import type { VerificationKey } from './jwt-keys.ts'
import { builtin, failure } from './types.ts'
import type { BuiltinSpec } from './types.ts'

type Obj = RegoObject | PlainObject

/** Tokens inside tokens. */
const MAX_NESTING = 8
const BILLION = 1_000_000_000

export const jwtBuiltins: readonly BuiltinSpec[] = [
  builtin('io.jwt.decode', ['string'], 'array', (token: string) => {
    const { header, payload, signature } = decode(token)
    return [header, payload, signature.toString('hex')]
  }),
  builtin('io.jwt.decode_verify', ['string', 'object'], 'array', decodeVerify),
  ...[...ALGORITHMS.values()].map(({ name, kind }) =>
    builtin(`io.jwt.verify_${name.toLowerCase()}`, ['string', 'string'], 'boolean', (token: string, key: string) => {
      const parts = split(token)
      const header = headerOf(parts)
      if (kind === 'hmac') return isSigned(parts, name, [secretOf(key)], undefined)
      const id = objectGet(header, 'kid')
      return isSigned(parts, name, verificationKeys(key), id)
    }),
  ),
  builtin('io.jwt.encode_sign', ['object', 'object', 'object'], 'string', (header: Obj, payload: Obj, key: Obj) =>
    encodeSign(jsonText(header), jsonText(payload), jsonText(key)),
  ),
  builtin('io.jwt.encode_sign_raw', ['string', 'string', 'string'], 'string', encodeSign),
]

type Parts = readonly [string, string, string]

function split(token: string): Parts {
  const parts = token.split('.', 8)
  if (parts.length === 5) throw failure('JWT is a JWE object, which is not supported')
  if (parts.length !== 3) throw failure(`encoded JWT must have 3 sections, found ${parts.length}`)
  allocateText(4 * token.length)
  return parts as unknown as Parts
}

function section(text: string, name: string): Buffer {
  try {
    return fromBase64Url(text)
  } catch (error) {
    throw failure(`JWT ${name} had invalid encoding: ${(error as Error).message}`)
  }
}

function jsonSection(text: string, name: string): Obj {
  let value: Value
  try {
    value = parseJson(section(text, name).toString('utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw failure(`JWT ${name} is not JSON`)
  }
  if (!isObject(value)) throw failure(`JWT ${name} is not an object`)
  return value
}

function headerOf([header]: Parts): Obj {
  const found = jsonSection(header, 'header')
  if (objectGet(found, 'enc') !== undefined) throw failure('JWT is a JWE object, which is not supported')
  return found
}

interface Token {
  header: Obj
  payload: Value
  signature: Buffer
}

function decode(token: string, depth = 0): Token {
  const parts = split(token)
  const header = headerOf(parts)
  const signature = section(parts[2], 'signature')
  if (isNested(header)) {
    if (depth >= MAX_NESTING) throw failure('JWT is nested too deeply')
    return decode(section(parts[1], 'payload').toString('utf8').replace(/^"|"$/g, ''), depth + 1)
  }
  return { header, payload: jsonSection(parts[1], 'payload'), signature }
}

function isNested(header: Obj): boolean {
  const type = objectGet(header, 'cty')
  return typeof type === 'string' && type.toUpperCase() === 'JWT'
}

function secretOf(text: string): VerificationKey {
  return { key: createSecretKey(Buffer.from(text)), id: undefined, algorithm: undefined }
}

/** Whether one of the keys made the signature. Where keys have names and the token names one, only that one counts. */
function isSigned([header, payload, signature]: Parts, name: string, keys: readonly VerificationKey[], id: Value | undefined): boolean {
  const algorithm = ALGORITHMS.get(name)
  if (!algorithm) return false
  const bytes = section(signature, 'signature')
  const named = typeof id === 'string' ? keys.filter((key) => key.id === id) : []
  const candidates = named.length > 0 ? named : keys
  return candidates
    .filter((each) => each.algorithm === undefined || each.algorithm === name)
    .some(({ key }) => verifySignature(algorithm, key, `${header}.${payload}`, bytes))
}

interface Constraints {
  keys: readonly VerificationKey[]
  isSecret: boolean
  algorithm: string | undefined
  issuer: string | undefined
  audience: string | undefined
  time: Num
}

function constraintsOf(options: Obj, session: Session): Constraints {
  const given = new Map(sortedEntries(options))
  for (const name of given.keys())
    if (!['cert', 'secret', 'alg', 'iss', 'time', 'aud'].includes(keyText(name))) throw failure(`unknown constraint: ${keyText(name)}`)
  const text = (name: string): string | undefined => {
    const value = given.get(name)
    if (value !== undefined && typeof value !== 'string') throw failure(`${name} constraint: must be a string`)
    return value
  }
  const [certificate, secret, time] = [text('cert'), text('secret'), given.get('time')]
  if (certificate !== undefined && secret !== undefined) throw failure('duplicate key constraints')
  if (certificate === undefined && secret === undefined) throw failure('no key constraint')
  if (time !== undefined && !isNumber(time)) throw failure('time constraint: must be a number')
  const keys = certificate === undefined ? [secretOf(secret!)] : verificationKeys(certificate)
  const now = time ?? fromBigint(session.now)
  return { keys, isSecret: secret !== undefined, algorithm: text('alg'), issuer: text('iss'), audience: text('aud'), time: now }
}

/** `[true, header, payload]` of a token that meets all constraints, else `[false, {}, {}]`. */
function decodeVerify(token: string, options: Obj, session: Session): Value {
  const constraints = constraintsOf(options, session)
  const refused: Value = [false, makeObject([]), makeObject([])]
  let text = token
  for (let depth = 0; depth <= MAX_NESTING; depth++) {
    const parts = split(text)
    const header = headerOf(parts)
    const name = objectGet(header, 'alg')
    if (typeof name !== 'string' || objectGet(header, 'crit') !== undefined) return refused
    if (constraints.algorithm !== undefined && constraints.algorithm !== name) return refused
    if (constraints.isSecret !== (ALGORITHMS.get(name)?.kind === 'hmac')) return refused
    if (!isSigned(parts, name, constraints.keys, objectGet(header, 'kid'))) return refused
    if (isNested(header)) {
      text = section(parts[1], 'payload').toString('utf8').replace(/^"|"$/g, '')
      continue
    }
    const payload = jsonSection(parts[1], 'payload')
    return meets(payload, constraints) ? [true, header, payload] : refused
  }
  throw failure('JWT is nested too deeply')
}

function meets(payload: Obj, { issuer, audience, time }: Constraints): boolean {
  if (issuer !== undefined && objectGet(payload, 'iss') !== issuer) return false
  const aud = objectGet(payload, 'aud')
  if (aud !== undefined || audience !== undefined) {
    if (aud === undefined || audience === undefined) return false
    if (aud !== audience && !(isArray(aud) && aud.includes(audience))) return false
  }
  const [expiry, start] = [instant(payload, 'exp'), instant(payload, 'nbf')]
  if (expiry !== undefined && compareNumbers(time, expiry) >= 0) return false
  return start === undefined || compareNumbers(time, start) >= 0
}

/** A claim in seconds, as nanoseconds. */
function instant(payload: Obj, name: string): Num | undefined {
  const value = objectGet(payload, name)
  if (value === undefined) return undefined
  if (!isNumber(value)) throw failure(`${name} value must be a number`)
  return multiplyExactly(value, BILLION)
}

function encodeSign(header: string, payload: string, key: string): string {
  let parsed: Value
  try {
    parsed = parseJson(header)
  } catch {
    throw failure("missing or invalid 'alg' header: cannot parse JSON")
  }
  const name = isObject(parsed) ? objectGet(parsed, 'alg') : undefined
  if (typeof name !== 'string') throw failure('missing or invalid \'alg\' header: header "alg" not found')
  const algorithm = ALGORITHMS.get(name)
  if (!algorithm) throw failure(`unknown signature algorithm ${name}`)
  const type = isObject(parsed) ? objectGet(parsed, 'typ') : undefined
  // Without a type, the payload is taken for claims too.
  if ((type === undefined || type === 'JWT') && !isJson(payload)) throw failure('type is JWT but payload is not JSON')
  const jwk = isJson(key) ? JSON.parse(key) : undefined
  allocateText(4 * (header.length + payload.length))
  const signed = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`
  const token = `${signed}.${makeSignature(algorithm, signingKey(jwk), signed).toString('base64url')}`
  return token
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
