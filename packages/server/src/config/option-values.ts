// The definition of an option, and the parsers of option values.
import type { Rate } from '@vouchsafe/service'

export interface Endpoint {
  host: string
  port: number
}

export interface OptionOf<T> {
  /** Whether it can be given on the command line; secrets (a database URL) are never arguments. */
  flag: boolean
  env: string
  fallback: T
  read: (text: string) => T
  doc: string
  /** A flag that takes no value. */
  boolean?: true
}

export const option = <T>(definition: OptionOf<T>): OptionOf<T> => definition

/** An endpoint as text, with brackets around IPv6 addresses. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** An option's value as its text. */
export function formatValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if ('burst' in value) return `${(value as Rate).perSecond}/${(value as Rate).burst}`
  return Array.isArray(value) ? value.join(',') : formatEndpoint(value as Endpoint)
}

export function nonEmpty(text: string): string {
  if (text.trim() === '') throw new Error('must not be empty')
  return text
}

export function readEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new Error(`'${text}' is not HOST:PORT`)
  return { host: (match[1] ?? match[2])!, port }
}

export function readUrl(text: string): string {
  const url = URL.parse(text)
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new Error('not an http(s) URL')
  return text.replace(/\/+$/, '')
}

export function readBoolean(text: string): boolean {
  if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return true
  if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return false
  throw new Error(`'${text}' is neither true nor false`)
}

export function oneOf<const T extends string>(...choices: T[]): (text: string) => T {
  return (text) => {
    if ((choices as string[]).includes(text)) return text as T
    throw new Error(`'${text}' is not one of ${choices.join(', ')}`)
  }
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d{1,15}$/.test(text) || value < min || value > max) throw new Error(`'${text}' is not a whole number from ${min} to ${max}`)
    return value
  }
}

/** `PER_SECOND/BURST`, or `none`. */
export function readRate(text: string): Rate | undefined {
  if (text === 'none') return undefined
  const [, perSecond, burst] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? []
  if (!(Number(perSecond) > 0) || !(Number(burst) > 0)) throw new Error(`'${text}' is neither PER_SECOND/BURST nor none`)
  return { perSecond: Number(perSecond), burst: Number(burst) }
}

/** Texts separated by commas. */
export function readList(text: string): string[] {
  return nonEmpty(text)
    .split(',')
    .map((part) => nonEmpty(part).trim())
}
