import { EHSM } from '@vouchsafe/operations'
import { DEFAULT_ROTATION_INTERVAL, MAX_VALUE, ROTATION_INTERVAL_PATTERN } from '../../secrets/index.ts'
import type { SecretRow, SecretSummary, SecretVersionSummary } from '../../storage/index.ts'
import { booleanOrText, content, formatted, id, integer, MAX_SECRET_NAME, name, optional, text } from '../fields.ts'
import { EhsmRefusal } from '../refusals.ts'
import { keptSentence } from '../sentences.ts'
import { INTEGER, JsonResult, operation, Reply, resultSchema, STRING, type Result } from '../operation.ts'

const MAX_DESCRIPTION = 4096
const MAX_RECOVERY_DAYS = 365
const DEFAULT_RECOVERY_DAYS = 30

const secretName = name(MAX_SECRET_NAME, { description: "The secret's name: any characters, taken exactly." })
const secretData = content(MAX_VALUE, { description: 'The value.' })
const description = optional(text(MAX_DESCRIPTION))

export const secretOperations = [
  operation(EHSM.CreateSecret, {
    fields: {
      secretName,
      secretData,
      encryptionKeyId: optional(id({ description: "The symmetric key that protects it; the app's own hidden one by default." })),
      description,
      rotationInterval: optional(
        formatted(5, ROTATION_INTERVAL_PATTERN, { description: `6 to 8760 hours; ${DEFAULT_ROTATION_INTERVAL} by default.` }),
      ),
    },
    result: resultSchema(),
    async handle({ secretName, secretData, encryptionKeyId, description, rotationInterval }, call, { secrets }) {
      const request = { name: secretName, value: secretData, keyId: encryptionKeyId, description, rotationInterval }
      await secrets.manager.create(call, request)
      return new Reply(`The ${secretName} create success.`)
    },
  }),
  operation(EHSM.UpdateSecretDesc, {
    fields: { secretName, description },
    result: resultSchema(),
    async handle({ secretName, description = '' }, call, { secrets }) {
      await secrets.manager.updateDescription(call, secretName, description)
      return new Reply('Update secret description success.')
    },
  }),
  operation(EHSM.PutSecretValue, {
    fields: { secretName, secretData },
    result: resultSchema({}, { prunedVersions: INTEGER }),
    async handle({ secretName, secretData }, call, { secrets }) {
      const { pruned } = await secrets.manager.put(call, secretName, secretData)
      return new Reply(`The ${secretName} new version put success.`, pruned > 0 ? { prunedVersions: pruned } : {})
    },
  }),
  operation(EHSM.ListSecretVersionIds, {
    fields: { secretName },
    result: resultSchema({
      secretName: STRING,
      totalCount: INTEGER,
      versionIds: { type: 'array', items: resultSchema({ versionId: INTEGER, createTime: INTEGER }) },
    }),
    async handle({ secretName }, call, { secrets }) {
      const list = new JsonList<SecretVersionSummary>(({ version, createdAt }) => ({ versionId: version, createTime: createdAt }))
      await secrets.manager.versions(call.principal, secretName, list.add)
      const start = `{"secretName":${JSON.stringify(secretName)},"totalCount":${list.count}`
      return new Reply('List secret versionIds success.', new JsonResult(`${start},"versionIds":${list.json}}`))
    },
  }),
  operation(EHSM.ListSecrets, {
    fields: { secretName: optional(secretName), after: optional(name(MAX_SECRET_NAME)) },
    result: resultSchema({
      totalCount: INTEGER,
      secretList: {
        type: 'array',
        items: resultSchema({ secretName: STRING, createTime: INTEGER }, { description: STRING, plannedDeleteTime: INTEGER }),
      },
    }),
    async handle({ secretName, after }, call, { secrets }) {
      const list = new JsonList(summary)
      if (secretName === undefined) {
        await secrets.manager.list(call.principal, after, list.add)
      } else {
        const found = await secrets.manager.find(call.principal, secretName)
        list.add(found ? [found] : [])
      }
      return new Reply('List secrets success.', new JsonResult(`{"totalCount":${list.count},"secretList":${list.json}}`))
    },
  }),
  operation(EHSM.DescribeSecret, {
    fields: { secretName },
    result: resultSchema(
      {},
      {
        secretName: STRING,
        description: STRING,
        createTime: INTEGER,
        plannedDeleteTime: INTEGER,
        rotationInterval: STRING,
        lastRotationDate: { type: ['integer', 'string'] },
        nextRotationDate: INTEGER,
        rotationFailure: resultSchema({ at: INTEGER, message: STRING }),
      },
    ),
    async handle({ secretName }, call, { secrets }) {
      const secret = await secrets.manager.find(call.principal, secretName)
      return new Reply('Describe secrets success.', secret ? details(secret) : {})
    },
  }),
  operation(EHSM.DeleteSecret, {
    fields: {
      secretName,
      recoveryPeriod: optional(integer(1, MAX_RECOVERY_DAYS, { description: 'Days during which RestoreSecret undoes it.' })),
      forceDelete: optional(booleanOrText(5)),
    },
    result: resultSchema(),
    async handle({ secretName, recoveryPeriod = DEFAULT_RECOVERY_DAYS, forceDelete = 'false' }, call, { secrets }) {
      if (!/^(true|false)$/i.test(forceDelete)) throw new EhsmRefusal('force_delete')
      if (forceDelete === 'true') {
        await secrets.deletion.destroy(call, secretName)
        return new Reply(`The ${secretName} delete success`)
      }
      await secrets.deletion.schedule(call, secretName, recoveryPeriod)
      return new Reply(`The ${secretName} will be deleted after ${recoveryPeriod} days.`)
    },
  }),
  operation(EHSM.GetSecretValue, {
    fields: { secretName, versionId: optional(integer(1, Number.MAX_SAFE_INTEGER)) },
    result: resultSchema({}, { secretName: STRING, secretData: STRING, versionId: INTEGER, createTime: INTEGER }),
    async handle({ secretName, versionId }, call, { secrets }) {
      const found = await secrets.manager.value(call.principal, secretName, versionId)
      const result = found && { secretName, secretData: found.value, versionId: found.version, createTime: found.createdAt }
      return new Reply('successful', result ?? {})
    },
  }),
  operation(EHSM.RestoreSecret, {
    fields: { secretName },
    result: resultSchema(),
    async handle({ secretName }, call, { secrets }) {
      await secrets.deletion.restore(call, secretName)
      return new Reply(`The ${secretName} restore success.`)
    },
  }),
]

