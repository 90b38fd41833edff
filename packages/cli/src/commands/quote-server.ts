// Quotes of a server: asking for one, and what it takes to verify simulated ones.
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quoteReportData } from '@vouchsafe/client'
import { parseQuote, QuoteError } from '@vouchsafe/dcap'
import { CommandError } from '@vouchsafe/command'
import { API_OPTIONS, OPERATOR_OPTIONS, command } from '../command.ts'
import { connect } from '../connection.ts'
import { fromBase64 } from '../files.ts'
import { operate } from '../operator.ts'

export const quoteServerCommands = [
  command({
    name: 'quote generate',
    args: [],
    summary: 'Ask a server for a quote of itself, and check that it answers the challenge',
    options: {
      challenge: { type: 'string', value: 'BASE64', summary: 'the challenge (default: 32 random bytes)' },
      'tls-key-hash': { type: 'string', value: 'HEX', summary: "SHA-256 of the server's TLS key, which the quote must be bound to" },
      out: { type: 'string', value: 'FILE', summary: 'write the quote to this file (default: base64 to standard output)' },
      ...API_OPTIONS,
    },
    async run(host, _args, values) {
      const challenge = values.challenge === undefined ? randomBytes(32) : fromBase64('--challenge', Buffer.from(values.challenge))
      const keyHash = values['tls-key-hash']
      if (keyHash !== undefined && !/^[0-9a-fA-F]{64}$/.test(keyHash)) throw new CommandError('--tls-key-hash is not 64 hex digits', 2)
      const { quote } = await (await connect(host, values)).generateQuote(challenge)
      checkBinding(quote, challenge, keyHash === undefined ? undefined : Buffer.from(keyHash, 'hex'))
      const base64 = quote.toBase64()
      const json = { challenge: challenge.toBase64(), quote: base64 }
      if (values.out === undefined) return { json, text: `${base64}\n` }
      await writeFile(values.out, quote)
      return { json, text: `the quote is in ${values.out}; it answers the challenge ${json.challenge}\n` }
    },
  }),
  command({
    name: 'quote simulated',
    args: ['FOLDER'],
    summary: 'Write root.pem and collateral.json, which verify the simulated quotes of the server on this machine (operators)',
    options: OPERATOR_OPTIONS,
    async run(host, [folder], values) {
      const { root, collateral } = await operate(host, values, 'GET', '/v1/quotes/simulated')
      await mkdir(folder!, { recursive: true })
      await writeFile(join(folder!, 'root.pem'), String(root))
      await writeFile(join(folder!, 'collateral.json'), String(collateral))
      return { json: { folder }, text: `root.pem and collateral.json are in ${folder}; they vouch for no hardware\n` }
    },
  }),
]

/** The quote must be a DCAP quote with our report data; without a key hash, whatever key the server is bound to passes. */
function checkBinding(bytes: Uint8Array, challenge: Uint8Array, tlsKeyHash: Buffer | undefined): void {
  try {
    const { reportData } = parseQuote(bytes).body
    const expected = Buffer.from(quoteReportData(challenge, tlsKeyHash ?? reportData.subarray(32)))
    if (!reportData.equals(expected)) throw new CommandError('the quote answers another challenge, or is bound to another TLS key')
  } catch (error) {
    if (error instanceof QuoteError) throw new CommandError(`the server sent no quote that can be read here: ${error.message}`)
    throw error
  }
}
