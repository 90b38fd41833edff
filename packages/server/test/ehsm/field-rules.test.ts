/**
 * What each field of each action may hold (contract §4): the table below is the contract's, the wrong values are derived from it. The rules of
 * actions that the contract doesn't know follow from their fields' schemas.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { call, enroll, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer, type TestServer } from '@vouchsafe/testkit/server'
import type { Field } from '../../src/ehsm/fields.ts'
import { OPERATIONS } from '../../src/ehsm/operations.ts'

type Rule =
  | { kind: 'id' | 'any'; optional?: true }
  | { kind: 'base64' | 'nonce' | 'hex' | 'text' | 'name' | 'content' | 'interval' | 'boolean'; max: number; optional?: true }
  | { kind: 'integer'; min: number; max: number; optional?: true }
  | { kind: 'word'; word: string; optional?: true }

const ID: Rule = { kind: 'id' }
const B64: Rule = { kind: 'base64', max: 8192 }
const word = (text: string): Rule => ({ kind: 'word', word: text })
const optional = (rule: Rule): Rule => ({ ...rule, optional: true })
const TIME: Rule = { kind: 'integer', min: 1, max: 253_402_300_799_999 }
const NAME: Rule = { kind: 'name', max: 64 }
const VALUE: Rule = { kind: 'content', max: 4096 }
const DESCRIPTION: Rule = { kind: 'text', max: 4096, optional: true }
const DATA_KEY = { keyid: ID, keylen: { kind: 'integer', min: 1, max: 1024 }, aad: optional(B64) } as const
const SIGNATURE = {
  keyid: ID,
  message: optional(B64),
  digest: optional(B64),
  message_type: optional(word('EH_RAW')),
  digest_mode: optional(word('EH_SHA_256')),
  padding_mode: optional(word('EH_RSA_PKCS1')),
}

/** By action of the contract: its fields in the order in which they are checked. */
const CONTRACT: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  CreateKey: {
    keyspec: word('EH_AES_GCM_128'),
    origin: word('EH_INTERNAL_KEY'),
    keyusage: optional(word('EH_KEYUSAGE_ENCRYPT_DECRYPT')),
    purpose: optional(word('EH_PURPOSE_NONE')),
    padding_mode: optional(word('EH_PAD_RSA_PKCS1')),
    digest_mode: optional(word('EH_SHA_2_256')),
    alias: optional({ kind: 'text', max: 256 }),
    expireTime: optional(TIME),
  },
  ListKey: {},
  DescribeKey: { keyid: ID },
  UpdateKey: { keyid: ID, alias: optional({ kind: 'text', max: 256 }), expireTime: optional(TIME) },
  EnableKey: { keyid: ID },
  DisableKey: { keyid: ID },
  DeleteKey: { keyid: ID },
  DeleteALLKey: {},
  Encrypt: { keyid: ID, plaintext: B64, aad: optional(B64) },
  Decrypt: { keyid: ID, ciphertext: { kind: 'base64', max: 8236 }, aad: optional(B64) },
  AsymmetricEncrypt: { keyid: ID, plaintext: B64, padding_mode: optional(word('EH_RSA_PKCS1')) },
  AsymmetricDecrypt: { keyid: ID, ciphertext: B64, padding_mode: optional(word('EH_RSA_PKCS1')) },
  Sign: SIGNATURE,
  Verify: { ...SIGNATURE, signature: B64 },
  GetPublicKey: { keyid: ID },
  GenerateDataKey: DATA_KEY,
  GenerateDataKeyWithoutPlaintext: DATA_KEY,
  ExportDataKey: { keyid: ID, ukeyid: ID, olddatakey: B64, aad: optional(B64) },
  GetParametersForImport: { keyid: ID, keyspec: word('EH_RSA_2048') },
  ImportKeyMaterial: { keyid: ID, padding_mode: word('EH_RSA_PKCS1_OAEP'), key_material: B64, importToken: { kind: 'any' } },
  CreateSecret: {
    secretName: NAME,
    secretData: VALUE,
    encryptionKeyId: optional(ID),
    description: DESCRIPTION,
    rotationInterval: optional({ kind: 'interval', max: 5 }),
  },
  UpdateSecretDesc: { secretName: NAME, description: DESCRIPTION },
  PutSecretValue: { secretName: NAME, secretData: VALUE },
  ListSecretVersionIds: { secretName: NAME },
  ListSecrets: { secretName: optional(NAME), after: optional(NAME) },
  DescribeSecret: { secretName: NAME },
  DeleteSecret: {
    secretName: NAME,
    recoveryPeriod: { kind: 'integer', min: 1, max: 365, optional: true },
    forceDelete: { kind: 'boolean', max: 5, optional: true },
  },
  GetSecretValue: { secretName: NAME, versionId: { kind: 'integer', min: 1, max: Number.MAX_SAFE_INTEGER, optional: true } },
  RestoreSecret: { secretName: NAME },
  RotateSecret: { secretName: NAME },
  SetRotationWebhook: { url: { kind: 'name', max: 2048 } },
  DescribeRotationWebhook: {},
  DeleteRotationWebhook: {},
  GenerateQuote: { challenge: { kind: 'base64', max: 4096 } },
  VerifyQuote: {
    quote: { kind: 'base64', max: 10924 },
    nonce: { kind: 'nonce', max: 4096 },
    policyId: optional(ID),
    collateral: { kind: 'content', max: 65_536, optional: true },
    detail: { kind: 'boolean', max: 5, optional: true },
  },
  UploadQuotePolicy: { mr_enclave: { kind: 'hex', max: 64 }, mr_signer: { kind: 'hex', max: 64 } },
  GetQuotePolicy: { policyId: ID },
}

