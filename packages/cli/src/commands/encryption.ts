import { shortSpec } from '@vouchsafe/client'
import type { AadOptions, PaddingOptions } from '@vouchsafe/client'
import { UsageError } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import type { Host } from '../command.ts'
import { connect } from '../connection.ts'
import { bytesOutcome, fromBase64, readInput } from '../files.ts'
import { PADDINGS, choice } from '../names.ts'
import { isAsymmetric } from './keys.ts'

const OPTIONS = {
  ...API_OPTIONS,
  in: { type: 'string', value: 'FILE', summary: 'input (default: standard input)' },
  out: { type: 'string', value: 'FILE', summary: 'output, readable only by you (default: standard output)' },
  aad: { type: 'string', value: 'FILE', summary: 'additional data, authenticated but not included in the ciphertext (AES)' },
  'aad-text': { type: 'string', value: 'TEXT', summary: 'additional data as text' },
  padding: { type: 'string', value: 'oaep|pkcs1', summary: "RSA padding (default: the key's, or oaep)" },
  base64: { type: 'boolean', summary: 'write base64 text instead of bytes' },
} as const

interface DataValues {
  aad?: string
  'aad-text'?: string
  padding?: string
}

export const encryptionCommands = [
  command({
    name: 'encrypt',
    args: ['KEYID'],
    summary: 'Encrypt at most 6144 bytes (RSA and SM2: a few hundred at most)',
    options: OPTIONS,
    async run(host, [keyid], values) {
      const client = await connect(host, values)
      const { keyspec } = await client.describeKey(keyid!)
      const options = await dataOptions(host, keyspec, values)
      const plaintext = await readInput(host, values.in)
      const encrypt = isAsymmetric(keyspec) ? client.asymmetricEncrypt : client.encrypt
      const bytes = await encrypt.call(client, keyid!, plaintext, options)
      return bytesOutcome(host, values, { keyid: keyid!, field: 'ciphertext', bytes, binary: true })
    },
  }),
  command({
    name: 'decrypt',
    args: ['KEYID'],
    summary: 'Decrypt what encrypt made',
    options: { ...OPTIONS, 'in-base64': { type: 'boolean', summary: 'the input is base64 text' } },
    async run(host, [keyid], values) {
      const client = await connect(host, values)
      const { keyspec } = await client.describeKey(keyid!)
      const options = await dataOptions(host, keyspec, values)
      const input = await readInput(host, values.in)
      const ciphertext = values['in-base64'] ? fromBase64('the input', input) : input
      const decrypt = isAsymmetric(keyspec) ? client.asymmetricDecrypt : client.decrypt
      const bytes = await decrypt.call(client, keyid!, ciphertext, options)
      return bytesOutcome(host, values, { keyid: keyid!, field: 'plaintext', bytes, binary: false })
    },
  }),
]

/** The options that fit the key. Throws UsageError rather than ignore one that protects nothing. */
async function dataOptions(host: Host, keyspec: string, values: DataValues): Promise<AadOptions & PaddingOptions> {
  const { aad, 'aad-text': aadText, padding } = values
  if (aad !== undefined && aadText !== undefined) throw new UsageError('give --aad or --aad-text, not both')
  if ((aad !== undefined || aadText !== undefined) && !shortSpec(keyspec).startsWith('aes'))
    throw new UsageError(`keys of ${keyspec} do not authenticate additional data: leave out --aad`)
  if (padding !== undefined && !shortSpec(keyspec).startsWith('rsa')) throw new UsageError(`keys of ${keyspec} take no --padding`)
  const { oaep, pkcs1 } = PADDINGS
  return {
    ...(aad !== undefined && { aad: await readInput(host, aad) }),
    ...(aadText !== undefined && { aad: Buffer.from(aadText) }),
    ...(padding !== undefined && { padding_mode: choice('padding', { oaep, pkcs1 }, padding) }),
  }
}
