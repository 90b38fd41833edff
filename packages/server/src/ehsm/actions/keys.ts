import { KEY_SPECS } from '@vouchsafe/crypto'
import { invalidParameter } from '../../foundation/index.ts'
import type { KeyDescription } from '../../keys/index.ts'
import type { KeySummary } from '../../storage/index.ts'
import { ABSENT, DIGEST_WORDS, KEY_SPEC_WORDS, keySpecWord, ORIGIN_WORDS, PADDING_WORDS, USAGE_WORDS, wordFor } from '../dialect.ts'
import { choice, id, integer, optional, text, word } from '../fields.ts'
import { SUCCESS } from '../envelope.ts'
import { INTEGER, JsonResult, operation, Reply, resultSchema, STRING, type EhsmCall, type EhsmServices, type Result } from '../operation.ts'

const MAX_ALIAS = 256
/** The end of the year 9999, milliseconds since 1970. */
const MAX_TIME = 253_402_300_799_999

const keyid = id({ description: "The key's id." })

export const keyOperations = [
  operation({
    name: 'CreateKey',
    right: 'keys:manage',
    makes: 'keyid',
    summary: 'Creates a key or, with EH_EXTERNAL_KEY, an empty one that waits for import.',
    method: 'POST',
    permission: 'app',
    payloadRequired: true,
    fields: {
      keyspec: choice(KEY_SPEC_WORDS, { aliases: ['Keyspec'] }),
      origin: choice(ORIGIN_WORDS),
      keyusage: optional(word(USAGE_WORDS, { description: 'What the key may be used for; without it, asymmetric keys do both.' })),
      purpose: optional(word(USAGE_WORDS, { description: "The document's name for `keyusage`; if both are given they must agree." })),
      padding_mode: optional(
        choice(PADDING_WORDS, { aliases: ['padding mode'], description: 'RSA: the padding for calls that name none.' }),
      ),
      digest_mode: optional(
        word(DIGEST_WORDS, { aliases: ['digest mode'], description: 'The digest for Sign and Verify calls that name none.' }),
      ),
      alias: optional(text(MAX_ALIAS)),
      expireTime: optional(integer(1, MAX_TIME, { description: 'Milliseconds since 1970; by default a year from now.' })),
    },
    result: resultSchema({ keyid: STRING }),
    async handle(input, call, { keys, runtime }) {
      if (input.keyusage !== undefined && input.purpose !== undefined && input.keyusage !== input.purpose) {
        throw invalidParameter('Parameter invalid, The keyusage and purpose must agree.')
      }
      const isRsa = KEY_SPECS.get(input.keyspec)!.family === 'rsa'
      if (input.padding_mode === 'none' && isRsa) {
        throw invalidParameter('Parameter invalid, The padding_mode must be PKCS1, PSS or OAEP for an RSA key.')
      }
      checkExpiry(input.expireTime, runtime.now())
      const keyId = await keys.create(call, {
        spec: input.keyspec,
        origin: input.origin,
        usage: input.keyusage ?? input.purpose,
        padding: isRsa && input.padding_mode !== 'none' ? input.padding_mode : undefined,
        digest: input.digest_mode,
        alias: input.alias,
        expiresAt: input.expireTime,
      })
      return { keyid: keyId }
    },
  }),
  operation({
    name: 'ListKey',
    right: 'keys:read',
    longAnswer: true,
    summary: "Lists the app's keys, oldest first, at most 10,000.",
    method: 'POST',
    permission: 'app',
    payloadRequired: false,
    fields: {},
    result: resultSchema({
      list: {
        type: 'array',
        items: resultSchema({
          keyid: STRING,
          creationDate: INTEGER,
          expireTime: INTEGER,
          alias: STRING,
          keyspec: STRING,
          keyState: INTEGER,
        }),
      },
    }),
    async handle(_input, call, { keys }) {
      const pages: string[] = []
      await keys.list(call.principal, (page) => pages.push(page.map((key) => JSON.stringify(listEntry(key))).join(',')))
      return new JsonResult(`{"list":[${pages.join(',')}]}`)
    },
  }),
  operation({
    name: 'DescribeKey',
    right: 'keys:read',
    summary: 'Returns everything about a key except its material.',
    notes: "Ours: not in the document. `status` is enabled, disabled, expired or 'pending import'; `encryptions` may lag by a second.",
    method: 'POST',
    permission: 'app',
    payloadRequired: true,
    fields: { keyid },
    object: 'keyid',
    result: descriptionSchema(),
    handle: ({ keyid }, call, services) => describe(keyid, call, services),
  }),
  operation({
    name: 'UpdateKey',
    right: 'keys:manage',
    summary: "Changes a key's alias or its expiry; an expired key works again once its expiry is in the future.",
    notes: 'Ours: not in the document.',
    method: 'POST',
    permission: 'app',
    payloadRequired: true,
    fields: { keyid, alias: optional(text(MAX_ALIAS)), expireTime: optional(integer(1, MAX_TIME)) },
    object: 'keyid',
    result: descriptionSchema(),
    async handle({ keyid, alias, expireTime }, call, services) {
      if (alias === undefined && expireTime === undefined)
        throw invalidParameter('Missing required parameters, The alias and expireTime cannot both be empty.')
      checkExpiry(expireTime, services.runtime.now())
      const set = { ...(alias === undefined ? {} : { alias }), ...(expireTime === undefined ? {} : { expiresAt: expireTime }) }
      await services.keys.update(call, keyid, set)
      return describe(keyid, call, services)
    },
  }),
  operation({
    name: 'EnableKey',
    right: 'keys:manage',
    summary: 'Enables a disabled key.',
    method: 'POST',
    permission: 'app',
    payloadRequired: false,
    fields: { keyid },
    object: 'keyid',
    result: resultSchema(),
    handle: ({ keyid }, call, { keys }) => keys.setEnabled(call, keyid, true).then(nothing),
  }),
  operation({
    name: 'DisableKey',
    right: 'keys:manage',
    summary: 'Disables a key: every cryptographic use is refused until it is enabled again.',
    method: 'POST',
    permission: 'app',
    payloadRequired: false,
    fields: { keyid },
    object: 'keyid',
    result: resultSchema(),
    handle: ({ keyid }, call, { keys }) => keys.setEnabled(call, keyid, false).then(nothing),
  }),
  operation({
    name: 'DeleteKey',
    right: 'keys:manage',
    summary: 'Deletes a key: refused and unlisted at once, destroyed after the recovery window. An unknown key is not an error.',
    notes: 'When secrets depend on the key, the message says how many, and until when the key can be restored.',
    method: 'POST',
    permission: 'app',
    payloadRequired: false,
    fields: { keyid },
    object: 'keyid',
    result: resultSchema(),
    handle: async ({ keyid }, call, services) => deletionReply(await services.keys.delete(call, keyid), 'this key; it', services),
  }),
  operation({
    name: 'DeleteALLKey',
    right: 'keys:manage',
    record: 'DeleteAllKeys',
    aliases: ['DeleteAllKey'],
    summary: "Deletes all of the app's keys, as DeleteKey does.",
    method: 'POST',
    permission: 'app',
    payloadRequired: false,
    fields: {},
    result: resultSchema(),
    handle: async (_input, call, services) => deletionReply(await services.keys.delete(call, null), 'these keys; they', services),
  }),
]

