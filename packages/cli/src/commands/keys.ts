// The life of keys: everything but import and deletion.
import { shortSpec } from '@vouchsafe/client'
import { VouchsafeError } from '@vouchsafe/client'
import type { CreateKeyRequest, KeyDescription, VouchsafeClient } from '@vouchsafe/client'
import { UsageError, columns, printable, timeText } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import type { Host } from '../command.ts'
import { connect } from '../connection.ts'
import { expiry } from '../expiry.ts'
import { DIGESTS, ORIGINS, PADDINGS, USAGES, choice, keySpec } from '../names.ts'

const EXPIRES = {
  type: 'string',
  value: 'DATE|Nd',
  summary: 'when it expires: a date (UTC), or a number of days from now such as 90d',
} as const
const ALIAS = { type: 'string', value: 'TEXT', summary: 'a name for people, at most 256 characters' } as const

export const keyCommands = [
  command({
    name: 'keys create',
    args: ['SPEC'],
    summary: 'Create a key, such as aes-gcm-256, rsa-3072, ec-p256, sm2, sm4-ctr or hmac',
    options: {
      ...API_OPTIONS,
      usage: { type: 'string', value: 'encrypt|sign', summary: 'what it may be used for (default: all that the spec allows)' },
      padding: { type: 'string', value: 'pkcs1|pss|oaep', summary: 'default padding (RSA)' },
      digest: { type: 'string', value: 'DIGEST', summary: `default digest of signatures: ${Object.keys(DIGESTS).join(', ')}` },
      alias: ALIAS,
      expires: EXPIRES,
      external: { type: 'boolean', summary: "wait for your own key material ('keys import')" },
    },
    async run(host, [spec], values) {
      const request: CreateKeyRequest = { keyspec: keySpec(spec!), origin: values.external ? ORIGINS.external : ORIGINS.internal }
      if (values.usage !== undefined) request.keyusage = choice('usage', USAGES, values.usage)
      if (values.padding !== undefined) request.padding_mode = choice('padding', PADDINGS, values.padding)
      if (values.digest !== undefined) request.digest_mode = choice('digest', DIGESTS, values.digest)
      if (values.alias !== undefined) request.alias = values.alias
      if (values.expires !== undefined) request.expireTime = expiry(values.expires, host.now())
      const client = await connect(host, values)
      const { keyid } = await client.createKey(request)
      return { json: { keyid }, text: `${keyid}\n` }
    },
  }),
  command({
    name: 'keys show',
    args: ['ID'],
    summary: "Show all that is known about a key, including an asymmetric key's public key",
    options: API_OPTIONS,
    async run(host, [keyid], values) {
      const client = await connect(host, values)
      const key = await client.describeKey(keyid!)
      const publicKey = isAsymmetric(key.keyspec) ? await publicKeyOf(client, key) : undefined
      return { json: { ...key, ...publicKey }, text: descriptionText(key) + (publicKey?.publicKey ?? '') }
    },
  }),
  command({
    name: 'keys enable',
    args: ['ID'],
    summary: 'Enable a disabled key again',
    options: API_OPTIONS,
    async run(host, [keyid], values) {
      await (await connect(host, values)).enableKey(keyid!)
      return { json: { keyid, keyState: 1 }, text: `${keyid} is enabled\n` }
    },
  }),
  command({
    name: 'keys disable',
    args: ['ID'],
    summary: 'Refuse all use of a key until it is enabled again',
    options: API_OPTIONS,
    async run(host, [keyid], values) {
      await (await connect(host, values)).disableKey(keyid!)
      return { json: { keyid, keyState: 0 }, text: `${keyid} is disabled\n` }
    },
  }),
  command({
    name: 'keys set',
    args: ['ID'],
    summary: "Change a key's alias",
    options: { ...API_OPTIONS, alias: ALIAS },
    async run(host, [keyid], values) {
      if (values.alias === undefined) throw new UsageError("--alias is missing; an empty one ('') clears it")
      return update(host, values, keyid!, { alias: values.alias })
    },
  }),
  command({
    name: 'keys extend',
    args: ['ID'],
    summary: 'Change when a key expires; an expired key becomes usable again',
    options: { ...API_OPTIONS, expires: EXPIRES },
    async run(host, [keyid], values) {
      if (values.expires === undefined) throw new UsageError('--expires is missing')
      return update(host, values, keyid!, { expireTime: expiry(values.expires, host.now()) })
    },
  }),
]

/** Whether a key spec has a public half. */
export function isAsymmetric(keyspec: string): boolean {
  return /^(rsa|ec|sm2)/.test(shortSpec(keyspec))
}

async function update(
  host: Host,
  values: { profile?: string; url?: string },
  keyid: string,
  set: { alias?: string; expireTime?: number },
): Promise<Outcome> {
  const key = await (await connect(host, values)).updateKey(keyid, set)
  return { json: key, text: descriptionText(key) }
}

/** Nothing for a key whose state forbids its use. */
async function publicKeyOf(client: VouchsafeClient, key: KeyDescription): Promise<{ publicKey: string } | undefined> {
  try {
    return { publicKey: await client.getPublicKey(key.keyid) }
  } catch (error) {
    if (error instanceof VouchsafeError && key.status !== 'enabled') return undefined
    throw error
  }
}

function descriptionText(key: KeyDescription): string {
  const rows: [string, string | null][] = [
    ['keyid', key.keyid],
    ['alias', printable(key.alias)],
    ['spec', key.keyspec],
    ['origin', key.origin],
    ['usage', key.keyusage],
    ['padding', key.padding_mode],
    ['digest', key.digest_mode],
    ['state', key.status],
    ['created', timeText(key.creationDate)],
    ['expires', timeText(key.expireTime)],
    ['encryptions', String(key.encryptions)],
    ['check value', key.keyCheckValue],
    ...key.notes.map((note): [string, string] => ['note', printable(note)]),
  ]
  return columns(rows.filter(([, value]) => value !== null && value !== '').map(([name, value]) => [name, value!]))
}
