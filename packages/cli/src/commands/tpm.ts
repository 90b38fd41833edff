// What a TPM says of itself and of the machine: information, PCRs, quotes. Verification and logs need no TPM and are beside.
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { activePcrBanks, createAk, createEk, loadAk, publicAreaKey, quotePcrs, readEkCertificate, readTpmInfo, tpm2 } from '@vouchsafe/tpm'
import type { AkOptions, KnownPcrSelection, LoadedObject, QuotedPcrs, Tpm } from '@vouchsafe/tpm'
import { UsageError, columns, printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { command } from '../command.ts'
import { TPM_OPTION, hashes, hexBytes, pcrSelections, pcrsJson, pcrsText, withTpm } from '../tpm.ts'
import { tpmEventLogCommands } from './tpm-eventlog.ts'
import { tpmImaCommands } from './tpm-ima.ts'
import { tpmVerifyCommands } from './tpm-verify.ts'

const SCHEMES = ['ecdsa', 'rsassa', 'rsapss', 'sm2'] as const
const NONCE_BYTES = 32
const MAX_NONCE_BYTES = 64

export const tpmCommands = [
  command({
    name: 'tpm info',
    args: [],
    summary: 'Describe the TPM: manufacturer, firmware, PCR banks, algorithms, keys, NV indices, EK certificates',
    options: TPM_OPTION,
    run: (host, _args, values) => withTpm(host, values, infoOutcome),
  }),
  command({
    name: 'tpm pcrs',
    args: [],
    summary: 'Print the values of the PCRs',
    options: {
      ...TPM_OPTION,
      pcrs: { type: 'string', value: 'LIST', summary: 'which, such as sha256:0-7,14+sha1:all (default: all of all active banks)' },
    },
    async run(host, _args, values) {
      const wanted = values.pcrs === undefined ? undefined : pcrSelections('pcrs', values.pcrs)
      const banks = await withTpm(host, values, async (tpm) => await tpm2.pcrRead(tpm, wanted ?? (await activePcrBanks(tpm))))
      return { json: { pcrs: pcrsJson(banks) }, text: pcrsText(banks) }
    },
  }),
  command({
    name: 'tpm quote',
    args: [],
    summary: 'Have the TPM sign its PCRs: prints the quote, its signature, the key and the PCR values',
    options: {
      ...TPM_OPTION,
      pcrs: { type: 'string', value: 'LIST', summary: 'which, such as sha256:0-7,14 (default: sha256:all)' },
      nonce: { type: 'string', value: 'HEX', summary: "the verifier's nonce, at most 64 bytes (default: 32 random bytes)" },
      'ak-handle': { type: 'string', value: 'HANDLE', summary: 'a persistent attestation key such as 0x81010002 (default: a new one)' },
      scheme: {
        type: 'string',
        value: 'SCHEME',
        summary: `of a new key, or of one without its own: ${SCHEMES.join(', ')} (default ecdsa)`,
      },
      out: { type: 'string', value: 'FOLDER', summary: 'folder for quote.bin, signature.bin, ak.pem and pcrs.json' },
    },
    async run(host, _args, values) {
      const pcrs = pcrSelections('pcrs', values.pcrs ?? 'sha256:all')
      const scheme = schemeOf(values.scheme)
      const handle = values['ak-handle'] === undefined ? undefined : persistentHandle(values['ak-handle'])
      const nonce = values.nonce === undefined ? new Uint8Array(randomBytes(NONCE_BYTES)) : hexBytes('nonce', values.nonce)
      if (nonce.length > MAX_NONCE_BYTES) throw new UsageError(`--nonce is at most ${MAX_NONCE_BYTES} bytes`)
      const { quoted, key } = await withTpm(host, values, (tpm) => makeQuote(tpm, { handle, scheme, nonce, pcrs }))
      return quoteOutcome(quoted, key, nonce, values.out)
    },
  }),
  ...tpmVerifyCommands,
  ...tpmEventLogCommands,
  ...tpmImaCommands,
]

async function infoOutcome(tpm: Tpm): Promise<Outcome> {
  const info = await readTpmInfo(tpm)
  const [rsa, ecc] = [await readEkCertificate(tpm, 'rsa'), await readEkCertificate(tpm, 'ecc')]
  const json = {
    ...info,
    persistentHandles: info.persistentHandles.map(handleText),
    nvIndices: info.nvIndices.map(handleText),
    ekCertificates: { ...(rsa && { rsa: rsa.toHex() }), ...(ecc && { ecc: ecc.toHex() }) },
  }
  const list = (items: readonly string[]) => items.join(', ') || 'none'
  const rows = [
    ['manufacturer', `${info.manufacturer} ${info.vendor}`],
    ['firmware', info.firmware],
    ['specification', `TPM ${info.family} revision ${info.revision} (${info.specificationDate})`],
    ['PCR banks', list(info.pcrBanks.map(({ algorithm, indices }) => `${algorithm} (${indices.length} PCRs)`))],
    ['algorithms', list(info.algorithms)],
    ['curves', list(info.curves)],
    ['persistent keys', list(json.persistentHandles)],
    ['NV indices', list(json.nvIndices)],
    ['EK certificates', list(Object.keys(json.ekCertificates))],
    ['lockout', `${info.lockout.failures} of ${info.lockout.limit} wrong authorizations`],
  ]
  return { json, text: columns(rows.map(([name = '', value = '']) => [name, printable(value)])) }
}

interface QuoteWish {
  handle: number | undefined
  scheme: AkOptions['scheme'] | undefined
  nonce: Uint8Array
  pcrs: readonly KnownPcrSelection[]
}

async function makeQuote(tpm: Tpm, { handle, scheme, nonce, pcrs }: QuoteWish): Promise<{ quoted: QuotedPcrs; key: LoadedObject }> {
  const key = handle === undefined ? await newAk(tpm, scheme ?? 'ecdsa') : await tpm2.readPublic(tpm, handle)
  const own = handle === undefined || scheme === undefined ? undefined : { scheme, hash: 'sha256' as const }
  const quoted = await quotePcrs(tpm, { key, qualifyingData: nonce, pcrs, hashes, ...(own !== undefined && { scheme: own }) })
  return { quoted, key }
}

async function newAk(tpm: Tpm, scheme: AkOptions['scheme']): Promise<LoadedObject> {
  const ek = await createEk(tpm, 'ecc')
  return await loadAk(tpm, ek, await createAk(tpm, ek, { scheme }))
}

async function quoteOutcome({ quote, signature, pcrs }: QuotedPcrs, key: LoadedObject, nonce: Uint8Array, out?: string): Promise<Outcome> {
  const publicKey = publicAreaKey(key.publicArea).export({ type: 'spki', format: 'pem' }).toString()
  const json = { quote: quote.toHex(), signature: signature.toHex(), publicKey, pcrs: pcrsJson(pcrs), nonce: nonce.toHex() }
  if (out === undefined) {
    const rows = [
      ['quote', json.quote],
      ['signature', json.signature],
      ['nonce', json.nonce],
    ]
    return { json, text: `${columns(rows)}${pcrsText(pcrs)}${publicKey}` }
  }
  await mkdir(out, { recursive: true })
  const files: Record<string, string | Uint8Array> = {
    'quote.bin': quote,
    'signature.bin': signature,
    'ak.pem': publicKey,
    'pcrs.json': `${JSON.stringify({ pcrs: json.pcrs }, null, 2)}\n`,
  }
  for (const [name, data] of Object.entries(files)) await writeFile(join(out, name), data)
  return { json: { ...json, out }, text: `nonce ${json.nonce}\n` }
}

function schemeOf(text: string | undefined): AkOptions['scheme'] | undefined {
  const scheme = SCHEMES.find((each) => each === text)
  if (text !== undefined && scheme === undefined) throw new UsageError(`--scheme is one of ${SCHEMES.join(', ')}`)
  return scheme
}

function persistentHandle(text: string): number {
  const handle = /^0x81[0-9a-f]{6}$/i.test(text) ? Number(text) : NaN
  if (Number.isNaN(handle)) throw new UsageError('--ak-handle is a persistent handle such as 0x81010002')
  return handle
}

const handleText = (handle: number): string => `0x${handle.toString(16).padStart(8, '0')}`