/** Descriptions can make a list of 4000 a hundred megabytes: past this, callers continue with `after`. */
const MAX_LIST_CHARS = 8 * 1024 * 1024

/** A JSON list, built a page at a time. */
class JsonList<T> {
  readonly #entry: (row: T) => Result
  readonly #entries: string[] = []
  #length = 0
  count = 0

  constructor(entry: (row: T) => Result) {
    this.#entry = entry
  }

  /** Adds a page; returns false once the list is long enough. */
  readonly add = (page: readonly T[]): boolean => {
    for (const row of page) {
      if (this.#length > MAX_LIST_CHARS) return false
      const entry = JSON.stringify(this.#entry(row))
      this.#entries.push(entry)
      this.#length += entry.length
      this.count++
    }
    return true
  }

  get json(): string {
    return `[${this.#entries.join(',')}]`
  }
}

function summary({ name, description, createdAt, destroyAt }: SecretSummary): Result {
  return {
    secretName: name,
    ...(description === '' ? {} : { description }),
    createTime: createdAt,
    ...(destroyAt === null ? {} : { plannedDeleteTime: destroyAt }),
  }
}

function details(secret: SecretRow): Result {
  return {
    ...summary(secret),
    rotationInterval: secret.rotationInterval,
    lastRotationDate: secret.lastRotationAt ?? '',
    nextRotationDate: secret.nextRotationAt,
    ...(secret.rotationFailedAt === null
      ? {}
      : { rotationFailure: { at: secret.rotationFailedAt, message: keptSentence(secret.rotationFailure ?? '') } }),
  }
}
