/** UUIDs, the runtime, and network calls, which are not available. */
import type { RegoObject } from '../values/collections.ts'
import { fromBigint } from '../values/numbers.ts'
import { makeObject, makeSet, objectGet, sortedEntries } from '../values/operations.ts'
import { regoText } from '../values/text.ts'
import type { PlainObject, Value } from '../values/value.ts'
import type { Session } from '../run/context.ts'
import { RegoError } from '../errors.ts'
import { allocate, charged, spend } from '../run/budget.ts'
import { parseModule } from '../syntax/parser.ts'
import { moduleValue } from './module-value.ts'
import { memoize, randomBytesOf } from './random.ts'
import { builtin, failure, typeFailure } from './types.ts'
import type { BuiltinSpec } from './types.ts'

/** Between 1582, where UUIDs count from, and 1970, in units of 100 ns. */
const UUID_EPOCH = 122_192_928_000_000_000n

/** Fields that a request of http.send may have. */
const HTTP_KEYS: ReadonlySet<string> = new Set(
  `method url body enable_redirect force_json_decode force_yaml_decode headers raw_body tls_use_system_certs tls_ca_cert tls_ca_cert_file
  tls_ca_cert_env_variable tls_client_cert tls_client_cert_file tls_client_cert_env_variable tls_client_key tls_client_key_file
  tls_client_key_env_variable tls_insecure_skip_verify tls_server_name timeout cache force_cache force_cache_duration_seconds raise_error
  caching_mode max_retry_attempts cache_ignored_headers`.split(/\s+/),
)

export const miscBuiltins: readonly BuiltinSpec[] = [
  builtin('uuid.rfc4122', ['string'], 'string', (name: string, session: Session) =>
    memoize(session, `uuid ${charged(name)}`, () => {
      const bytes = randomBytesOf(session).subarray(0, 16)
      bytes[6] = (bytes[6]! & 0x0f) | 0x40
      bytes[8] = (bytes[8]! & 0x3f) | 0x80
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    }),
  ),
  builtin('uuid.parse', ['string'], 'object', parseUuid),
  // The compiler puts what the annotations say in the place of these two.
  builtin('rego.metadata.rule', [], 'object', () => makeObject([])),
  builtin('rego.metadata.chain', [], 'array', () => []),
  builtin('rego.parse_module', ['string', 'string'], 'object', (file: string, source: string) => {
    spend(64 * source.length)
    allocate(64 * source.length)
    try {
      return moduleValue(parseModule({ file, source }))
    } catch (error) {
      if (error instanceof RegoError) throw failure(error.message)
      throw error
    }
  }),
  builtin('opa.runtime', [], 'object', () => makeObject([])),
  builtin('http.send', ['object'], 'object', (request: RegoObject | PlainObject) => {
    const unknown = sortedEntries(request).filter(([key]) => typeof key !== 'string' || !HTTP_KEYS.has(key))
    if (unknown.length > 0) throw typeFailure(`invalid request parameters(s): ${regoText(makeSet(unknown.map(([key]) => key)))}`)
    const missing = ['method', 'url'].filter((name) => objectGet(request, name) === undefined)
    if (missing.length > 0) throw typeFailure(`missing required request parameters(s): ${regoText(makeSet(missing))}`)
    throw failure('http.send is not available: replace it using `with http.send as …`')
  }),
]

const VARIANTS: readonly [number, string][] = [
  [0x80, 'NCS'],
  [0xc0, 'RFC4122'],
  [0xe0, 'Microsoft'],
]

function parseUuid(text: string): Value | undefined {
  const compact = bareUuid(text)
  if (!/^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i.test(compact))
    throw failure(`invalid UUID ${JSON.stringify(text.slice(0, 64))}`)
  const bytes = Buffer.from(compact.replaceAll('-', ''), 'hex')
  const version = bytes[6]! >> 4
  const variant = VARIANTS.find(([limit]) => bytes[8]! < limit)?.[1] ?? 'Future'
  const fields: [string, Value][] = [
    ['version', version],
    ['variant', variant],
  ]
  if (version === 1 || version === 2) {
    const ticks = (BigInt(bytes.readUInt16BE(6) & 0x0fff) << 48n) | (BigInt(bytes.readUInt16BE(4)) << 32n) | BigInt(bytes.readUInt32BE(0))
    fields.push(
      ['time', fromBigint((ticks - UUID_EPOCH) * 100n)],
      ['nodeid', bytes.toString('hex', 10).match(/../g)!.join('-')],
      ['macvariables', macVariables(bytes[10]!)],
      ['clocksequence', bytes.readUInt16BE(8) & 0x3fff],
    )
  }
  if (version === 2) {
    fields.push(['id', bytes.readUInt32BE(0)], ['domain', ['Person', 'Group', 'Org'][bytes[9]!] ?? `Domain${bytes[9]!}`])
  }
  return makeObject(fields)
}

/** Without the braces, whatever they are, or the prefix of a URN that the length tells of. */
function bareUuid(text: string): string {
  if (text.length === 38) return text.slice(1, -1)
  if (text.length === 45 && /^urn:uuid:/i.test(text)) return text.slice(9)
  return text.length <= 36 ? text : ''
}

function macVariables(byte: number): string {
  const scope = (byte & 2) === 0 ? 'global' : 'local'
  return `${scope}:${(byte & 1) === 0 ? 'unicast' : 'multicast'}`
}