/** The rules of every action. */
const FIELDS: typeof CONTRACT = {
  ...CONTRACT,
  ...Object.fromEntries(
    OPERATIONS.filter(({ name, method }) => method === 'POST' && !Object.hasOwn(CONTRACT, name)).map(({ name, fields }) => [
      name,
      Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.required ? ruleOf(field) : optional(ruleOf(field))])),
    ]),
  ),
}

const UNKNOWN_ID = '01234567-89ab-cdef-ghij-klmnopqrstuv'

let server: TestServer
let app: Credentials

before(async () => {
  server = await startTestServer()
  app = await enroll(server.url)
})
after(() => server[Symbol.asyncDispose]())

/** The rule that a field's schema states. */
function ruleOf({ schema, allowsEmpty = false }: Field<unknown>): Rule {
  const { type, enum: words, pattern, contentEncoding, minLength } = schema
  const max = schema.maxLength as number
  if (words !== undefined) return word((words as string[])[0]!)
  if (type === 'integer') return { kind: 'integer', min: schema.minimum as number, max: schema.maximum as number }
  if (Array.isArray(type)) return { kind: 'boolean', max }
  if (contentEncoding === 'base64') return { kind: 'base64', max }
  if (pattern !== undefined && max === 36) return ID
  if (pattern !== undefined && minLength === max) return { kind: 'hex', max }
  assert.equal(pattern, undefined, 'a pattern of its own needs a rule of its own in the table above')
  return { kind: minLength === 1 ? 'content' : allowsEmpty ? 'text' : 'name', max }
}

/** A value that the rule lets pass. */
function good(rule: Rule): unknown {
  if (rule.kind === 'id') return UNKNOWN_ID
  if (rule.kind === 'integer') return rule.kind === 'integer' && rule.max > 1e12 ? Date.now() + 60_000 : rule.min
  if (rule.kind === 'interval') return '30d'
  if (rule.kind === 'boolean') return 'false'
  if (rule.kind === 'hex') return '0a'.repeat(rule.max / 2)
  return rule.kind === 'word' ? rule.word : 'AAAA'
}

