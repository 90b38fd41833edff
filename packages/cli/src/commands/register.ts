// Users of the attestation authority that make themselves, and their API keys.
import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AuthorityClient } from '@vouchsafe/client'
import type { Account } from '@vouchsafe/client'
import { CommandError, UsageError, printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { AUTHORITY_OPTIONS, authorityOptions, tlsOptions, usable } from '../authority.ts'
import { command } from '../command.ts'
import type { Host } from '../command.ts'
import { DEFAULT_PROFILE, DEFAULT_URL } from '../connection.ts'
import { USER_FIELDS, readProfiles, userFile, writeProfiles } from '../profiles.ts'

const { user: _user, apikey: _apikey, ...WITHOUT_IDENTITY } = AUTHORITY_OPTIONS
const NOWRITE = { type: 'boolean', summary: 'print the API key, and write no profile' } as const

export const registerCommands = [
  command({
    name: 'register new',
    args: [],
    summary: 'Become a user of the attestation authority, and keep its API key in a profile',
    options: {
      ...WITHOUT_IDENTITY,
      profile: { ...AUTHORITY_OPTIONS.profile, summary: "profile to write (default 'default')" },
      nowrite: NOWRITE,
      force: { type: 'boolean', summary: 'replace an existing profile; its API key is lost' },
    },
    async run(host, _args, values) {
      const profile = values.profile ?? DEFAULT_PROFILE
      const path = userFile(host.env)
      const isThere = (await readProfiles(path, USER_FIELDS)).has(profile)
      if (isThere && !values.nowrite && !values.force)
        throw new CommandError(`profile '${profile}' exists in ${path}; choose another with --profile, or replace it with --force`)
      const url = values['server-url'] ?? (host.env['VOUCHSAFE_URL'] || DEFAULT_URL)
      const tls = await tlsOptions(host, values)
      await requireWritable(path, values.nowrite)
      const account = await usable(() => AuthorityClient.register({ baseUrl: url, ...(Object.keys(tls).length > 0 && { tls }) }))
      return kept(host, account, url, { ...values, profile })
    },
  }),
  command({
    name: 'register refresh',
    args: [],
    summary: 'Get a new API key in place of the one in use, which works for another hour',
    options: { ...AUTHORITY_OPTIONS, nowrite: NOWRITE },
    async run(host, _args, values) {
      const options = await authorityOptions(host, values)
      if (options.apiKey === undefined) throw new UsageError('which API key? Give --apikey, or a profile that has one')
      await requireWritable(userFile(host.env), values.nowrite)
      const account = await usable(() => new AuthorityClient(options).replaceApiKey())
      return kept(host, account, options.baseUrl, values)
    },
  }),
]

/** What could fail fails before the server shows a key that it will never show again. */
async function requireWritable(path: string, nowrite = false): Promise<void> {
  if (nowrite) return
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await access(dirname(path), constants.W_OK)
}

async function kept(host: Host, account: Account, url: string, values: { profile?: string; nowrite?: boolean }): Promise<Outcome> {
  const { user, apiKey } = account
  if (values.nowrite) return { json: { user, apikey: apiKey, url }, text: `User-Id ${printable(user)}\nAPI-Key ${printable(apiKey)}\n` }
  const profile = values.profile ?? DEFAULT_PROFILE
  const path = userFile(host.env)
  await writeProfiles(path, (await readProfiles(path, USER_FIELDS)).set(profile, { url, user, apikey: apiKey }))
  return { json: { user, profile, file: path, url }, text: `user ${printable(user)}\nkept as profile '${profile}' in ${path}\n` }
}
