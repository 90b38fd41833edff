// What operators do with one app.
import { columns, timeText } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { duration } from '../duration.ts'
import { operate } from '../operator.ts'
import { writePrivateFile } from '../private-file.ts'

interface App {
  appid: string
  enabled: boolean
  strictSignature: boolean
  acceptUpperCase: boolean
  createdAt: number
  apikeys: { id: string; createdAt: number; expiresAt: number | null }[]
}

const DEFAULT_OVERLAP = '24h'

const setEnabled = (name: 'enable' | 'disable', summary: string) =>
  command({
    name: `apps ${name}`,
    args: ['APPID'],
    summary,
    options: OPERATOR_OPTIONS,
    async run(host, [appid], values) {
      const json = await operate(host, values, 'POST', '/v1/apps/set', { appid, enabled: name === 'enable' })
      return { json, text: `app ${appid} is ${name}d\n` }
    },
  })

export const appChangeCommands = [
  command({
    name: 'apps show',
    args: ['APPID'],
    summary: 'Show an app: its settings and its API keys, without the keys themselves (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [appid], values) {
      const app = (await operate(host, values, 'GET', `/v1/apps/show?${new URLSearchParams({ appid: appid! })}`)) as unknown as App
      const yes = (value: boolean) => (value ? 'yes' : 'no')
      const rows = [
        ['appid', app.appid],
        ['enabled', yes(app.enabled)],
        ['strict signature', yes(app.strictSignature)],
        ['upper case', yes(app.acceptUpperCase)],
        ['created', timeText(app.createdAt)],
        ...app.apikeys.map((key) => {
          const end = key.expiresAt === null ? '' : key.expiresAt <= host.now() ? ', ended' : `, ends ${timeText(key.expiresAt)}`
          return ['API key', `made ${timeText(key.createdAt)}${end}`]
        }),
      ]
      return { json: app, text: columns(rows) }
    },
  }),
  setEnabled('disable', 'Refuse all requests of an app, at once (operators)'),
  setEnabled('enable', 'Serve a disabled app again (operators)'),
  command({
    name: 'apps rotate-key',
    args: ['APPID'],
    summary: 'Give an app a new API key, which is shown only once; the old one keeps working for a while (operators)',
    options: {
      overlap: {
        type: 'string',
        value: 'DURATION',
        summary: `how long the old API key keeps working, such as 1h or 0 (default ${DEFAULT_OVERLAP})`,
      },
      out: { type: 'string', value: 'FILE', summary: 'write the API key to a file (mode 0600) instead of printing it' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, [appid], values) {
      const overlapMs = duration('overlap', values.overlap ?? DEFAULT_OVERLAP)
      const json = await operate(host, values, 'POST', '/v1/apps/rotate-key', { appid, overlapMs })
      const apikey = String(json['apikey'])
      if (values.out === undefined) return { json, text: `${apikey}\n` }
      await writePrivateFile(values.out, `${apikey}\n`)
      const { apikey: _, ...rest } = json
      return { json: { ...rest, out: values.out }, text: '' }
    },
  }),
]
