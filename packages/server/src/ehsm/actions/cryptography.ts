import { EHSM } from '@vouchsafe/operations'
import { invalidParameter, onceThere } from '../../foundation/index.ts'
import { DIGEST_WORDS, MESSAGE_TYPE_WORDS, PADDING_WORDS } from '../dialect.ts'
import { base64, choice, id, MAX_BASE64, optional, word, type Fields, type ValuesOf } from '../fields.ts'
import { BASE64, BOOLEAN, operation, resultSchema, STRING } from '../operation.ts'
import type { SignatureInput } from '../../keys/index.ts'

/** The longest ciphertext of 6144 bytes, that of SM4-CBC: plus 16 bytes of padding and a 16 byte IV, in base64. */
const MAX_CIPHERTEXT = MAX_BASE64 + 44

const keyid = id({ description: "The key's id." })
const aad = optional(base64(MAX_BASE64, { description: 'Additional authenticated data; AES-GCM only, SM4 ignores it.' }))
const padding_mode = optional(
  choice(PADDING_WORDS, { description: "RSA only; default: the key's own, or OAEP with SHA-256 (encryption) or PKCS#1 (signatures)." }),
)

/**
 * What is signed, in both dialects: the document's `digest`, which is hashed nevertheless, and the later dialect's `message` with its type.
 */
const signatureFields = {
  keyid,
  message: optional(base64(MAX_BASE64, { description: 'What is signed, or its digest with message_type EH_DIGEST.' })),
  digest: optional(
    base64(MAX_BASE64, { description: "The document's name for `message`: hashed like one, unless message_type says EH_DIGEST." }),
  ),
  message_type: optional(choice(MESSAGE_TYPE_WORDS, { description: 'EH_RAW (default) or EH_DIGEST.' })),
  digest_mode: optional(word(DIGEST_WORDS, { description: "Default: the key's own, or SHA-256; SM2 always uses SM3." })),
  padding_mode,
} satisfies Fields

export const cryptographyOperations = [
  operation(EHSM.Encrypt, {
    fields: { keyid, plaintext: base64(), aad },
    result: resultSchema({ ciphertext: BASE64 }),
    handle: ({ keyid, plaintext, aad }, call, { cryptography }) =>
      onceThere(cryptography.encrypt(call.principal, keyid, plaintext, aad), (ciphertext) => ({
        ciphertext: ciphertext.toString('base64'),
      })),
  }),
  operation(EHSM.Decrypt, {
    fields: { keyid, ciphertext: base64(MAX_CIPHERTEXT), aad },
    result: resultSchema({ plaintext: BASE64 }),
    handle: ({ keyid, ciphertext, aad }, call, { cryptography }) =>
      onceThere(cryptography.decrypt(call.principal, keyid, ciphertext, aad), (plaintext) => ({ plaintext: takeBase64(plaintext) })),
  }),
  operation(EHSM.AsymmetricEncrypt, {
    fields: { keyid, plaintext: base64(), padding_mode },
    result: resultSchema({ ciphertext: BASE64 }),
    async handle({ keyid, plaintext, padding_mode }, call, { cryptography }) {
      const ciphertext = await cryptography.asymmetricEncrypt(call.principal, keyid, plaintext, padding_mode)
      return { ciphertext: ciphertext.toString('base64') }
    },
  }),
  operation(EHSM.AsymmetricDecrypt, {
    fields: { keyid, ciphertext: base64(), padding_mode },
    result: resultSchema({ plaintext: BASE64 }),
    async handle({ keyid, ciphertext, padding_mode }, call, { cryptography }) {
      const plaintext = await cryptography.asymmetricDecrypt(call.principal, keyid, ciphertext, padding_mode)
      return { plaintext: takeBase64(plaintext) }
    },
  }),
  operation(EHSM.Sign, {
    fields: signatureFields,
    result: resultSchema({ signature: BASE64 }),
    handle: (input, call, { cryptography }) =>
      onceThere(cryptography.sign(call.principal, input.keyid, signatureInput(input)), (signature) => ({
        signature: signature.toString('base64'),
      })),
  }),
  operation(EHSM.Verify, {
    fields: { ...signatureFields, signature: base64() },
    result: resultSchema({ result: BOOLEAN }),
    handle: (input, call, { cryptography }) =>
      onceThere(cryptography.verify(call.principal, input.keyid, signatureInput(input), input.signature), (result) => ({ result })),
  }),
  operation(EHSM.GetPublicKey, {
    fields: { keyid },
    result: resultSchema({ keyid: STRING, pubkey: STRING }),
    handle: async ({ keyid }, call, { cryptography }) => ({ keyid, pubkey: await cryptography.publicKey(call.principal, keyid) }),
  }),
]

function signatureInput(input: ValuesOf<typeof signatureFields>): SignatureInput {
  if (input.message !== undefined && input.digest !== undefined) {
    throw invalidParameter('Parameter invalid, The message and digest cannot both be given.')
  }
  const signed = input.message ?? input.digest
  if (signed === undefined) throw invalidParameter('Missing required parameters, The message cannot be empty.')
  return { input: signed, prehashed: input.message_type === 'digest', digest: input.digest_mode, padding: input.padding_mode }
}

/** The bytes as base64; they are zeroed afterwards. */
export function takeBase64(bytes: Buffer): string {
  const given = bytes.toString('base64')
  bytes.fill(0)
  return given
}
