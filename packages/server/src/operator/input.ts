import type { Call, Right } from '../access/index.ts'
import { invalidParameter } from '../foundation/index.ts'
import type { OperatorServices } from './services.ts'

/** What an operator sent: a JSON object, or the query of a GET. */
export type Input = Readonly<Record<string, unknown>>

/** How a long operation tells where it is, and is told to stop. */
export interface Progress {
  report(phase: string, done: number, total: number): void
  signal: AbortSignal
}

/** Gives the answer's JSON, or a {@link ByteStream}. */
export type Handler = (input: Input, services: OperatorServices, call: Call, progress: Progress) => Promise<unknown>

/** An operation of the operator socket; GET takes its input from the query. */
export interface OperatorOperation {
  /** Its name in the trail. */
  name: string
  method: 'GET' | 'POST'
  path: string
  right: Right
  handle: Handler
}

/** An answer of many bytes, made while it is sent. */
export class ByteStream {
  readonly chunks: AsyncIterable<Uint8Array>

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks
  }
}

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

/** A whole number, as JSON or as a query has it. @throws {ServiceError} naming the field */
export function optionalNumber(input: Input, name: string, least: number, most: number): number | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < least || number > most)
    throw invalidParameter(`${name} is not a whole number from ${least} to ${most}`)
  return number
}

/** A passphrase; its bounds are checked where it is used. @throws {ServiceError} naming the field */
export function optionalPassphrase(input: Input, name: string): string | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') throw invalidParameter(`${name} is not a passphrase`)
  return value
}
