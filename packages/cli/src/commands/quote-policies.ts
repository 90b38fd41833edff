import { columns, printable, timeText } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { operate } from '../operator.ts'

/** Columns of `quote-policies list`, and the fields of the answer that they show. */
const COLUMNS = { POLICYID: 'policyId', APPID: 'appid', MRENCLAVE: 'mrEnclave', MRSIGNER: 'mrSigner', CREATED: 'createdAt' } as const

export const quotePolicyCommands = [
  command({
    name: 'quote-policies list',
    args: [],
    summary: 'List the quote policies that apps have uploaded, oldest first (operators)',
    options: { appid: { type: 'string', value: 'APPID', summary: 'only those of this app' }, ...OPERATOR_OPTIONS },
    async run(host, _args, values) {
      const query = values.appid === undefined ? '' : `?${new URLSearchParams({ appid: values.appid })}`
      const answer = await operate(host, values, 'GET', `/v1/quote-policies${query}`)
      const policies = (Array.isArray(answer['policies']) ? answer['policies'] : []) as Record<string, unknown>[]
      const rows = policies.map((policy) => Object.values(COLUMNS).map((field) => cell(policy[field])))
      return { json: { policies }, text: rows.length === 0 ? '' : columns([Object.keys(COLUMNS), ...rows]) }
    },
  }),
  command({
    name: 'quote-policies delete',
    args: ['POLICYID'],
    summary: 'Delete a quote policy for good (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [policyId], values) {
      const json = await operate(host, values, 'POST', '/v1/quote-policies/delete', { policyId })
      return { json, text: `quote policy ${printable(policyId!)} is deleted\n` }
    },
  }),
]

function cell(value: unknown): string {
  return typeof value === 'number' ? timeText(value) : printable(String(value ?? ''))
}
