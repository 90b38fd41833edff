import type { AppContext } from '../context.ts'
import { ServiceError } from '../errors.ts'

/** A route's input: of a GET its query, so all texts; of a POST its JSON. */
export type Input = Readonly<Record<string, unknown>>

/** How a long operation tells where it is, and is told to stop. */
export interface Progress {
  report(phase: string, done: number, total: number): void
  signal: AbortSignal
}

export interface RouteCall extends Progress {
  context: AppContext
  requestId: string
}

/** Gives the answer's JSON, or a {@link ByteStream}. */
export type Handler = (input: Input, call: RouteCall) => Promise<unknown>

/** An answer of many bytes, made while it is sent. */
export class ByteStream {
  readonly chunks: AsyncIterable<Uint8Array>

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks
  }
}

const MAX_TEXT = 1024

/** An id that must be there. */
export function id(input: Input, name: string): string {
  const value = optionalId(input, name)
  if (value === undefined) throw refused(`${name} is missing`)
  return value
}

export function optionalId(input: Input, name: string): string | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !/^[a-z0-9-]{1,64}$/.test(value)) throw refused(`${name} is not an id`)
  return value
}

/** Any text of at most {@link MAX_TEXT} characters, without control characters. */
export function optionalText(input: Input, name: string): string | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.length > MAX_TEXT || /\p{Cc}/u.test(value) || !value.isWellFormed())
    throw refused(`${name} is not a line of text of at most ${MAX_TEXT} characters`)
  return value
}

/** A whole number, as JSON or as a query has it. */
export function optionalNumber(input: Input, name: string, least: number, most: number): number | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < least || number > most)
    throw refused(`${name} is not a whole number from ${least} to ${most}`)
  return number
}

/** A passphrase that must be there; its bounds are checked where it is used. */
export function optionalPassphrase(input: Input, name: string): string | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') throw refused(`${name} is not a passphrase`)
  return value
}

export function refused(message: string): ServiceError {
  return new ServiceError('invalid_parameter', { message })
}
