// Secrets and their values.
import type { CreateSecretRequest } from '@vouchsafe/client'
import { CommandError, UsageError, printable, wholeNumber } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import { connect } from '../connection.ts'
import { writePrivateFile } from '../private-file.ts'
import { VALUE_OPTIONS, readSecretValue } from '../secret-value.ts'

/** The API's largest version number. */
const MAX_VERSION = Number.MAX_SAFE_INTEGER

export const secretCommands = [
  command({
    name: 'secrets create',
    args: ['NAME'],
    summary: 'Create a secret: text of at most 4096 characters, under a name of at most 64',
    options: {
      ...API_OPTIONS,
      ...VALUE_OPTIONS,
      key: { type: 'string', value: 'KEYID', summary: "the symmetric key that protects it (default: the app's own hidden key)" },
      description: { type: 'string', value: 'TEXT', summary: 'what it is for; not kept secret' },
      'rotate-every': { type: 'string', value: 'TIME', summary: 'how often it is rotated, such as 90d or 12h (default 30d)' },
    },
    async run(host, [secretName], values) {
      const rotationInterval = values['rotate-every']
      if (rotationInterval !== undefined && !/^\d{1,4}[dhms]$/.test(rotationInterval))
        throw new UsageError('--rotate-every must be a number of days, hours, minutes or seconds, such as 90d or 12h')
      const client = await connect(host, values)
      const request: CreateSecretRequest = { secretName: secretName!, secretData: await readSecretValue(host, values) }
      if (values.key !== undefined) request.encryptionKeyId = values.key
      if (values.description !== undefined) request.description = values.description
      if (rotationInterval !== undefined) request.rotationInterval = rotationInterval
      await client.createSecret(request)
      return { json: { secretName }, text: `${printable(secretName!)} is created\n` }
    },
  }),
  command({
    name: 'secrets put',
    args: ['NAME'],
    summary: 'Set a new value of a secret; earlier ones remain readable as versions',
    options: { ...API_OPTIONS, ...VALUE_OPTIONS },
    async run(host, [secretName], values) {
      const client = await connect(host, values)
      const { prunedVersions } = await client.putSecretValue(secretName!, await readSecretValue(host, values))
      const pruned = prunedVersions === 0 ? '' : `; old versions dropped: ${prunedVersions}`
      return { json: { secretName, prunedVersions }, text: `${printable(secretName!)} has a new value${pruned}\n` }
    },
  }),
  command({
    name: 'secrets get',
    args: ['NAME'],
    summary: "Print a secret's value, exactly as it was given",
    options: {
      ...API_OPTIONS,
      version: { type: 'string', value: 'N', summary: 'the version to read (default: the current one)' },
      out: { type: 'string', value: 'FILE', summary: 'output, readable only by you (default: standard output)' },
    },
    async run(host, [secretName], values) {
      const version = values.version === undefined ? undefined : wholeNumber('version', values.version, 1, MAX_VERSION)
      const client = await connect(host, values)
      const secret = await client.getSecretValue(secretName!, version)
      if (secret === undefined) throw new CommandError(`secret '${secretName}' has no version ${version}`)
      const { secretData, ...about } = secret
      if (values.out === undefined || values.out === '-') return { json: secret, text: secretData }
      await writePrivateFile(values.out, secretData)
      return { json: { ...about, out: values.out }, text: '' }
    },
  }),
]
