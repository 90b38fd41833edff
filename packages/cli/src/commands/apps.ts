import { UsageError, columns, printable } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { operate } from '../operator.ts'

/** Columns of `apps list`, and the fields of the answer that they show. */
const COLUMNS = { APPID: 'appid', ENABLED: 'enabled', 'STRICT SIGNATURE': 'strictSignature', 'UPPER CASE': 'acceptUpperCase' } as const

export const appCommands = [
  command({
    name: 'apps list',
    args: [],
    summary: 'List the apps of the server on this machine (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, _args, values) {
      const answer = await operate(host, values, 'GET', '/v1/apps')
      const apps = (Array.isArray(answer['apps']) ? answer['apps'] : []) as Record<string, unknown>[]
      const rows = apps.map((app) => Object.values(COLUMNS).map((field) => cell(app[field])))
      return { json: { apps }, text: rows.length === 0 ? '' : columns([Object.keys(COLUMNS), ...rows]) }
    },
  }),
  command({
    name: 'apps set',
    args: ['APPID'],
    summary: 'Change what the server on this machine allows an app to do (operators)',
    options: {
      'require-strict-signature': {
        type: 'boolean',
        summary: 'refuse requests without the header that signs the action and the exact body (or --no-…)',
      },
      'accept-upper-case': { type: 'boolean', summary: 'accept upper-case signatures, as old samples send them (or --no-…)' },
      enabled: { type: 'boolean', summary: 'serve the app at all (or --no-enabled)' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, [appid], values) {
      const set = {
        ...(values['require-strict-signature'] !== undefined && { strictSignature: values['require-strict-signature'] }),
        ...(values['accept-upper-case'] !== undefined && { acceptUpperCase: values['accept-upper-case'] }),
        ...(values.enabled !== undefined && { enabled: values.enabled }),
      }
      if (Object.keys(set).length === 0) throw new UsageError('no setting given (vouchsafe apps set --help)')
      const json = await operate(host, values, 'POST', '/v1/apps/set', { appid, ...set })
      return { json, text: `app ${appid} is changed\n` }
    },
  }),
]

function cell(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return value === undefined || value === null ? '' : printable(String(value))
}
