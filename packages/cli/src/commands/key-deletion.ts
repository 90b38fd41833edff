import { UsageError, printable } from '@vouchsafe/command'
import { API_OPTIONS, OPERATOR_OPTIONS, command } from '../command.ts'
import { confirm } from '../confirm.ts'
import { connect } from '../connection.ts'
import { operate } from '../operator.ts'

export const keyDeletionCommands = [
  command({
    name: 'keys delete',
    args: ['[ID]'],
    summary: 'Delete a key, or all keys of the app',
    options: {
      ...API_OPTIONS,
      all: { type: 'boolean', summary: 'delete every key of the app' },
      yes: { type: 'boolean', summary: 'do not ask' },
    },
    async run(host, [keyid], values) {
      if ((keyid === undefined) === !values.all) throw new UsageError('give the ID of a key, or --all')
      const client = await connect(host, values)
      if (keyid === undefined) {
        if (!values.yes) await confirm(host, `Delete every key of app ${client.appid}?`)
        await client.deleteAllKeys()
        return { json: { appid: client.appid, all: true }, text: `deleted every key of app ${client.appid}\n` }
      }
      if (!values.yes) await confirm(host, `Delete key ${keyid}?`)
      const { message } = await client.deleteKey(keyid)
      return { json: { keyid, message }, text: `${printable(message)}\n` }
    },
  }),
  command({
    name: 'keys restore',
    args: ['ID'],
    summary: 'Restore a deleted key, as a disabled one (operators)',
    options: { app: { type: 'string', value: 'APPID', summary: 'only if the key belongs to this app' }, ...OPERATOR_OPTIONS },
    async run(host, [keyid], values) {
      const restored = await operate(host, values, 'POST', '/v1/keys/restore', {
        keyid,
        ...(values.app !== undefined && { appid: values.app }),
      })
      return { json: restored, text: `${keyid} of app ${String(restored['appid'])} is restored and ${String(restored['status'])}\n` }
    },
  }),
]
