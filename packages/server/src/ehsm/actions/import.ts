import { EHSM } from '@vouchsafe/operations'
import { IMPORT_PADDING_WORDS, WRAPPING_SPEC_WORDS } from '../dialect.ts'
import { base64, choice, id, unchecked } from '../fields.ts'
import { BOOLEAN, operation, resultSchema, STRING } from '../operation.ts'

const keyid = id({ description: 'A key created with EH_EXTERNAL_KEY that has no material yet.' })

export const importOperations = [
  operation(EHSM.GetParametersForImport, {
    fields: { keyid, keyspec: choice(WRAPPING_SPEC_WORDS, { description: 'The spec of the wrapping key.' }) },
    result: resultSchema({ pubkey: STRING, importToken: STRING }),
    async handle({ keyid, keyspec }, call, { keyImport }) {
      return keyImport.parameters(call, keyid, keyspec)
    },
  }),
  operation(EHSM.ImportKeyMaterial, {
    fields: {
      keyid,
      padding_mode: choice(IMPORT_PADDING_WORDS, { description: 'How key_material was encrypted; OAEP is SHA-256 with MGF1-SHA-256.' }),
      key_material: base64(),
      importToken: unchecked(STRING),
    },
    result: resultSchema({ result: BOOLEAN, keyCheckValue: STRING }),
    async handle({ keyid, padding_mode, key_material, importToken }, call, { keyImport }) {
      const request = { wrapped: key_material, padding: padding_mode, token: importToken }
      return { result: true, keyCheckValue: await keyImport.complete(call, keyid, request) }
    },
  }),
]