function listEntry(key: KeySummary): Result {
  return {
    keyid: key.id,
    creationDate: key.createdAt,
    expireTime: key.expiresAt,
    alias: key.alias,
    keyspec: keySpecWord(key.spec),
    keyState: key.enabled ? 1 : 0,
  }
}

function nothing(): Result {
  return {}
}

/** A key that secrets depend on never vanishes silently. */
async function deletionReply(deleted: string[], what: string, { keys }: EhsmServices): Promise<Reply> {
  const dependents = await keys.dependents(deleted)
  if (!dependents) return new Reply(SUCCESS)
  const until = new Date(dependents.restorableUntil).toISOString()
  return new Reply(`${SUCCESS} ${dependents.secrets} secrets depend on ${what} can be restored until ${until}.`)
}

function checkExpiry(expireTime: number | undefined, now: number): void {
  if (expireTime !== undefined && expireTime <= now) {
    throw invalidParameter(`Parameter invalid, The expireTime value must be greater than or equal to ${now + 1}.`)
  }
}

async function describe(keyId: string, call: EhsmCall, { keys }: EhsmServices): Promise<Result> {
  const description = await keys.describe(call.principal, keyId)
  const { row, state, encryptions, checkValue } = description
  return {
    keyid: row.id,
    alias: row.alias,
    keyspec: keySpecWord(row.spec),
    origin: wordFor(ORIGIN_WORDS, row.origin),
    keyusage: row.usage && wordFor(USAGE_WORDS, row.usage),
    padding_mode: row.padding && wordFor<string>(PADDING_WORDS, row.padding),
    digest_mode: row.digest && wordFor<string | typeof ABSENT>(DIGEST_WORDS, row.digest),
    keyState: row.enabled ? 1 : 0,
    status: state,
    creationDate: row.createdAt,
    expireTime: row.expiresAt,
    encryptions,
    keyCheckValue: checkValue,
    notes: notesOn(description),
  }
}

/** What the owner of a key should know about it. */
function notesOn({ row }: KeyDescription): string[] {
  const { integrity, family } = KEY_SPECS.get(row.spec as never)!
  const notes: string[] = []
  if (!integrity && family === 'sm4')
    notes.push('SM4 ciphertexts have no integrity and ignore aad: an altered one decrypts to something else, unnoticed.')
  if (family === 'rsa' && row.padding === 'pkcs1' && row.usage !== 'sign') {
    notes.push('Decryption with PKCS#1 v1.5 padding returns random bytes for a wrong ciphertext instead of an error; OAEP is better.')
  }
  return notes
}

function descriptionSchema() {
  const orNull = (type: string) => ({ type: [type, 'null'] })
  return resultSchema({
    keyid: STRING,
    alias: STRING,
    keyspec: STRING,
    origin: STRING,
    keyusage: orNull('string'),
    padding_mode: orNull('string'),
    digest_mode: orNull('string'),
    keyState: INTEGER,
    status: STRING,
    creationDate: INTEGER,
    expireTime: INTEGER,
    encryptions: INTEGER,
    keyCheckValue: orNull('string'),
    notes: { type: 'array', items: STRING },
  })
}
