// What a value from outside must be: the configuration file and the bodies of requests are tables of fields, read by the readers here.

/** A value that is not what its field must be; the message begins with the field's name and holds nothing of the value. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
  readonly field: string

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`)
    this.field = field
  }
}

/** Returns the typed value, or throws FieldError for `field`. It is never called with undefined or null: a field that is null is absent. */
export type Reader<T> = (value: unknown, field: string) => T

export interface Field<T> {
  readonly read: Reader<T>
  readonly required: boolean
  /** What is taken when the field is absent. */
  readonly fallback: T | undefined
  readonly doc: string
}

export type Shape = Readonly<Record<string, Field<unknown>>>
export type Read<S extends Shape> = { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never }

export function required<T>(read: Reader<T>, doc = ''): Field<T> {
  return { read, required: true, fallback: undefined, doc }
}

export function optional<T>(read: Reader<T>, doc = ''): Field<T | undefined> {
  return { read, required: false, fallback: undefined, doc }
}

export function withDefault<T>(read: Reader<T>, fallback: T, doc = ''): Field<T> {
  return { read, required: false, fallback, doc }
}

/** Text of `min` to `max` characters. */
export function text(min: number, max: number): Reader<string> {
  return (value, field) => {
    if (typeof value !== 'string') throw new FieldError(field, 'must be text')
    if (value.length < min || value.length > max || value.includes('\0'))
      throw new FieldError(field, `must be text of ${min} to ${max} characters`)
    return value
  }
}

export function wholeNumber(min: number, max: number): Reader<number> {
  return (value, field) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw new FieldError(field, `must be a whole number from ${min} to ${max}`)
    return value as number
  }
}

/** A number such as 0x81010020, also as text. */
export function handle(min: number, max: number): Reader<number> {
  return (value, field) => {
    const number = typeof value === 'string' && /^0x[0-9a-f]{1,8}$/i.test(value) ? Number(value) : value
    if (!Number.isSafeInteger(number) || (number as number) < min || (number as number) > max)
      throw new FieldError(field, `must be a number from 0x${min.toString(16)} to 0x${max.toString(16)}`)
    return number as number
  }
}

export const flag: Reader<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw new FieldError(field, 'must be true or false')
  return value
}

export function oneOf<const T extends string>(...words: T[]): Reader<T> {
  return (value, field) => {
    const word = words.find((each) => each === value)
    if (word === undefined) throw new FieldError(field, `must be one of ${words.join(', ')}`)
    return word
  }
}

const DEEPEST = 64

/** Any JSON value that is not nested too deeply; blank text counts as absent. */
export const anything: Reader<unknown> = (value, field) => {
  if (isDeeper(value, DEEPEST)) throw new FieldError(field, `must not be nested deeper than ${DEEPEST} levels`)
  return typeof value === 'string' && value.trim() === '' ? undefined : value
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1))
}

export function list<T>(read: Reader<T>, min: number, max: number): Reader<readonly T[]> {
  return (value, field) => {
    if (!Array.isArray(value)) throw new FieldError(field, 'must be a list')
    if (value.length < min || value.length > max) throw new FieldError(field, `must be a list of ${min} to ${max}`)
    return value.map((each, index) => {
      if (each === null || each === undefined) throw new FieldError(`${field}[${index}]`, 'is missing')
      return read(each, `${field}[${index}]`)
    })
  }
}

/** A mapping with these fields. `others: 'refuse'` finds misspelt names; wire formats ignore what they don't know. */
export function shape<const S extends Shape>(fields: S, others: 'refuse' | 'ignore'): Reader<Read<S>> {
  return (value, field) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FieldError(field, 'must be a mapping of fields')
    const given = value as Record<string, unknown>
    const prefix = field === '' ? '' : `${field}.`
    if (others === 'refuse') {
      const unknown = Object.keys(given).find((name) => !Object.hasOwn(fields, name))
      if (unknown !== undefined)
        throw new FieldError(`${prefix}${unknown}`, `there is no such field; the fields are ${Object.keys(fields).join(', ')}`)
    }
    const entries = Object.entries(fields).map(([name, { read, required, fallback }]) => {
      const own = Object.hasOwn(given, name) ? given[name] : undefined
      if (own !== undefined && own !== null) return [name, read(own, prefix + name)]
      if (required) throw new FieldError(prefix + name, 'is missing')
      return [name, fallback]
    })
    return Object.fromEntries(entries) as Read<S>
  }
}
