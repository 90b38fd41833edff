import { EHSM } from '@vouchsafe/operations'
import { onceThere } from '../../foundation/index.ts'
import { base64, id, integer, MAX_BASE64, optional } from '../fields.ts'
import { BASE64, operation, resultSchema } from '../operation.ts'
import { takeBase64 } from './cryptography.ts'

const MAX_DATA_KEY_BYTES = 1024

const keyid = id({ description: 'The symmetric key that wraps the data key.' })
const aad = optional(base64(MAX_BASE64, { description: 'Additional authenticated data; AES-GCM only, SM4 ignores it.' }))
const keylen = integer(1, MAX_DATA_KEY_BYTES, { description: 'Length of the data key in bytes.' })

export const dataKeyOperations = [
  operation(EHSM.GenerateDataKey, {
    fields: { keyid, keylen, aad },
    result: resultSchema({ plaintext: BASE64, ciphertext: BASE64 }),
    handle: ({ keyid, keylen, aad }, call, { cryptography }) =>
      onceThere(cryptography.generateDataKey(call.principal, keyid, keylen, aad), ({ plaintext, ciphertext }) => ({
        plaintext: takeBase64(plaintext),
        ciphertext: ciphertext.toString('base64'),
      })),
  }),
  operation(EHSM.GenerateDataKeyWithoutPlaintext, {
    fields: { keyid, keylen, aad },
    result: resultSchema({ ciphertext: BASE64 }),
    async handle({ keyid, keylen, aad }, call, { cryptography }) {
      const { plaintext, ciphertext } = await cryptography.generateDataKey(call.principal, keyid, keylen, aad)
      plaintext.fill(0)
      return { ciphertext: ciphertext.toString('base64') }
    },
  }),
  operation(EHSM.ExportDataKey, {
    fields: {
      keyid,
      ukeyid: id({ description: 'The asymmetric key to export to.' }),
      olddatakey: base64(MAX_BASE64, {
        aliases: ['olddatakey_base', 'old_data_key'],
        description: 'The data key as GenerateDataKey wrapped it.',
      }),
      aad,
    },
    result: resultSchema({ newdatakey: BASE64 }),
    async handle({ keyid, ukeyid, olddatakey, aad }, call, { cryptography }) {
      const exported = await cryptography.exportDataKey(call.principal, keyid, ukeyid, olddatakey, aad)
      return { newdatakey: exported.toString('base64') }
    },
  }),
]
