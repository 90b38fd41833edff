// What is known of secrets without reading their values.
import type { SecretDescription } from '@vouchsafe/client'
import { API_OPTIONS, CommandError, command } from '../command.ts'
import type { Host } from '../command.ts'
import { connect } from '../connection.ts'
import { columns, printable, timeText } from '../text.ts'

/** Rows that the API gives at most. */
const LIST_LIMIT = 4000

export const secretListCommands = [
  command({
    name: 'secrets list',
    args: [],
    summary: 'List the secrets of the app, oldest first',
    options: API_OPTIONS,
    async run(host, _args, values) {
      const secrets = await (await connect(host, values)).listSecrets()
      noteLimit(host, secrets, `the oldest ${LIST_LIMIT} secrets`)
      const rows = secrets.map(({ secretName, createTime, plannedDeleteTime, description = '' }) => [
        printable(secretName),
        timeText(createTime),
        plannedDeleteTime === undefined ? '' : timeText(plannedDeleteTime),
        printable(description),
      ])
      const text = rows.length === 0 ? '' : columns([['NAME', 'CREATED', 'DELETED AT', 'DESCRIPTION'], ...rows])
      return { json: { secrets }, text }
    },
  }),
  command({
    name: 'secrets versions',
    args: ['NAME'],
    summary: 'List the versions of a secret, newest first',
    options: API_OPTIONS,
    async run(host, [secretName], values) {
      const versions = await (await connect(host, values)).listSecretVersionIds(secretName!)
      if (versions.length === 0) throw new CommandError(`there is no secret '${secretName}', or it is to be deleted`)
      noteLimit(host, versions, `the newest ${LIST_LIMIT} versions`)
      const rows = versions.map(({ versionId, createTime }) => [String(versionId), timeText(createTime)])
      return { json: { secretName, versions }, text: columns([['VERSION', 'CREATED'], ...rows]) }
    },
  }),
  command({
    name: 'secrets describe',
    args: ['NAME'],
    summary: 'Show all that is known of a secret but its values, with why its last rotation failed if it did',
    options: API_OPTIONS,
    async run(host, [secretName], values) {
      const secret = await (await connect(host, values)).describeSecret(secretName!)
      if (secret === undefined) throw new CommandError(`there is no secret '${secretName}'`)
      return { json: secret, text: descriptionText(secret) }
    },
  }),
]

/** A full list is most likely a part of what there is; nobody should take it for the whole. */
function noteLimit(host: Host, rows: readonly unknown[], which: string): void {
  if (rows.length >= LIST_LIMIT) host.stderr.write(`vouchsafe: these are ${which}; there may be more\n`)
}

function descriptionText(secret: SecretDescription): string {
  const { plannedDeleteTime, lastRotationDate, rotationFailure } = secret
  const rows: [string, string | undefined][] = [
    ['name', printable(secret.secretName)],
    ['description', secret.description && printable(secret.description)],
    ['created', timeText(secret.createTime)],
    ['deleted at', plannedDeleteTime === undefined ? undefined : timeText(plannedDeleteTime)],
    ['rotated every', printable(secret.rotationInterval)],
    ['last rotation', lastRotationDate === '' ? 'never' : timeText(lastRotationDate)],
    ['next rotation', timeText(secret.nextRotationDate)],
    ['last failure', rotationFailure && `${timeText(rotationFailure.at)} ${printable(rotationFailure.message)}`],
  ]
  return columns(rows.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== ''))
}
