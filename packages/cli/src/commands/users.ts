import { UsageError, columns, printable } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { expiry } from '../expiry.ts'
import { readInput } from '../files.ts'
import { operate } from '../operator.ts'

/** Columns of `users keys list`, and the fields of the answer that they show. */
const COLUMNS = { ID: 'id', USER: 'user', KIND: 'kind', ROLE: 'role', NODE: 'nodeId', LABEL: 'label', EXPIRES: 'expiresAt' } as const

const ROLES = ['attester', 'auditor', 'owner']
const CERTIFICATE_LIMIT = 'a certificate has at most 16 KiB'

export const userCommands = [
  command({
    name: 'users keys create',
    args: ['USER'],
    summary: 'Make an API key of the attestation authority, or admit a TLS client certificate, with a role (operators)',
    options: {
      role: { type: 'string', value: 'ROLE', summary: 'attester (challenge, attest), auditor (queries) or owner (everything)' },
      node: { type: 'string', value: 'NODE_ID', summary: 'the only node that an attester may attest' },
      label: { type: 'string', value: 'TEXT', summary: 'what it is for' },
      expires: { type: 'string', value: 'WHEN', summary: 'a number of days such as 90d, or a date' },
      certificate: { type: 'string', value: 'FILE', summary: 'admit this certificate (PEM) instead of making an API key' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, [user], values) {
      const { role, node, label, expires, certificate } = values
      if (role === undefined || !ROLES.includes(role)) throw new UsageError(`--role must be one of ${ROLES.join(', ')}`)
      const json = await operate(host, values, 'POST', '/v1/users/keys/create', {
        user,
        role,
        ...(node !== undefined && { nodeId: node }),
        ...(label !== undefined && { label }),
        ...(expires !== undefined && { expiresAt: expiry(expires, host.now()) }),
        ...(certificate !== undefined && { certificate: (await readInput(host, certificate, CERTIFICATE_LIMIT)).toString() }),
      })
      const made = `credential ${printable(String(json['id']))}\n`
      return { json, text: certificate === undefined ? `${made}API key (shown only once): ${printable(String(json['apiKey']))}\n` : made }
    },
  }),
  command({
    name: 'users keys list',
    args: [],
    summary: "List the API keys and admitted certificates of the attestation authority's users (operators)",
    options: { user: { type: 'string', value: 'USER', summary: 'of one user' }, ...OPERATOR_OPTIONS },
    async run(host, _args, values) {
      const query = values.user === undefined ? '' : `?user=${encodeURIComponent(values.user)}`
      const answer = await operate(host, values, 'GET', `/v1/users/keys${query}`)
      const credentials = (Array.isArray(answer['credentials']) ? answer['credentials'] : []) as Record<string, unknown>[]
      const rows = credentials.map((credential) => Object.values(COLUMNS).map((field) => cell(field, credential[field])))
      return { json: { credentials }, text: rows.length === 0 ? '' : columns([Object.keys(COLUMNS), ...rows]) }
    },
  }),
  command({
    name: 'users keys revoke',
    args: ['ID'],
    summary: 'Revoke an API key, with the keys made from it, or an admitted certificate, at once (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [id], values) {
      const json = await operate(host, values, 'POST', '/v1/users/keys/revoke', { id })
      const others = (Array.isArray(json['revoked']) ? json['revoked'] : []).filter((each) => each !== id).length
      const also = others === 0 ? '' : `, and ${others === 1 ? 'a key' : `${others} keys`} made from it`
      return { json, text: `credential ${id} is revoked${also}\n` }
    },
  }),
]

function cell(field: string, value: unknown): string {
  if (value === undefined || value === null) return ''
  return field === 'expiresAt' ? new Date(Number(value)).toISOString() : printable(String(value))
}
