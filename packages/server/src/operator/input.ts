import { invalidParameter } from '../errors.ts'
import type { AppContext } from '../context.ts'

/** What an operator sent: a JSON object, or the query of a GET. */
export type Input = Readonly<Record<string, unknown>>
export type Handler = (input: Input, context: AppContext, requestId: string) => Promise<unknown>

/** An id. @throws {ServiceError} naming the field */
export function text(input: Input, name: string): string {
  const value = optionalText(input, name)
  if (value === undefined) throw invalidParameter(`${name} is missing`)
  return value
}

export function optionalText(input: Input, name: string): string | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !/^[a-z0-9-]{1,64}$/.test(value)) throw invalidParameter(`${name} is not an id`)
  return value
}

/** Any text of at most so many characters. @throws {ServiceError} naming the field */
export function freeText(input: Input, name: string, most: number): string | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '' || value.length > most || value.includes('\0'))
    throw invalidParameter(`${name} must be a text of 1 to ${most} characters`)
  return value
}

/** One of some words. @throws {ServiceError} naming the field */
export function oneOf<const T extends string>(input: Input, name: string, choices: readonly T[]): T {
  const value = input[name]
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw invalidParameter(`${name} must be one of ${choices.join(', ')}`)
  return found
}
