import { UsageError, columns, printable } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { readInput } from '../files.ts'
import { operate } from '../operator.ts'

/** Columns of `signing-keys list`, and the fields of the answer that they show. */
const COLUMNS = { NAME: 'name', VERSION: 'version', ALGORITHM: 'algorithm', CREATED: 'createdAt', KID: 'kid' } as const

const NAMES = ['NSK', 'FSK', 'TSK']
const KEY_LIMIT = 'a private key has at most 16 KiB'

export const signingKeyCommands = [
  command({
    name: 'signing-keys list',
    args: [],
    summary: 'List the keys that sign nonces (NSK), rows (FSK) and tokens (TSK), every version (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, _args, values) {
      return outcome(await operate(host, values, 'GET', '/v1/signing-keys'))
    },
  }),
  command({
    name: 'signing-keys rotate',
    args: ['[NAME]'],
    summary:
      'Make the next version of one of these keys, or of all; whatever the old versions signed stays valid until they are retired (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [name], values) {
      return outcome(await operate(host, values, 'POST', '/v1/signing-keys/rotate', name === undefined ? {} : { name: known(name) }))
    },
  }),
  command({
    name: 'signing-keys import',
    args: ['NAME', 'FILE'],
    summary: 'Import a private key (PEM) of another installation as the next version of one of these keys (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [name, file], values) {
      const pem = await readInput(host, file, KEY_LIMIT)
      const json = await operate(host, values, 'POST', '/v1/signing-keys/import', { name: known(name!), pem: pem.toString() })
      pem.fill(0)
      return { json, text: `imported as ${printable(String(json['name']))} version ${printable(String(json['version']))}\n` }
    },
  }),
  command({
    name: 'signing-keys retire',
    args: ['NAME', 'VERSION'],
    summary: 'Stop trusting a leaked old version: nothing that it signed remains valid (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [name, version], values) {
      const request = { name: known(name!), version: wholeNumber(version!) }
      const json = await operate(host, values, 'POST', '/v1/signing-keys/retire', request)
      return { json, text: `${request.name} version ${request.version} is retired\n` }
    },
  }),
]

function outcome(answer: Record<string, unknown>) {
  const keys = (Array.isArray(answer['keys']) ? answer['keys'] : []) as Record<string, unknown>[]
  const rows = keys.map((key) => Object.values(COLUMNS).map((field) => cell(field, key[field])))
  return { json: { keys }, text: rows.length === 0 ? '' : columns([Object.keys(COLUMNS), ...rows]) }
}

function cell(field: string, value: unknown): string {
  return field === 'createdAt' ? new Date(Number(value)).toISOString() : printable(String(value))
}

function wholeNumber(version: string): number {
  const digits = /^v?(\d{1,9})$/.exec(version)?.[1]
  if (digits === undefined) throw new UsageError('VERSION must be a number, as signing-keys list shows it')
  return Number(digits)
}

function known(name: string): string {
  if (!NAMES.includes(name)) throw new UsageError(`NAME must be one of ${NAMES.join(', ')}`)
  return name
}
