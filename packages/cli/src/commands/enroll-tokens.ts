import { columns, printable, timeText } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { duration } from '../duration.ts'
import { operate } from '../operator.ts'

interface Token {
  id: string
  label: string
  createdAt: number
  expiresAt: number
  usedAt: number | null
  appid: string | null
}

export const enrollTokenCommands = [
  command({
    name: 'enroll-tokens create',
    args: [],
    summary: 'Make a token that enrols one app; it is shown only once (operators)',
    options: {
      label: { type: 'string', value: 'TEXT', summary: 'a note, such as the recipient' },
      expires: { type: 'string', value: 'DURATION', summary: 'how long it can be used, such as 15m or 7d (default 24h)' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, _args, values) {
      const json = await operate(host, values, 'POST', '/v1/enroll-tokens/create', {
        ...(values.label !== undefined && { label: values.label }),
        ...(values.expires !== undefined && { lifeMs: duration('expires', values.expires) }),
      })
      return { json, text: `${String(json['token'])}\n` }
    },
  }),
  command({
    name: 'enroll-tokens list',
    args: [],
    summary: 'List the enrolment tokens, newest first, without the tokens themselves (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, _args, values) {
      const { tokens } = (await operate(host, values, 'GET', '/v1/enroll-tokens')) as unknown as { tokens: Token[] }
      const rows = tokens.map((token) => [
        token.id,
        timeText(token.createdAt),
        timeText(token.expiresAt),
        token.usedAt !== null ? `used by ${token.appid}` : token.expiresAt <= host.now() ? 'expired' : 'unused',
        printable(token.label),
      ])
      return { json: { tokens }, text: rows.length === 0 ? '' : columns([['ID', 'CREATED', 'EXPIRES', 'STATE', 'LABEL'], ...rows]) }
    },
  }),
  command({
    name: 'enroll-tokens revoke',
    args: ['ID'],
    summary: 'Revoke an unused enrolment token (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [id], values) {
      const json = await operate(host, values, 'POST', '/v1/enroll-tokens/revoke', { id })
      return { json, text: `token ${id} is revoked\n` }
    },
  }),
]
