import { UsageError, columns, timeText } from '@vouchsafe/command'
import { OPERATOR_OPTIONS, command } from '../command.ts'
import { readPassphrase } from '../new-passphrase.ts'
import { operate } from '../operator.ts'

interface SealState {
  seal: string | null
  rootKey: string
  file: string
  domainKeys: { version: number; createdAt: number; active: boolean }[]
}

const KINDS = ['file', 'passphrase', 'tpm2']

export const sealCommands = [
  command({
    name: 'seal show',
    args: [],
    summary: 'Show what protects the root key, and the domain keys under it (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, _args, values) {
      const state = (await operate(host, values, 'GET', '/v1/seal')) as unknown as SealState
      const rows = [
        ['seal', state.seal ?? 'none'],
        ['root key', state.rootKey],
        ['file', state.file],
        ...state.domainKeys.map(({ version, createdAt, active }) => [
          'domain key',
          `${version}, made ${timeText(createdAt)}${active ? '' : ', not yet in use'}`,
        ]),
      ]
      return { json: state, text: columns(rows) }
    },
  }),
  command({
    name: 'seal rotate',
    args: [],
    summary: 'Put the store under a new root key, or another kind of seal (operators)',
    options: {
      to: { type: 'string', value: 'KIND', summary: `what protects the new root key: ${KINDS.join(', ')} (default: unchanged)` },
      'new-passphrase-file': {
        type: 'string',
        value: 'FILE',
        summary: 'passphrase of the new root key (default $VOUCHSAFE_NEW_PASSPHRASE, or a prompt on the terminal)',
      },
      ...OPERATOR_OPTIONS,
    },
    async run(host, _args, values) {
      if (values.to !== undefined && !KINDS.includes(values.to)) throw new UsageError(`--to must be one of: ${KINDS.join(', ')}`)
      const to = values.to ?? String((await operate(host, values, 'GET', '/v1/seal'))['seal'])
      const source = {
        file: values['new-passphrase-file'],
        option: 'new-passphrase-file',
        variable: 'VOUCHSAFE_NEW_PASSPHRASE',
        what: 'the new root key',
      }
      const passphrase = to === 'passphrase' ? { passphrase: await readPassphrase(host, source, true) } : {}
      const json = await operate(host, values, 'POST', '/v1/seal/rotate', { to, ...passphrase })
      return { json, text: `the store is sealed by root key ${String(json['rootKey'])} (${to}); the old one no longer opens it\n` }
    },
  }),
  command({
    name: 'domain-key rotate',
    args: [],
    summary: 'Re-wrap every key and secret under a new domain key, while the server runs; continues where it was interrupted (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, _args, values) {
      const json = await operate(host, values, 'POST', '/v1/domain-key/rotate', {})
      const { version, rewrapped, resumed } = json as { version: number; rewrapped: number; resumed: boolean }
      const text = `domain key ${version} is in use, the old one is gone; ${rewrapped} blobs were re-wrapped${resumed ? ', the rest earlier' : ''}\n`
      return { json, text }
    },
  }),
]
