// What the commands of the attestation authority have in common: the caller, the server's address, and the original tool's way of passing
// content.
import { basename } from 'node:path'
import { AuthorityClient } from '@vouchsafe/client'
import type { AuthorityOptions, Removal, TlsOptions } from '@vouchsafe/client'
import { CommandError, UsageError, printable } from '@vouchsafe/command'
import type { Options } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { DEFAULT_PROFILE, DEFAULT_URL } from './connection.ts'
import { readLogFile } from './log-file.ts'
import { USER_FIELDS, readProfiles, userFile } from './profiles.ts'
import type { UserProfile } from './profiles.ts'

/** What the server takes for evidence and baselines at most. */
const MAX_CONTENT_BYTES = 100 * 1024 * 1024
const MAX_PEM_BYTES = 64 * 1024

/** Options of every command that calls the authority. */
export const AUTHORITY_OPTIONS = {
  'server-url': { type: 'string', short: 's', value: 'URL', summary: `server address (default: the profile's, or ${DEFAULT_URL})` },
  user: { type: 'string', short: 'u', value: 'USER', summary: "User-Id (default: $VOUCHSAFE_USER, or the profile's)" },
  apikey: { type: 'string', short: 'k', value: '@FILE', summary: "API key in a file (default: $VOUCHSAFE_USER_APIKEY, or the profile's)" },
  'cert-path': { type: 'string', value: 'FILE', summary: 'TLS client certificate (PEM)' },
  'key-path': { type: 'string', value: 'FILE', summary: 'its private key (PEM)' },
  'ca-path': { type: 'string', value: 'FILE', summary: "the CA of the server's certificate (PEM)" },
  profile: { type: 'string', value: 'NAME', summary: "profile of `vouchsafe register new` (default 'default', if there is one)" },
} as const satisfies Options

export type AuthorityValues = { [K in keyof typeof AUTHORITY_OPTIONS]?: string }

/** A client for whom the options, the environment and the profile say. Throws UsageError and CommandError. */
export async function connectAuthority(host: Host, values: AuthorityValues): Promise<AuthorityClient> {
  const options = await authorityOptions(host, values)
  return usable(() => new AuthorityClient(options))
}

/** Turns what the client says against its options into a UsageError. */
export async function usable<T>(use: () => T | Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const names = { baseUrl: 'the server address', user: '--user', apiKey: '--apikey', tls: '--cert-path, --key-path and --ca-path' }
    throw new UsageError(error.message.replaceAll(/\b(?:baseUrl|user|apiKey|tls)\b/g, (name) => names[name as keyof typeof names]))
  }
}

/** `--profile` beats the environment, which beats the profile `default`; every other option beats them all. */
export async function authorityOptions(host: Host, values: AuthorityValues): Promise<AuthorityOptions> {
  const { env } = host
  const environment = values.profile === undefined ? env : {}
  const tls = await tlsOptions(host, values)
  const user = values.user ?? (environment['VOUCHSAFE_USER'] || undefined)
  const apiKey = values.apikey === undefined ? environment['VOUCHSAFE_USER_APIKEY'] || undefined : await apiKeyOf(host, values.apikey)
  const isNamed = user !== undefined || apiKey !== undefined || tls.cert !== undefined
  const profile = values.profile === undefined && isNamed ? undefined : await profileOf(host, values.profile)
  // The key of another user would only be refused.
  const ownKey = user === undefined || user === profile?.user ? profile?.apikey : undefined
  const named = { user: user ?? profile?.user, apiKey: apiKey?.trim() ?? ownKey }
  return {
    baseUrl: values['server-url'] ?? (environment['VOUCHSAFE_URL'] || profile?.url || DEFAULT_URL),
    ...(named.user !== undefined && { user: named.user }),
    ...(named.apiKey !== undefined && { apiKey: named.apiKey }),
    ...(Object.keys(tls).length > 0 && { tls }),
  }
}

async function apiKeyOf(host: Host, value: string): Promise<string> {
  if (!value.startsWith('@'))
    throw new UsageError('other users can read an API key on the command line: give --apikey @FILE, or set VOUCHSAFE_USER_APIKEY')
  return contentOf(host, value)
}

async function profileOf(host: Host, name: string | undefined): Promise<UserProfile | undefined> {
  const path = userFile(host.env)
  const profile = (await readProfiles(path, USER_FIELDS)).get(name ?? DEFAULT_PROFILE)
  if (name !== undefined && !profile)
    throw new CommandError(`there is no profile '${name}' in ${path}; make one with 'vouchsafe register new --profile ${name}'`)
  return profile
}

/** What the options say about TLS; empty when they say nothing. */
export async function tlsOptions(host: Host, values: AuthorityValues): Promise<TlsOptions> {
  const { 'cert-path': cert, 'key-path': key, 'ca-path': ca } = values
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert-path and --key-path go together')
  const pem = async (path: string) => (await readLogFile(host, path, MAX_PEM_BYTES)).toString()
  return {
    ...(cert !== undefined && { cert: await pem(cert) }),
    ...(key !== undefined && { key: await pem(key) }),
    ...(ca !== undefined && { ca: await pem(ca) }),
  }
}

/** The text of an option: its value or, after `@`, the contents of a file. */
export async function contentOf(host: Host, value: string): Promise<string> {
  return value.startsWith('@') ? (await readLogFile(host, value.slice(1), MAX_CONTENT_BYTES)).toString() : value
}

/** `--name`, or the name of the file that the content comes from. */
export function nameOf(name: string | undefined, content: string): string {
  if (name !== undefined) return name
  if (!content.startsWith('@')) throw new UsageError('--name is missing')
  return basename(content.slice(1))
}

/** Which things to delete: by `--ids`, by the value of the option for types, or all. `words`: what `--delete-type` calls the second. */
export function removalOf<T extends string>(
  values: { 'delete-type'?: string; ids?: string[] },
  type: { option: string; value: T | undefined; words: readonly string[] },
): Removal<T> {
  const { 'delete-type': given, ids } = values
  const what = given ?? (ids === undefined ? (type.value === undefined ? undefined : type.words[0]) : 'id')
  if (what === 'id') {
    if (ids === undefined) throw new UsageError('--ids is missing')
    return { ids }
  }
  if (what === 'all') return { all: true }
  if (what === undefined || !type.words.includes(what))
    throw new UsageError(`--delete-type must be one of ${['id', ...type.words, 'all'].join(', ')}`)
  if (type.value === undefined) throw new UsageError(`--${type.option} is missing`)
  return { type: type.value }
}

/** JSON for people: indented, and harmless on a terminal. */
export function prettyJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2).split('\n').map(printable).join('\n')}\n`
}
