import { UsageError, printable, wholeNumber } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import { confirm } from '../confirm.ts'
import { connect } from '../connection.ts'

const MAX_RECOVERY_DAYS = 365

export const secretDeletionCommands = [
  command({
    name: 'secrets delete',
    args: ['NAME'],
    summary: 'Delete a secret with all its versions, after some days during which it can be restored',
    options: {
      ...API_OPTIONS,
      'recovery-days': { type: 'string', value: 'N', summary: `days until it is gone, 1 to ${MAX_RECOVERY_DAYS} (default 30)` },
      force: { type: 'boolean', summary: 'delete at once and irrevocably' },
      yes: { type: 'boolean', summary: 'do not ask' },
    },
    async run(host, [secretName], values) {
      const { 'recovery-days': days, force = false, yes } = values
      if (days !== undefined && force) throw new UsageError('give --recovery-days or --force, not both')
      const recoveryPeriod = days === undefined ? undefined : wholeNumber('recovery-days', days, 1, MAX_RECOVERY_DAYS)
      const client = await connect(host, values)
      const name = printable(secretName!)
      if (!yes) await confirm(host, force ? `Delete secret ${name} at once, and for good?` : `Delete secret ${name}?`)
      const { message } = await client.deleteSecret(secretName!, {
        ...(recoveryPeriod !== undefined && { recoveryPeriod }),
        ...(force && { forceDelete: true }),
      })
      return { json: { secretName, message }, text: `${printable(message)}\n` }
    },
  }),
  command({
    name: 'secrets restore',
    args: ['NAME'],
    summary: 'Cancel the scheduled deletion of a secret',
    options: API_OPTIONS,
    async run(host, [secretName], values) {
      await (await connect(host, values)).restoreSecret(secretName!)
      return { json: { secretName }, text: `${printable(secretName!)} is restored\n` }
    },
  }),
]
