import { columns, printable, timeText } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import { connect } from '../connection.ts'

export const secretRotationCommands = [
  command({
    name: 'secrets rotation set',
    args: ['URL'],
    summary:
      "Have the server ask this webhook for new values when it rotates secrets; prints the webhook's signing key, which is shown only once",
    options: API_OPTIONS,
    async run(host, [wanted], values) {
      const { url, signingKey } = await (await connect(host, values)).setRotationWebhook(wanted!)
      const base64 = signingKey.toBase64()
      const rows = [
        ['url', printable(url)],
        ['signing key', base64],
      ]
      return { json: { url, signingKey: base64 }, text: columns(rows) }
    },
  }),
  command({
    name: 'secrets rotation show',
    args: [],
    summary: 'Show the rotation webhook',
    options: API_OPTIONS,
    async run(host, _args, values) {
      const webhook = await (await connect(host, values)).describeRotationWebhook()
      if (webhook === undefined) return { json: { url: null, createdAt: null }, text: 'there is no rotation webhook\n' }
      const rows = [
        ['url', printable(webhook.url)],
        ['created', timeText(webhook.createdAt)],
      ]
      return { json: webhook, text: columns(rows) }
    },
  }),
  command({
    name: 'secrets rotation remove',
    args: [],
    summary: 'Remove the webhook: rotations then keep the values and only replace the keys that protect them',
    options: API_OPTIONS,
    async run(host, _args, values) {
      await (await connect(host, values)).deleteRotationWebhook()
      return { json: {}, text: 'the rotation webhook is removed\n' }
    },
  }),
  command({
    name: 'secrets rotation now',
    args: ['NAME'],
    summary: "Have a secret rotated now; 'secrets describe' shows the outcome",
    options: API_OPTIONS,
    async run(host, [secretName], values) {
      await (await connect(host, values)).rotateSecret(secretName!)
      return { json: { secretName }, text: `the rotation of ${printable(secretName!)} is under way\n` }
    },
  }),
]
