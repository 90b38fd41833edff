// The profile file: {"profiles": {"<name>": {"url", "appid", "apikey"}}}, readable by its owner only.
import { mkdir, open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CommandError } from './command.ts'
import type { Host } from './command.ts'
import { writePrivateFile } from './private-file.ts'

export interface Profile {
  url: string
  appid: string
  apikey: string
}

/** $VOUCHSAFE_PROFILE_FILE, or vouchsafe/profiles.json in the user's folder for configuration (XDG Base Directory Specification). */
export function profileFile(env: Host['env']): string {
  const config = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config')
  return env['VOUCHSAFE_PROFILE_FILE'] || join(config, 'vouchsafe', 'profiles.json')
}

/** All profiles of a file; none when it doesn't exist. Throws CommandError when others may read or write it, or when it isn't a profile file. */
export async function readProfiles(path: string): Promise<Map<string, Profile>> {
  let text: string
  try {
    const file = await open(path)
    try {
      const { mode } = await file.stat()
      if (mode & 0o077) throw new CommandError(`others may read or change ${path}; make it yours alone: chmod 600 '${path}'`)
      text = await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw error
  }
  return parseProfiles(path, text)
}

function parseProfiles(path: string, text: string): Map<string, Profile> {
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
    Object.entries(profiles).map(([name, profile]: [string, Partial<Profile> | null]) => {
      const { url, appid, apikey } = profile ?? {}
      if (typeof url !== 'string' || typeof appid !== 'string' || typeof apikey !== 'string')
        throw new CommandError(`${path}: profile '${name}' needs url, appid and apikey`)
      return [name, { url, appid, apikey }]
    }),
  )
}

/** Replaces the file's profiles, and makes its folder where there is none. */
export async function writeProfiles(path: string, profiles: ReadonlyMap<string, Profile>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writePrivateFile(path, JSON.stringify({ profiles: Object.fromEntries(profiles) }, null, 2) + '\n')
}
