import { readFile } from 'node:fs/promises'
import { VouchsafeClient } from '@vouchsafe/client'
import { printable } from '@vouchsafe/command'
import { command } from '../command.ts'
import { withUrl } from '../connection.ts'

export const versionCommands = [
  command({
    name: 'version',
    args: [],
    summary: 'Print the version of this program, and of a server when one is named',
    options: { url: { type: 'string', value: 'URL', summary: 'server to ask' } },
    async run(_host, _args, values) {
      const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
      const { version } = JSON.parse(manifest) as { version: string }
      if (values.url === undefined) return { json: { version }, text: `vouchsafe ${version}\n` }
      const server = await withUrl(values.url, (baseUrl) => VouchsafeClient.getVersion({ baseUrl }))
      return {
        json: { version, server },
        text: `vouchsafe ${version}\nserver ${printable(server.version)} (${printable(server.git_sha)})\n`,
      }
    },
  }),
]
