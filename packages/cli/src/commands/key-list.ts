import type { KeyListEntry } from '@vouchsafe/client'
import { UsageError, columns, printable, timeText } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { API_OPTIONS, OPERATOR_OPTIONS, command } from '../command.ts'
import { connect } from '../connection.ts'
import { operate } from '../operator.ts'

export const keyListCommands = [
  command({
    name: 'keys list',
    args: [],
    summary: 'List the keys of the app, oldest first; or, for operators, deleted keys that can be restored',
    options: {
      ...API_OPTIONS,
      deleted: { type: 'boolean', summary: 'list deleted keys of the server on this machine (operators)' },
      app: { type: 'string', value: 'APPID', summary: 'with --deleted: only those of this app' },
      ...OPERATOR_OPTIONS,
    },
    async run(host, _args, values) {
      if (values.deleted) {
        const query = values.app === undefined ? '' : `?${new URLSearchParams({ appid: values.app })}`
        const answer = await operate(host, values, 'GET', `/v1/keys/deleted${query}`)
        return deletedList(answer)
      }
      if (values.app !== undefined || values['data-dir'] !== undefined) throw new UsageError('--app and --data-dir go with --deleted')
      const keys = await (await connect(host, values)).listKeys()
      return { json: { keys }, text: keyTable(keys, host.now()) }
    },
  }),
]

function keyTable(keys: readonly KeyListEntry[], now: number): string {
  const state = (key: KeyListEntry) => (key.keyState === 0 ? 'disabled' : key.expireTime < now ? 'expired' : 'enabled')
  return table(
    ['KEYID', 'SPEC', 'STATE', 'CREATED', 'EXPIRES', 'ALIAS'],
    keys.map((key) => [key.keyid, key.keyspec, state(key), timeText(key.creationDate), timeText(key.expireTime), key.alias]),
  )
}

interface DeletedKey {
  keyid: string
  appid: string
  keyspec: string
  deletedAt: number
  destroyAt: number
}

function deletedList(answer: Record<string, unknown>): Outcome {
  const keys = (Array.isArray(answer['keys']) ? answer['keys'] : []) as DeletedKey[]
  const rows = keys.map((key) => [key.keyid, key.keyspec, key.appid, timeText(key.deletedAt), timeText(key.destroyAt)])
  return { json: { keys }, text: table(['KEYID', 'SPEC', 'APPID', 'DELETED', 'DESTROYED AT'], rows) }
}

/** Nothing at all, not even a heading, for no rows. */
function table(heading: string[], rows: string[][]): string {
  return rows.length === 0 ? '' : columns([heading, ...rows.map((row) => row.map(printable))])
}