/** Other values that the rule lets pass, at its edges. */
function edges(rule: Rule): unknown[] {
  switch (rule.kind) {
    case 'base64':
      return ['AA==', 'AAA=', '+/+/', 'A'.repeat(rule.max)]
    case 'nonce':
      return ['AA==', 'not base64, but short', 'A'.repeat(rule.max)]
    case 'hex':
      return ['F'.repeat(rule.max)]
    case 'text':
      return [' ', 'ü'.repeat(rule.max), '😀\u0001\ud800<&="\'']
    case 'name':
      return ['x', 'ü'.repeat(rule.max), ' 😀\u0001\ud800<&="\'%\r\n\v\f']
    case 'content':
      return ['x', 'ü'.repeat(rule.max), '\0😀\ud800<&="\'']
    case 'interval':
      return ['6h', '8760h', '365d', '0360m', '9999m']
    case 'boolean':
      return [true, 'TRUE', 'False']
    case 'integer':
      return [rule.max]
    default:
      return []
  }
}

/** Values that the rule refuses, and in which words. */
function wrong(name: string, rule: Rule): [unknown, string][] {
  const invalid = (values: unknown[], message: string): [unknown, string][] =>
    values.map((value) => [value, `Parameter invalid, The ${name} ${message}`])
  const notText = invalid([5, true, false, 0, {}, [], ['AAAA'], { toString: 'x' }], 'must be of string type.')
  switch (rule.kind) {
    case 'id':
      return [
        ...notText,
        ...invalid(['x', UNKNOWN_ID.slice(1), `${UNKNOWN_ID}0`, 'x'.repeat(60_000)], 'length error.'),
        ...invalid(
          [
            UNKNOWN_ID.toUpperCase(),
            UNKNOWN_ID.replaceAll('-', '_'),
            `${UNKNOWN_ID.slice(1)}\n`,
            'a'.repeat(36),
            '-'.repeat(36),
            'ä'.repeat(36),
          ],
          'format wrong.',
        ),
      ]
    case 'base64':
      return [
        ...notText,
        ...invalid(['A'.repeat(rule.max + 4), `${'A'.repeat(rule.max)}!`], 'length error.'),
        ...invalid(['A', 'AAA', 'A===', '====', 'AA=A', 'AA-_', 'AA\n=', 'AAAA=', ' AAA', 'AAÄA', 'AAA\0'], 'not a vailed base64 string.'),
      ]
    case 'nonce':
      return [
        ...notText,
        ...invalid(['A'.repeat(rule.max + 4)], 'length error.'),
        ...invalid(['!'.repeat(65), 'A'.repeat(66)], 'not a vailed base64 string.'),
      ]
    case 'hex':
      return [
        ...notText,
        ...invalid(['0', '0'.repeat(rule.max - 1), '0'.repeat(rule.max + 1)], 'length error.'),
        ...invalid(['g'.repeat(rule.max), `${'0'.repeat(rule.max - 1)}\n`, 'ä'.repeat(rule.max)], 'format wrong.'),
      ]
    case 'text':
      return [...notText, ...invalid(['x'.repeat(rule.max + 1)], 'length error.'), ...invalid(['a\0b'], 'format wrong.')]
    case 'name':
      return [...notText, ...invalid(['x'.repeat(rule.max + 1)], 'length error.'), ...invalid(['a\0b', '\0'], 'format wrong.')]
    case 'content':
      return [...notText, ...invalid(['x'.repeat(rule.max + 1)], 'length error.')]
    case 'interval':
      return [
        ...notText,
        ...invalid(['12345d', '1 day  '], 'length error.'),
        ...invalid(['d', '30', '30,', '30D', '-30d', '3.5d', ' 30d', '30d\n', '1d1h', '١٢d'], 'format wrong.'),
      ]
    case 'boolean':
      return [...invalid([5, 0, {}, [], ['true']], 'must be of string type.'), ...invalid(['truest', 'x'.repeat(999)], 'length error.')]
    case 'integer':
      return [
        ...invalid(['16', 1.5, true, false, {}, [16], 1e-7], 'must be of integer type.'),
        ...invalid([rule.max + 1, 1e300], `value must be less than or equal to ${rule.max}.`),
        ...invalid([0, -1, -1e300], `value must be greater than or equal to ${rule.min}.`),
      ]
    case 'word':
      return invalid(
        [rule.word.toLowerCase(), `${rule.word} `, 'EH_NO_SUCH_WORD', 'constructor', '__proto__', 1, true, false, {}, [rule.word]],
        'type is incorrect.',
      )
    case 'any':
      return []
  }
}

