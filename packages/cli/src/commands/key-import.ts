import { constants, createPublicKey, publicEncrypt } from 'node:crypto'
import { CommandError } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import { connect } from '../connection.ts'
import { readInput } from '../files.ts'
import { keyCheckValue } from '../key-check.ts'
import { PADDINGS, WRAPPING_SPECS, choice } from '../names.ts'

const { pkcs1, oaep } = PADDINGS

export const keyImportCommands = [
  command({
    name: 'keys import',
    args: ['ID'],
    summary: "Import your own key material, as raw bytes, into a key made with 'keys create --external'",
    options: {
      ...API_OPTIONS,
      in: { type: 'string', value: 'FILE', summary: 'the key material (default: standard input)' },
      padding: { type: 'string', value: 'oaep|pkcs1', summary: 'RSA padding that protects it in transit (default oaep)' },
    },
    async run(host, [keyid], values) {
      const padding_mode = choice('padding', { oaep, pkcs1 }, values.padding ?? 'oaep')
      const client = await connect(host, values)
      const { keyspec } = await client.describeKey(keyid!)
      const material = await readInput(host, values.in)
      try {
        const expected = keyCheckValue(keyspec, material)
        const { pubkey, importToken } = await client.getParametersForImport(keyid!, WRAPPING_SPECS['rsa-3072'])
        const key_material = wrap(pubkey, padding_mode, material)
        const imported = await client.importKeyMaterial({ keyid: keyid!, padding_mode, key_material, importToken })
        if (imported.keyCheckValue.toUpperCase() !== expected)
          throw new CommandError(
            `the server holds another key: its check value is ${imported.keyCheckValue}, that of the input ${expected}`,
          )
        return { json: { keyid, keyCheckValue: expected }, text: `${keyid} is imported, key check value ${expected}\n` }
      } finally {
        material.fill(0)
      }
    },
  }),
]

function wrap(pubkey: string, padding_mode: typeof pkcs1 | typeof oaep, material: Uint8Array): Buffer {
  const key = createPublicKey(pubkey)
  if (padding_mode === pkcs1) return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, material)
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, material)
}
