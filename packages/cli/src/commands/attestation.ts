// Nonces, attestation and tokens.
import type { AttestRequest } from '@vouchsafe/client'
import { CommandError, UsageError, printable } from '@vouchsafe/command'
import { AUTHORITY_OPTIONS, connectAuthority, contentOf, prettyJson } from '../authority.ts'
import { command } from '../command.ts'
import type { Host } from '../command.ts'
import { writePrivateFile } from '../private-file.ts'

const OUT = { type: 'string', short: 'o', value: 'FILE', summary: 'write to a file instead of standard output' } as const

export const attestationCommands = [
  command({
    name: 'nonce get',
    args: [],
    summary: 'Get a nonce from the attestation authority, valid for 120 seconds and one use',
    options: {
      'attester-type': {
        type: 'string',
        value: 'TYPE',
        multiple: true,
        list: true,
        summary: 'the kinds of evidence to attest (default tpm_boot tpm_ima)',
      },
      out: OUT,
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const client = await connectAuthority(host, values)
      const nonce = await client.challenge(values['attester-type'] ?? ['tpm_boot', 'tpm_ima'])
      return output(values.out, nonce, JSON.stringify(nonce))
    },
  }),
  command({
    name: 'attest',
    args: [],
    summary: "Have evidence appraised: prints a token for each host, and exits 1 if any host's evidence is refused",
    options: {
      file: {
        type: 'string',
        short: 'f',
        value: 'FILE',
        summary: "the evidence: an agent's answer, or the body of an attest request (JSON)",
      },
      out: OUT,
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      if (values.file === undefined) throw new UsageError('--file is missing')
      const request = await readEvidence(host, values.file)
      const client = await connectAuthority(host, values)
      const { tokens, errors = [] } = await client.attest(request)
      for (const { index, node_id: node, message } of errors)
        host.stderr.write(`vouchsafe: measurement ${index} of ${printable(String(node))}: ${printable(message)}\n`)
      const outcome = await output(values.out, { tokens, errors }, tokens.map(({ token }) => printable(token)).join('\n'))
      return { ...outcome, exitCode: errors.length > 0 ? 1 : 0 }
    },
  }),
  command({
    name: 'token verify',
    args: [],
    summary: 'Have the attestation authority verify a token: prints its claims, and exits 1 if it is not valid',
    options: {
      file: { type: 'string', short: 'f', value: 'FILE', summary: 'the file of the token' },
      token: { type: 'string', short: 't', value: 'TOKEN', summary: 'the token itself' },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const { file, token } = values
      if ((file === undefined) === (token === undefined)) throw new UsageError('give --file or --token')
      const given = (await contentOf(host, file === undefined ? token! : `@${file}`)).trim()
      if (/\s/.test(given)) throw new CommandError('there is more than one token')
      const client = await connectAuthority(host, values)
      const json = await client.verifyToken(given)
      const verdict = json.verification_pass ? 'valid' : printable(json.message ?? 'not valid')
      // The claims of an invalid token mean nothing.
      return { json, text: json.verification_pass ? prettyJson(json.token_body) : `${verdict}\n`, exitCode: json.verification_pass ? 0 : 1 }
    },
  }),
]

async function readEvidence(host: Host, path: string): Promise<AttestRequest> {
  const text = await contentOf(host, `@${path}`)
  try {
    const request: unknown = JSON.parse(text)
    if (typeof request === 'object' && request !== null && !Array.isArray(request)) return request as AttestRequest
  } catch {
    // Said below.
  }
  throw new CommandError(`${path} is not a JSON object`)
}

/** Into a file where one is named. */
async function output(out: string | undefined, json: object, text: string) {
  if (out === undefined || out === '-') return { json, text: `${text}\n` }
  await writePrivateFile(out, `${text}\n`)
  return { json: { ...json, out }, text: '' }
}
