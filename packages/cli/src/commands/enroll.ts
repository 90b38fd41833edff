import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { VouchsafeClient } from '@vouchsafe/client'
import { CommandError } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import type { Host } from '../command.ts'
import { DEFAULT_PROFILE, DEFAULT_URL, withUrl } from '../connection.ts'
import { readInput } from '../files.ts'
import { APP_FIELDS, profileFile, readProfiles, writeProfiles } from '../profiles.ts'

export const enrollCommands = [
  command({
    name: 'enroll',
    args: [],
    summary: 'Get credentials from a server and keep them in a profile',
    options: {
      profile: { ...API_OPTIONS.profile, summary: "profile to write (default 'default')" },
      url: { ...API_OPTIONS.url, summary: `server address (default $VOUCHSAFE_URL or ${DEFAULT_URL})` },
      'token-file': {
        type: 'string',
        value: 'FILE',
        summary: 'file with an enrolment token from an operator (default $VOUCHSAFE_ENROLL_TOKEN); - is standard input',
      },
      force: { type: 'boolean', summary: 'replace an existing profile; its apikey is lost' },
      show: { type: 'boolean', summary: 'also print the apikey' },
    },
    async run(host, _args, values) {
      const path = profileFile(host.env)
      const profile = values.profile ?? DEFAULT_PROFILE
      // Whatever could fail fails before the server shows an apikey that it will never show again.
      const profiles = await readProfiles(path, APP_FIELDS)
      if (profiles.has(profile) && !values.force)
        throw new CommandError(`profile '${profile}' exists in ${path}; choose another with --profile, or replace it with --force`)
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await access(dirname(path), constants.W_OK)

      const token = values['token-file'] === undefined ? host.env['VOUCHSAFE_ENROLL_TOKEN'] : await readToken(host, values['token-file'])
      const url = values.url ?? (host.env['VOUCHSAFE_URL'] || DEFAULT_URL)
      const { appid, apikey } = await withUrl(url, (baseUrl) => VouchsafeClient.enroll({ baseUrl, ...(token && { token }) }))
      await writeProfiles(path, (await readProfiles(path, APP_FIELDS)).set(profile, { url, appid, apikey }))
      const shown = values.show ? { apikey } : {}
      const text = `appid ${appid}\n${values.show ? `apikey ${apikey}\n` : ''}kept as profile '${profile}' in ${path}\n`
      return { json: { appid, ...shown, profile, file: path, url }, text }
    },
  }),
]

async function readToken(host: Host, path: string): Promise<string> {
  const token = (await readInput(host, path, 'an enrolment token is one short line')).toString().trim()
  if (token === '') throw new CommandError(`${path} holds no enrolment token`)
  return token
}
