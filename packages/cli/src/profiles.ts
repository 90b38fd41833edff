// The profile files, readable by their owner only: {"profiles": {"<name>": {"url", "appid", "apikey"}}} of apps, and beside it one of users of
// the attestation authority, with "user" for "appid".
import { mkdir, open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CommandError } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { writePrivateFile } from './private-file.ts'

export const APP_FIELDS = ['url', 'appid', 'apikey'] as const
export const USER_FIELDS = ['url', 'user', 'apikey'] as const

export type Profile = Record<(typeof APP_FIELDS)[number], string>
export type UserProfile = Record<(typeof USER_FIELDS)[number], string>

/** $VOUCHSAFE_PROFILE_FILE, or vouchsafe/profiles.json in the user's folder for configuration (XDG Base Directory Specification). */
export function profileFile(env: Host['env']): string {
  const config = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config')
  return env['VOUCHSAFE_PROFILE_FILE'] || join(config, 'vouchsafe', 'profiles.json')
}

/** Where the profiles of users are. */
export function userFile(env: Host['env']): string {
  return join(dirname(profileFile(env)), 'users.json')
}

/** All profiles of a file; none when it doesn't exist. Throws CommandError when others may read or write it, or when it isn't a profile file. */
export async function readProfiles<F extends string>(path: string, fields: readonly F[]): Promise<Map<string, Record<F, string>>> {
  let text: string
  try {
    const file = await open(path)
    try {
      const { mode } = await file.stat()
      if (mode & 0o077) throw new CommandError(`others may read or change ${path}; restrict it to yourself: chmod 600 '${path}'`)
      text = await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw error
  }
  return parseProfiles(path, text, fields)
}

function parseProfiles<F extends string>(path: string, text: string, fields: readonly F[]): Map<string, Record<F, string>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // The parser's message would quote the file, which holds apikeys.
    throw new CommandError(`${path} is not JSON`)
  }
  const { profiles } = (parsed ?? {}) as { profiles?: unknown }
  if (typeof profiles !== 'object' || profiles === null) throw new CommandError(`${path} is not a profile file: it has no "profiles"`)
  return new Map(
    Object.entries(profiles).map(([name, profile]: [string, Partial<Record<F, unknown>> | null]) => {
      const values = fields.map((field) => [field, profile?.[field]] as const)
      if (values.some(([, value]) => typeof value !== 'string'))
        throw new CommandError(`${path}: profile '${name}' needs ${fields.slice(0, -1).join(', ')} and ${fields.at(-1)}`)
      return [name, Object.fromEntries(values) as Record<F, string>]
    }),
  )
}

/** Replaces the file's profiles, and creates its folder if necessary. */
export async function writeProfiles(path: string, profiles: ReadonlyMap<string, object>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writePrivateFile(path, JSON.stringify({ profiles: Object.fromEntries(profiles) }, null, 2) + '\n')
}
