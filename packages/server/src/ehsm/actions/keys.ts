import { KEY_SPECS } from '@vouchsafe/crypto'
import { EHSM } from '@vouchsafe/operations'
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
  operation(EHSM.CreateKey, {
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
    async handle(input, call, { keys }) {
      if (input.keyusage !== undefined && input.purpose !== undefined && input.keyusage !== input.purpose) {
        throw invalidParameter('Parameter invalid, The keyusage and purpose must agree.')
      }
      const keyId = await keys.create(call, {
        spec: input.keyspec,
        origin: input.origin,
        usage: input.keyusage ?? input.purpose,
        padding: input.padding_mode,
        digest: input.digest_mode,
        alias: input.alias,
        expiresAt: input.expireTime,
      })
      return { keyid: keyId }
    },
  }),
  operation(EHSM.ListKey, {
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
  operation(EHSM.DescribeKey, {
    fields: { keyid },
    result: descriptionSchema(),
    handle: ({ keyid }, call, services) => describe(keyid, call, services),
  }),
  operation(EHSM.UpdateKey, {
    fields: { keyid, alias: optional(text(MAX_ALIAS)), expireTime: optional(integer(1, MAX_TIME)) },
    result: descriptionSchema(),
    async handle({ keyid, alias, expireTime }, call, services) {
      if (alias === undefined && expireTime === undefined)
        throw invalidParameter('Missing required parameters, The alias and expireTime cannot both be empty.')
      const set = { ...(alias === undefined ? {} : { alias }), ...(expireTime === undefined ? {} : { expiresAt: expireTime }) }
      await services.keys.update(call, keyid, set)
      return describe(keyid, call, services)
    },
  }),
  operation(EHSM.EnableKey, {
    fields: { keyid },
    result: resultSchema(),
    handle: ({ keyid }, call, { keys }) => keys.setEnabled(call, keyid, true).then(nothing),
  }),
  operation(EHSM.DisableKey, {
    fields: { keyid },
    result: resultSchema(),
    handle: ({ keyid }, call, { keys }) => keys.setEnabled(call, keyid, false).then(nothing),
  }),
  operation(EHSM.DeleteKey, {
    fields: { keyid },
    result: resultSchema(),
    handle: async ({ keyid }, call, services) => deletionReply(await services.keys.delete(call, keyid), 'this key; it', services),
  }),
  operation(EHSM.DeleteAllKey, {
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