async function messageOf(action: string, payload: object): Promise<string> {
  // The form that keeps empty values: in the primary one they would be as good as absent.
  const { code, message } = await call(server.url, app, action, payload, { form: 'keep-json' })
  return `${code} ${message}`
}

function complainsOf(name: string, message: string): boolean {
  return new RegExp(`, The ${name} (cannot be empty|must be of|length|format|not a|value must|type is)`).test(message)
}

test('the fields of every action of the contract are those of the contract, in its order', () => {
  const actual = OPERATIONS.filter(({ name }) => Object.hasOwn(CONTRACT, name)).map(({ name, fields }) => {
    return [name, Object.entries(fields).map(([field, { required }]) => [field, required])]
  })
  const expected = Object.entries(CONTRACT).map(([name, rules]) => [
    name,
    Object.entries(rules).map(([field, rule]) => [field, !rule.optional]),
  ])
  assert.deepEqual(Object.fromEntries(actual), Object.fromEntries(expected))
})

test('where a schema can state a rule of the contract, it states this one', () => {
  for (const { name, fields } of OPERATIONS.filter(({ name }) => Object.hasOwn(CONTRACT, name))) {
    for (const [field, rule] of Object.entries(CONTRACT[name]!)) {
      if (['any', 'interval', 'nonce'].includes(rule.kind)) continue
      const { optional: _, ...stated } = { optional: undefined, ...rule }
      const derived = ruleOf(fields[field]!)
      if (derived.kind === 'word' && stated.kind === 'word') assert.ok((fields[field]!.schema.enum as string[]).includes(stated.word))
      else assert.deepEqual(derived, stated, `${name} ${field}`)
    }
  }
})

for (const [action, rules] of Object.entries(FIELDS)) {
  const names = Object.keys(rules)
  if (names.length === 0) continue

  test(`${action} refuses wrong fields in the contract's words, the first in declared order`, async () => {
    for (const [i, name] of names.entries()) {
      const rule = rules[name]!
      const before = Object.fromEntries(names.slice(0, i).map((other) => [other, good(rules[other]!)]))
      const after = Object.fromEntries(names.slice(i + 1).map((other) => [other, { wrong: 'in any case' }]))
      for (const [value, message] of wrong(name, rule)) {
        assert.equal(await messageOf(action, { ...after, [name]: value, ...before }), `400 ${message}`, JSON.stringify(value)?.slice(0, 80))
      }
      const missing = `400 Missing required parameters, The ${name} cannot be empty.`
      for (const none of [{}, { [name]: null }, { [name]: '' }]) {
        const given = await messageOf(action, { ...before, ...none })
        // Of message and digest one is needed, which is looked at after all fields.
        if (rule.optional) assert.ok(!complainsOf(name, given) || (name === 'message' && given === missing), given)
        else assert.equal(given, missing)
      }
      for (const value of [good(rule), ...edges(rule)]) {
        const given = await messageOf(action, { ...before, [name]: value })
        assert.ok(
          !complainsOf(name, given) || given.endsWith('The message cannot be empty.'),
          `${JSON.stringify(value).slice(0, 80)}: ${given}`,
        )
      }
    }
  })
}

test('fields that are not declared are passed over, but signed', async () => {
  const payload = { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY', 'no such field': { a: [1, '', false] }, keyid: 5 }
  assert.equal(await messageOf('CreateKey', payload), '200 success!')
  assert.equal(await messageOf('ListKey', payload), '200 success!')
})

test('an expiry lies ahead', async () => {
  const create = (expireTime: number) => messageOf('CreateKey', { keyspec: 'EH_AES_GCM_128', origin: 'EH_INTERNAL_KEY', expireTime })
  assert.match(await create(Date.now() - 60_000), /^400 Parameter invalid, The expireTime value must be greater than or equal to \d{13}\.$/)
  assert.equal(await create(Date.now() + 60_000), '200 success!')
})

test('UpdateKey needs something to change', async () => {
  assert.equal(
    await messageOf('UpdateKey', { keyid: UNKNOWN_ID }),
    '400 Missing required parameters, The alias and expireTime cannot both be empty.',
  )
})
