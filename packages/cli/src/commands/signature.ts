import type { SignatureOptions } from '@vouchsafe/client'
import { UsageError } from '@vouchsafe/command'
import { API_OPTIONS, command } from '../command.ts'
import { connect } from '../connection.ts'
import { bytesOutcome, fromBase64, readInput } from '../files.ts'
import { DIGESTS, MESSAGE_TYPES, PADDINGS, choice } from '../names.ts'

const OPTIONS = {
  ...API_OPTIONS,
  in: { type: 'string', value: 'FILE', summary: 'the message (default: standard input)' },
  digest: {
    type: 'string',
    value: 'DIGEST',
    summary: `${Object.keys(DIGESTS).join(', ')} (default: the key's, or sha256; SM2: always sm3)`,
  },
  padding: { type: 'string', value: 'pss|pkcs1', summary: "RSA padding (default: the key's, or pkcs1)" },
  prehashed: { type: 'boolean', summary: 'the input is the digest of the message' },
} as const

interface SignatureValues {
  digest?: string
  padding?: string
  prehashed?: boolean
}

export const signatureCommands = [
  command({
    name: 'sign',
    args: ['KEYID'],
    summary: 'Sign a message of at most 6144 bytes, or the digest of a longer one',
    options: {
      ...OPTIONS,
      out: { type: 'string', value: 'FILE', summary: 'file for the signature (default: standard output)' },
      base64: { type: 'boolean', summary: 'write base64 text instead of bytes' },
    },
    async run(host, [keyid], values) {
      const options = signatureOptions(values)
      const client = await connect(host, values)
      const bytes = await client.sign(keyid!, await readInput(host, values.in), options)
      return bytesOutcome(host, values, { keyid: keyid!, field: 'signature', bytes, binary: true })
    },
  }),
  command({
    name: 'verify',
    args: ['KEYID'],
    summary: 'Verify a signature; exits 0 if it is valid, otherwise 1',
    options: {
      ...OPTIONS,
      signature: { type: 'string', value: 'FILE', summary: 'the signature' },
      base64: { type: 'boolean', summary: 'the signature is base64 text' },
    },
    async run(host, [keyid], values) {
      if (values.signature === undefined) throw new UsageError('--signature FILE is missing')
      if (values.signature === '-' && (values.in ?? '-') === '-')
        throw new UsageError('message and signature cannot both be standard input')
      const options = signatureOptions(values)
      const client = await connect(host, values)
      const file = await readInput(host, values.signature)
      const signature = values.base64 ? fromBase64('the signature', file) : file
      const valid = await client.verify(keyid!, await readInput(host, values.in), signature, options)
      return { json: { keyid, valid }, text: valid ? 'valid\n' : 'not valid\n', exitCode: valid ? 0 : 1 }
    },
  }),
]

function signatureOptions(values: SignatureValues): SignatureOptions {
  const { pss, pkcs1 } = PADDINGS
  return {
    ...(values.prehashed && { message_type: MESSAGE_TYPES.digest }),
    ...(values.digest !== undefined && { digest_mode: choice('digest', DIGESTS, values.digest) }),
    ...(values.padding !== undefined && { padding_mode: choice('padding', { pss, pkcs1 }, values.padding) }),
  }
}
