/**
 * Payload fields as data: what each may hold, checked in declared order with the contract's messages (§4), and the same facts as JSON
 * Schema for the OpenAPI document.
 */
import { invalidParameter } from '../foundation/index.ts'
import { ABSENT } from './dialect.ts'

/** Characters of base64 that a binary field may have: 6144 bytes. */
export const MAX_BASE64 = 8192

/** UTF-16 units of a secret's name. */
export const MAX_SECRET_NAME = 64

export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** One field: how its value is read, and whether it is required. */
export interface Field<T> {
  readonly required: boolean
  /** Whether '' is a value; otherwise it counts as absent. */
  readonly allowsEmpty?: boolean
  /** Other names under which clients send it. */
  readonly aliases: readonly string[]
  readonly schema: JsonSchema
  /** @throws {ServiceError} in the contract's words, naming the field */
  readonly read: (name: string, value: unknown) => T
}

export type Fields = Readonly<Record<string, Field<unknown>>>
export type ValuesOf<F extends Fields> = { readonly [N in keyof F]: F[N] extends Field<infer T> ? T : never }

/**
 * Reads a payload by its fields. Undeclared fields are ignored.
 * @throws {ServiceError} `invalid` for the first invalid field
 */
export function readFields<F extends Fields>(fields: F, payload: Readonly<Record<string, unknown>>): ValuesOf<F> {
  const values: Record<string, unknown> = {}
  for (const name in fields) {
    const field = fields[name]!
    const value = field.aliases.length === 0 ? own(payload, name) : ownOrAlias(payload, name, field.aliases)
    if (value === undefined || value === null || (value === '' && !field.allowsEmpty)) {
      if (field.required) throw invalidParameter(`Missing required parameters, The ${name} cannot be empty.`)
      values[name] = undefined
    } else {
      values[name] = field.read(name, value)
    }
  }
  return values as ValuesOf<F>
}

function own(payload: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : undefined
}

/** A field sent under two names must have the same value under both. */
function ownOrAlias(payload: Readonly<Record<string, unknown>>, name: string, aliases: readonly string[]): unknown {
  let value = own(payload, name)
  for (const alias of aliases) {
    const other = own(payload, alias)
    if (other === undefined || other === null || other === '') continue
    if (value !== undefined && value !== null && value !== '' && value !== other) {
      throw invalidParameter(`Parameter invalid, The ${name} and ${alias} must agree.`)
    }
    value = other
  }
  return value
}

interface Options {
  aliases?: readonly string[]
  description?: string
}

function required<T>(schema: JsonSchema, read: Field<T>['read'], { aliases = [], description }: Options = {}): Field<T> {
  return { required: true, aliases, schema: description === undefined ? schema : { ...schema, description }, read }
}

/** The same field, made optional. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return { ...field, required: false }
}

/** Text of at most `max` UTF-16 units, '' included; U+0000 cannot be stored. */
export function text(max: number, options?: Options): Field<string> {
  const field = required(
    { type: 'string', maxLength: max },
    (name, value) => {
      const given = boundedString(name, value, 0, max)
      if (given.includes('\0')) throw invalidParameter(`Parameter invalid, The ${name} format wrong.`)
      return given
    },
    options,
  )
  return { ...field, allowsEmpty: true }
}

/** A name of 1 to `max` UTF-16 units of anything but U+0000, taken literally. */
export function name(max: number, options?: Options): Field<string> {
  return { ...text(max, options), allowsEmpty: false }
}

/** Content of 1 to `max` UTF-16 units, whatever they are. */
export function content(max: number, options?: Options): Field<string> {
  return required({ type: 'string', minLength: 1, maxLength: max }, (name, value) => boundedString(name, value, 1, max), options)
}

/** Text of at most `max` UTF-16 units that matches a pattern. */
export function formatted(max: number, pattern: RegExp, options?: Options): Field<string> {
  return required(
    { type: 'string', maxLength: max, pattern: pattern.source },
    (name, value) => {
      const given = boundedString(name, value, 1, max)
      if (!pattern.test(given)) throw invalidParameter(`Parameter invalid, The ${name} format wrong.`)
      return given
    },
    options,
  )
}

/** A boolean, or text of at most `max` UTF-16 units that the action itself interprets; a boolean is read as its word. */
export function booleanOrText(max: number, options?: Options): Field<string> {
  return required(
    { type: ['string', 'boolean'], maxLength: max },
    (name, value) => (typeof value === 'boolean' ? String(value) : boundedString(name, value, 1, max)),
    options,
  )
}

const ID_PATTERN = /^[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}$/

