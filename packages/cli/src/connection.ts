import { VouchsafeClient } from '@vouchsafe/client'
import { CommandError, UsageError } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { APP_FIELDS, profileFile, readProfiles } from './profiles.ts'
import type { Profile } from './profiles.ts'

export const DEFAULT_URL = 'http://127.0.0.1:9000'
export const DEFAULT_PROFILE = 'default'

interface ApiValues {
  profile?: string
  url?: string
}

/** A client with the credentials of the options and the environment. Throws CommandError, which explains how to get credentials. */
export async function connect(host: Host, values: ApiValues): Promise<VouchsafeClient> {
  const { url, appid, apikey } = await credentials(host, values)
  return withUrl(url, (baseUrl) => new VouchsafeClient({ baseUrl, appid, apikey }))
}

/** Calls `use` with a server address, and turns what the client says against the address into a UsageError. */
export async function withUrl<T>(url: string, use: (baseUrl: string) => T | Promise<T>): Promise<T> {
  try {
    return await use(url)
  } catch (error) {
    if (error instanceof TypeError && error.message.startsWith('baseUrl'))
      throw new UsageError(error.message.replace('baseUrl', 'the server address'))
    throw error
  }
}

/** `--profile` beats the environment, which beats the profile `default`; `--url` beats every other address. */
async function credentials({ env }: Host, values: ApiValues): Promise<Profile> {
  if (values.profile === undefined) {
    const { VOUCHSAFE_APPID: appid, VOUCHSAFE_APIKEY: apikey } = env
    if (appid && apikey) return { appid, apikey, url: values.url ?? (env['VOUCHSAFE_URL'] || DEFAULT_URL) }
    if (appid || apikey) throw new CommandError(`${appid ? 'VOUCHSAFE_APIKEY' : 'VOUCHSAFE_APPID'} is not set; both or neither are needed`)
  }
  const path = profileFile(env)
  const name = values.profile ?? DEFAULT_PROFILE
  const profile = (await readProfiles(path, APP_FIELDS)).get(name)
  if (!profile) {
    const enroll = values.profile === undefined ? 'vouchsafe enroll' : `vouchsafe enroll --profile ${name}`
    throw new CommandError(
      `there is no profile '${name}' in ${path}; make one with '${enroll}', or set VOUCHSAFE_APPID and VOUCHSAFE_APIKEY`,
    )
  }
  const envUrl = values.profile === undefined ? env['VOUCHSAFE_URL'] : undefined
  return { ...profile, url: values.url ?? (envUrl || profile.url) }
}
