import { decodeUtf8, encodeUtf8 } from './bytes.ts'
import { canonicalJson, type Json } from './canonical-json.ts'
import { LogFormatError } from './errors.ts'
import type { Leaf } from './leaf.ts'

/** What an entry bundle's length prefix can express. */
export const MAX_LEAF_BYTES = 65_535

const MAX_DETAIL_CHARS = 8_192
const MAX_ROWS = 200
const LAST_TIME = 8_640_000_000_000_000
const SALT = /^[A-Za-z0-9+/]{21}[AQgw]==$/
const DIGEST = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/
const WORD = /^[a-z][a-z0-9_]{0,63}$/

type Test = (value: unknown) => boolean
/** A field that may be absent has `optional`. */
type Fields = ReadonlyMap<string, { test: Test; optional: boolean }>

const text =
  (least: number, most: number): Test =>
  (value) =>
    typeof value === 'string' && value.length >= least && value.length <= most
const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER): Test =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
const matching =
  (pattern: RegExp): Test =>
  (value) =>
    typeof value === 'string' && pattern.test(value)
const oneOf =
  (...values: readonly unknown[]): Test =>
  (value) =>
    values.includes(value)
const digest = matching(DIGEST)

/** A name that ends in `?` may be absent. */
function fields(table: Record<string, Test>): Fields {
  return new Map(
    Object.entries(table).map(
      ([name, test]) => [name.replace('?', ''), { test, optional: name.endsWith('?') }] satisfies [string, unknown],
    ),
  )
}

const object = (table: Record<string, Test>): Test => {
  const known = fields(table)
  return (value) => problemIn(value, known) === undefined
}

const origin = {
  v: oneOf(1),
  salt: matching(SALT),
  time: whole(0, LAST_TIME),
  server: text(1, 128),
  seq: whole(0),
}
const detail: Test = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && JSON.stringify(value).length <= MAX_DETAIL_CHARS
const row = object({
  table: text(1, 128),
  id: text(1, 4096),
  revision: whole(0),
  digest: (value) => value === null || digest(value),
})
const policy = object({ id: text(1, 1024), version: whole(0), digest })

const KINDS: ReadonlyMap<unknown, Fields> = new Map<unknown, Fields>([
  [
    undefined,
    fields({
      ...origin,
      tenant: text(0, 256),
      actor: text(1, 4096),
      action: text(1, 128),
      object: text(0, 4096),
      outcome: oneOf('ok', 'refused', 'failed'),
      'code?': matching(WORD),
      request: text(0, 256),
      'count?': whole(2),
      'policy?': (value) => Array.isArray(value) && value.length >= 1 && value.length <= 64 && value.every(policy),
      'decision?': object({ allow: oneOf(true, false), claims: digest, reasons: digest }),
      'detail?': detail,
      'row?': row,
      'rows?': (value) => Array.isArray(value) && value.length >= 1 && value.length <= MAX_ROWS && value.every(row),
    }),
  ],
  ['batch', fields({ ...origin, kind: oneOf('batch'), root: digest, count: whole(1) })],
  [
    'gap',
    fields({
      ...origin,
      kind: oneOf('gap'),
      missing: object({ server: text(1, 128), from: whole(0), to: (value) => value === null || whole(0)(value) }),
      reason: matching(WORD),
    }),
  ],
  [
    'epoch',
    fields({
      ...origin,
      kind: oneOf('epoch'),
      epoch: whole(0),
      actor: text(1, 4096),
      reason: matching(WORD),
      'previous?': object({ origin: text(1, 1024), size: whole(0), root: digest }),
    }),
  ],
])

/**
 * An entry of the log: the leaf's canonical JSON in UTF-8.
 * @throws {LogFormatError} for a leaf that {@link parseLeaf} would refuse
 *
 * @example
 * const entry = encodeLeaf(leaf)
 * parseLeaf(entry) // → leaf
 */
export function encodeLeaf(leaf: Leaf): Uint8Array {
  const problem = problemOf(leaf)
  if (problem !== undefined) throw new LogFormatError('leaf', problem)
  const entry = encodeUtf8(canonicalJson(leaf as unknown as Json))
  if (entry.length > MAX_LEAF_BYTES) throw new LogFormatError('leaf', `is longer than ${MAX_LEAF_BYTES} bytes`)
  return entry
}

/**
 * Reads an entry of the log strictly: every field known, of its type and within its bounds, in the one canonical encoding, so that equal leaves have
 * equal hashes.
 * @throws {LogFormatError}
 *
 * @example
 * parseLeaf(new TextEncoder().encode('{"v":1, "kind":"gap"}')) // throws LogFormatError
 */
export function parseLeaf(entry: Uint8Array): Leaf {
  if (entry.length > MAX_LEAF_BYTES) throw new LogFormatError('leaf', `is longer than ${MAX_LEAF_BYTES} bytes`)
  const json = decodeUtf8(entry, 'leaf')
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new LogFormatError('leaf', 'is not JSON')
  }
  const problem = problemOf(value)
  if (problem !== undefined) throw new LogFormatError('leaf', problem)
  // Refuses names that occur twice, white space, other orders and other spellings of numbers and strings.
  if (canonicalJson(value as Json) !== json) throw new LogFormatError('leaf', 'is not canonical')
  return value as Leaf
}

function problemOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'is not an object'
  const { kind, outcome, code, missing } = value as Record<string, unknown>
  const table = KINDS.get(kind)
  if (table === undefined) return 'is of an unknown kind'
  const problem = problemIn(value, table)
  if (problem !== undefined) return problem
  if (outcome === 'ok' && code !== undefined) return 'code: a success has none'
  if (missing !== undefined) {
    const { from, to } = missing as { from: number; to: number | null }
    if (to !== null && to < from) return 'missing: ends before it begins'
  }
  return undefined
}

function problemIn(value: unknown, table: Fields): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not an object'
  const names = Object.keys(value)
  let optional = 0
  for (const name of names) {
    const field = table.get(name)
    if (field === undefined) return 'has an unknown field'
    if (!field.test((value as Record<string, unknown>)[name])) return `${name}: is not valid`
    if (field.optional) optional++
  }
  let required = 0
  for (const field of table.values()) if (!field.optional) required++
  return names.length - optional === required ? undefined : 'lacks a field'
}
