// Quotes verified, without a TPM: those of `tpm quote`, and those of tpm2_quote.
import { X509Certificate, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { digestSizes, formatPcrSelections, parsePublicArea, parseSized, publicAreaKey, verifyQuote } from '@vouchsafe/tpm'
import type { HashAlgorithm, PcrBank, QuoteVerdict } from '@vouchsafe/tpm'
import { CommandError, UsageError, printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { checkTable } from '../check-table.ts'
import { command } from '../command.ts'
import { readInput } from '../files.ts'
import { hashes, hexBytes } from '../tpm.ts'

const INPUT_LIMIT = 'files of a quote are shorter'

export const tpmVerifyCommands = [
  command({
    name: 'tpm verify-quote',
    args: ['[FOLDER]'],
    summary: 'Verify a quote that tpm quote --out wrote to a folder, or one in single files; exits 1 if it is not valid',
    options: {
      quote: { type: 'string', value: 'FILE', summary: 'TPMS_ATTEST (default: quote.bin in the folder)' },
      signature: { type: 'string', value: 'FILE', summary: 'TPMT_SIGNATURE (default: signature.bin in the folder)' },
      key: {
        type: 'string',
        value: 'FILE',
        summary: 'the attestation key that you trust: public key, certificate or TPM2B_PUBLIC (default: ak.pem in the folder)',
      },
      pcrs: {
        type: 'string',
        value: 'FILE',
        summary: 'the PCR values: JSON, or as tpm2_pcrread prints them (default: pcrs.json in the folder)',
      },
      nonce: { type: 'string', value: 'HEX', summary: 'what the quote must have been made for' },
      'any-nonce': { type: 'boolean', summary: 'accept a quote of any age' },
    },
    async run(host, [folder], values) {
      if ((values.nonce === undefined) === !values['any-nonce'])
        throw new UsageError('--nonce HEX says what the quote must have been made for; --any-nonce accepts a quote of any age')
      const qualifyingData = values.nonce === undefined ? 'any' : hexBytes('nonce', values.nonce)
      const read = (option: 'quote' | 'signature' | 'key' | 'pcrs', name: string) => {
        const path = values[option] ?? (folder === undefined ? undefined : join(folder, name))
        if (path === undefined) throw new UsageError(`--${option} FILE is missing`)
        return readInput(host, path, INPUT_LIMIT)
      }
      const evidence = {
        quote: new Uint8Array(await read('quote', 'quote.bin')),
        signature: new Uint8Array(await read('signature', 'signature.bin')),
        publicKey: publicKeyOf(await read('key', 'ak.pem')),
        pcrs: pcrBanksOf((await read('pcrs', 'pcrs.json')).toString()),
        qualifyingData,
      } as const
      return verdictOutcome(verifyQuote(evidence, { hashes }))
    },
  }),
]

/** From PEM or DER of a public key or certificate, or from a TPM's public area. */
function publicKeyOf(bytes: Buffer): KeyObject {
  const readers: (() => KeyObject)[] = [
    () => new X509Certificate(bytes).publicKey,
    () => createPublicKey(bytes),
    () => createPublicKey({ key: bytes, format: 'der', type: 'spki' }),
    () => publicAreaKey(parsePublicArea(parseSized(new Uint8Array(bytes)))),
    () => publicAreaKey(parsePublicArea(new Uint8Array(bytes))),
  ]
  for (const read of readers) {
    try {
      return read()
    } catch {
      // Another of the forms.
    }
  }
  throw new CommandError('the key is neither a public key, a certificate (PEM or DER) nor a public area of a TPM')
}

/** `{"pcrs": {bank: {index: hex}}}`, with or without the outer object, or the lines of tpm2_pcrread. */
function pcrBanksOf(text: string): PcrBank[] {
  const values = text.trimStart().startsWith('{') ? jsonValues(text) : lineValues(text)
  return [...Map.groupBy(values, ([bank]) => bank)].map(([algorithm, list]) => ({
    algorithm: bankOf(algorithm),
    values: new Map(list.map(([, index, value]) => [pcrIndex(index), pcrValue(value)])),
  }))
}

type Value = [bank: string, index: string, value: string]

function jsonValues(text: string): Value[] {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw new CommandError(`the PCR values are not JSON: ${(error as Error).message}`)
  }
  const banks = (document as { pcrs?: unknown }).pcrs ?? document
  if (typeof banks !== 'object' || banks === null) throw new CommandError('the PCR values are not {"pcrs": {BANK: {INDEX: HEX}}}')
  return Object.entries(banks).flatMap(([bank, values]) =>
    Object.entries((values ?? {}) as object).map(([index, value]): Value => [bank, index, String(value)]),
  )
}

function lineValues(text: string): Value[] {
  let bank = ''
  return text.split('\n').flatMap((line): Value[] => {
    const [, name = '', value] = /^\s*(\w+)\s*:\s*(?:0x([0-9a-fA-F]+))?\s*$/.exec(line) ?? []
    if (value !== undefined) return [[bank, name, value]]
    if (name !== '') bank = name
    if (name === '' && line.trim() !== '') throw new CommandError(`the PCR values have an unreadable line: ${printable(line)}`)
    return []
  })
}

function bankOf(name: string): HashAlgorithm {
  if (!Object.hasOwn(digestSizes, name)) throw new CommandError(`the PCR values name an unknown bank '${printable(name)}'`)
  return name as HashAlgorithm
}

function pcrIndex(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new CommandError(`'${printable(text)}' is not a PCR index`)
  return Number(text)
}

function pcrValue(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})+$/i.test(text)) throw new CommandError(`'${printable(text.slice(0, 80))}' is not a PCR value in hex`)
  return new Uint8Array(Buffer.from(text, 'hex'))
}

function verdictOutcome({ valid, checks, attest }: QuoteVerdict): Outcome {
  const json = {
    valid,
    checks,
    ...(attest && {
      attest: {
        qualifyingData: attest.extraData.toHex(),
        pcrs: formatPcrSelections(attest.pcrSelections),
        pcrDigest: attest.pcrDigest.toHex(),
        qualifiedSigner: attest.qualifiedSigner.toHex(),
        firmwareVersion: attest.firmwareVersion.toString(16).padStart(16, '0'),
        clock: { ...attest.clockInfo, clock: attest.clockInfo.clock.toString() },
      },
    }),
  }
  return { json, text: `${checkTable(checks)}${valid ? 'the quote is valid' : 'the quote is NOT valid'}\n`, exitCode: valid ? 0 : 1 }
}