/** The id of a key: 36 characters in groups of 8-4-4-4-12, lower-case letters and digits. */
export function id(options?: Options): Field<string> {
  return required(
    { type: 'string', minLength: 36, maxLength: 36, pattern: ID_PATTERN.source },
    (name, value) => {
      const given = boundedString(name, value, 36, 36)
      if (!ID_PATTERN.test(given)) throw invalidParameter(`Parameter invalid, The ${name} format wrong.`)
      return given
    },
    options,
  )
}

const BASE64_PATTERN = /^[A-Za-z0-9+/]*={0,2}$/

/** Bytes as standard base64 of at most `max` characters, padded. */
export function base64(max = MAX_BASE64, options?: Options): Field<Buffer> {
  return required(
    { type: 'string', contentEncoding: 'base64', maxLength: max },
    (name, value) => {
      const given = boundedString(name, value, 1, max)
      if (given.length % 4 !== 0 || !BASE64_PATTERN.test(given)) {
        throw invalidParameter(`Parameter invalid, The ${name} not a vailed base64 string.`)
      }
      return Buffer.from(given, 'base64')
    },
    options,
  )
}

/** Standard base64 of at most `max` characters, kept as text. With `otherwise`, other text of at most that length is accepted too. */
export function base64Text(max: number, { otherwise = 0, ...options }: Options & { otherwise?: number } = {}): Field<string> {
  return required(
    { type: 'string', ...(otherwise === 0 && { contentEncoding: 'base64' }), maxLength: max },
    (name, value) => {
      const given = boundedString(name, value, 1, max)
      if (given.length > otherwise && (given.length % 4 !== 0 || !BASE64_PATTERN.test(given)))
        throw invalidParameter(`Parameter invalid, The ${name} not a vailed base64 string.`)
      return given
    },
    options,
  )
}

/** Exactly `count` hex digits of either case, kept as they are. */
export function hexDigits(count: number, options?: Options): Field<string> {
  return required(
    { type: 'string', minLength: count, maxLength: count, pattern: '^[0-9a-fA-F]*$' },
    (name, value) => {
      const given = boundedString(name, value, count, count)
      if (!/^[0-9a-fA-F]*$/.test(given)) throw invalidParameter(`Parameter invalid, The ${name} format wrong.`)
      return given
    },
    options,
  )
}

/** A whole number of `min` to `max`; a number in quotes is refused. */
export function integer(min: number, max: number, options?: Options): Field<number> {
  return required(
    { type: 'integer', minimum: min, maximum: max },
    (name, value) => {
      if (!Number.isInteger(value)) throw invalidParameter(`Parameter invalid, The ${name} must be of integer type.`)
      const given = value as number
      if (given > max) throw invalidParameter(`Parameter invalid, The ${name} value must be less than or equal to ${max}.`)
      if (given < min) throw invalidParameter(`Parameter invalid, The ${name} value must be greater than or equal to ${min}.`)
      return given
    },
    options,
  )
}

/** One word of a table; words that mean "nothing chosen" are read as undefined. */
export function word<T>(words: ReadonlyMap<string, T>, options?: Options): Field<Exclude<T, typeof ABSENT> | undefined> {
  return required(
    { type: 'string', enum: [...words.keys()] },
    (name, value) => {
      const meaning = typeof value === 'string' ? words.get(value) : undefined
      if (meaning === undefined) throw invalidParameter(`Parameter invalid, The ${name} type is incorrect.`)
      return meaning === ABSENT ? undefined : (meaning as Exclude<T, typeof ABSENT>)
    },
    options,
  )
}

/** Like {@link word}, for tables in which every word has a meaning. */
export function choice<T>(words: ReadonlyMap<string, T>, options?: Options): Field<T> {
  return word(words, options) as Field<T>
}

/** A value that the action itself interprets. */
export function unchecked(schema: JsonSchema, options?: Options): Field<unknown> {
  return required(schema, (_, value) => value, options)
}

function boundedString(name: string, value: unknown, min: number, max: number): string {
  if (typeof value !== 'string') throw invalidParameter(`Parameter invalid, The ${name} must be of string type.`)
  if (value.length < min || value.length > max) throw invalidParameter(`Parameter invalid, The ${name} length error.`)
  return value
}

/** A payload's JSON Schema; aliases are listed as fields of their own. */
export function payloadSchema(fields: Fields): JsonSchema {
  const properties: Record<string, JsonSchema> = {}
  for (const [name, field] of Object.entries(fields)) {
    properties[name] = field.schema
    for (const alias of field.aliases) properties[alias] = { ...field.schema, description: `Another name for \`${name}\`.` }
  }
  const needed = Object.entries(fields).filter(([, field]) => field.required && field.aliases.length === 0)
  return { type: 'object', properties, ...(needed.length > 0 ? { required: needed.map(([name]) => name) } : {}) }
}
