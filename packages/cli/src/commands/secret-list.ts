// What is known of secrets without reading their values.
import type { SecretDescription, SecretListEntry, VouchsafeClient } from '@vouchsafe/client'
import { CommandError, columns, printable, timeText } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import { connect } from '../connection.ts'

export const secretListCommands = [
  command({
    name: 'secrets list',
    args: [],
    summary: 'List the secrets of the app, oldest first',
    options: API_OPTIONS,
    async run(host, _args, values) {
      const secrets = await allSecrets(await connect(host, values))
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
      if (versions.length === 0) throw new CommandError(`there is no secret '${secretName}', or it is scheduled for deletion`)
      const rows = versions.map(({ versionId, createTime }) => [String(versionId), timeText(createTime)])
      return { json: { secretName, versions }, text: columns([['VERSION', 'CREATED'], ...rows]) }
    },
  }),
  command({
    name: 'secrets describe',
    args: ['NAME'],
    summary: 'Show all that is known about a secret except its values, including why its last rotation failed',
    options: API_OPTIONS,
    async run(host, [secretName], values) {
      const secret = await (await connect(host, values)).describeSecret(secretName!)
      if (secret === undefined) throw new CommandError(`there is no secret '${secretName}'`)
      return { json: secret, text: descriptionText(secret) }
    },
  }),
]

/** Lists page by page. A server that does not support `after` returns the first page every time; it is listed once. */
async function allSecrets(client: VouchsafeClient): Promise<SecretListEntry[]> {
  const secrets = await client.listSecrets()
  for (let page = secrets; page.length > 0;) {
    const after = page.at(-1)!.secretName
    page = await client.listSecrets({ after })
    if (page.at(-1)?.secretName === after) break
    secrets.push(...page)
  }
  return secrets
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
