// The secret actions of the server in miniature: they keep values in memory, and answer in the contract's words where people see them.
import { Refusal } from './refusal.ts'

export interface StoredSecret {
  description: string
  rotationInterval: string
  /** Oldest first. */
  values: string[]
  plannedDeleteTime?: number
  rotationFailure?: { at: number; message: string }
  /** How many versions each new one claims to prune. */
  prunes?: number
}

const DAY_MS = 86_400_000

/** Actions on `secrets`, all at the time `now`; `pages` says whether ListSecrets knows `after`. A result's `message` goes into the envelope. */
export function secretActions(secrets: Map<string, StoredSecret>, now: number, pages: boolean) {
  let webhook: { url: string; createdAt: number } | undefined

  const found = (name: string | undefined, message: string): StoredSecret => {
    const secret = secrets.get(name!)
    if (!secret) throw new Refusal(message)
    return secret
  }
  const planned = ({ plannedDeleteTime }: StoredSecret) => (plannedDeleteTime === undefined ? {} : { plannedDeleteTime })

  const actions: Record<string, (payload: Record<string, string>) => object> = {
    CreateSecret: ({ secretName, secretData, description = '', rotationInterval = '30d' }) => {
      if (secrets.has(secretName!)) throw new Refusal('Secret name already exists, cannot use the same secret name')
      secrets.set(secretName!, { description, rotationInterval, values: [secretData!] })
      return {}
    },
    PutSecretValue: ({ secretName, secretData }) => {
      const { values, prunes } = found(secretName, 'Can not find secretName')
      values.push(secretData!)
      return prunes === undefined ? {} : { prunedVersions: prunes }
    },
    GetSecretValue: ({ secretName, versionId }) => {
      const { values } = found(secretName, `Can't find the ${secretName}'s value.`)
      const version = Number(versionId ?? values.length)
      if (values[version - 1] === undefined) return {}
      return { secretName, secretData: values[version - 1], versionId: version, createTime: now }
    },
    ListSecrets: ({ after }) => {
      const start = after === undefined || !pages ? 0 : [...secrets.keys()].indexOf(after) + 1
      const secretList = [...secrets].slice(start, start + 4000).map(([secretName, secret]) => {
        const { description } = secret
        return { secretName, createTime: now, ...(description !== '' && { description }), ...planned(secret) }
      })
      return { totalCount: secretList.length, secretList }
    },
    ListSecretVersionIds: ({ secretName }) => {
      const versions = (secrets.get(secretName!)?.values ?? []).map((_, i) => ({ versionId: i + 1, createTime: now }))
      return { secretName, totalCount: versions.length, versionIds: versions.reverse() }
    },
    DescribeSecret: ({ secretName }) => {
      const secret = secrets.get(secretName!)
      if (!secret) return {}
      const { description, rotationInterval, rotationFailure } = secret
      const dates = { createTime: now, lastRotationDate: '', nextRotationDate: now + 30 * DAY_MS }
      return { secretName, description, rotationInterval, ...dates, ...planned(secret), ...(rotationFailure && { rotationFailure }) }
    },
    DeleteSecret: ({ secretName, recoveryPeriod = '30', forceDelete }) => {
      const secret = found(secretName, 'Delete error, Can not find the secretName')
      if (forceDelete === 'true') {
        secrets.delete(secretName!)
        return { message: `The ${secretName} delete success` }
      }
      secret.plannedDeleteTime = now + Number(recoveryPeriod) * DAY_MS
      return { message: `The ${secretName} will be deleted after ${recoveryPeriod} days.` }
    },
    RestoreSecret: ({ secretName }) => {
      delete found(secretName, 'Can not restore secret, the secretName not find.').plannedDeleteTime
      return {}
    },
    SetRotationWebhook: ({ url }) => {
      webhook = { url: url!, createdAt: now }
      return { url, signingKey: Buffer.alloc(32, 7).toString('base64') }
    },
    DescribeRotationWebhook: () => webhook ?? { url: null, createdAt: null },
    DeleteRotationWebhook: () => ((webhook = undefined), {}),
    RotateSecret: ({ secretName }) => (found(secretName, 'Can not find secretName'), {}),
  }
  return actions
}
