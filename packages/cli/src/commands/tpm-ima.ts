// IMA logs: which files a running kernel measured, and how many of them a value of PCR 10 covers.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TpmError, digestSizes, readImaSigningKeys, verifyFileSignature, verifyImaLog } from '@vouchsafe/tpm'
import type { FileSignatureVerdict, HashAlgorithm, ImaEntry, ImaSigningKey, ImaVerdict } from '@vouchsafe/tpm'
import { CommandError, UsageError, columns, printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { checkTable } from '../check-table.ts'
import { command } from '../command.ts'
import type { Host } from '../command.ts'
import { readLogFile } from '../log-file.ts'
import { hashes } from '../tpm.ts'

const MAX_LOG_BYTES = 512 * 1024 * 1024
const MAX_KEY_BYTES = 1024 * 1024
/** Higher than the library's default: this is the user's own machine. */
const MAX_ENTRIES = 1_000_000

export const tpmImaCommands = [
  command({
    name: 'tpm ima',
    args: ['FILE'],
    summary:
      'Read an IMA log (- for standard input): its entries, the PCR 10 value that they lead to, and how many of them a quoted value covers',
    options: {
      bank: { type: 'string', value: 'BANK', summary: 'the PCR bank: sha1, sha256, sha384, sha512 or sm3 (default: sha256)' },
      expect: { type: 'string', value: 'HEX', summary: 'the quoted PCR 10; exits 1 if no prefix of the log leads to it' },
      keys: {
        type: 'string',
        value: 'PATH',
        multiple: true,
        summary: 'verify file signatures with the keys and certificates in this file or folder; exits 1 if one is wrong',
      },
    },
    async run(host, [path = ''], values) {
      const algorithm = bankOf(values.bank ?? 'sha256')
      const expected = values.expect === undefined ? undefined : pcrValue(values.expect, algorithm)
      const keys = values.keys === undefined ? undefined : await readKeys(host, values.keys)
      const bytes = await readLogFile(host, path, MAX_LOG_BYTES)
      return imaOutcome(
        readingLog(path, () => verifyImaLog(bytes, { algorithm, expected, hashes, limits: { entries: MAX_ENTRIES } })),
        keys,
      )
    },
  }),
]

function bankOf(name: string): HashAlgorithm {
  if (!Object.hasOwn(digestSizes, name)) throw new UsageError(`--bank is one of ${Object.keys(digestSizes).join(', ')}`)
  return name as HashAlgorithm
}

function pcrValue(text: string, algorithm: HashAlgorithm): Uint8Array {
  const size = digestSizes[algorithm]
  if (!/^[0-9a-f]+$/i.test(text) || text.length !== 2 * size)
    throw new UsageError(`--expect is ${2 * size} hex digits in the bank ${algorithm}`)
  return Buffer.from(text, 'hex')
}

async function readKeys(host: Host, paths: readonly string[]): Promise<ImaSigningKey[]> {
  const keys: ImaSigningKey[] = []
  for (const path of paths) {
    const isFolder = path !== '-' && (await stat(path)).isDirectory()
    const files = isFolder ? (await readdir(path)).filter((name) => /\.(pem|crt|cer|der|pub)$/i.test(name)).sort() : []
    for (const file of isFolder ? files.map((name) => join(path, name)) : [path]) {
      const bytes = await readLogFile(host, file, MAX_KEY_BYTES)
      keys.push(...readingLog(file, () => readImaSigningKeys(bytes)))
    }
  }
  if (keys.length === 0) throw new CommandError(`no keys in ${paths.join(', ')}`)
  return keys
}

function readingLog<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TpmError)) throw error
    throw new CommandError(`${path}: ${error.message}${error.offset === undefined ? '' : ` (at byte ${error.offset})`}`)
  }
}

function imaOutcome({ log, replay, checks }: ImaVerdict, keys: readonly ImaSigningKey[] | undefined): Outcome {
  const isExpected = checks.some(({ name }) => name === 'pcr-10')
  const rows = log.entries.map((entry) => ({
    entry,
    covered: replay.covers(entry),
    signature: keys === undefined ? undefined : verifyFileSignature(entry, keys),
  }))
  const pcr10 = replay.value.toHex()
  const authenticated = isExpected ? (replay.authenticated ?? 0) : null
  const json = {
    entries: rows.map(({ entry, covered, signature }) => entryJson(entry, isExpected ? covered : undefined, signature)),
    authenticated,
    pcr10,
    bank: replay.algorithm,
    form: replay.form,
    checks,
  }
  const table = rows.map(({ entry, covered, signature }) => [
    String(entry.number),
    String(entry.pcr),
    entry.violation ? 'violation' : !isExpected ? '' : covered ? 'measured' : 'not covered',
    ...(keys === undefined ? [] : [signatureText(signature)]),
    entry.templateName,
    fileDigest(entry) ?? '',
    printable(entry.path ?? ''),
  ])
  const head = ['#', 'PCR', '', ...(keys === undefined ? [] : ['SIGNATURE']), 'TEMPLATE', 'DIGEST', 'PATH']
  const value = `${replay.algorithm} PCR 10 after all ${log.entries.length} entries: ${pcr10}\n`
  const failed = (isExpected && replay.authenticated === undefined) || rows.some(({ signature }) => signature?.status === 'invalid')
  return { json, text: `${columns([head, ...table])}\n${value}${checkTable(checks)}`, exitCode: failed ? 1 : 0 }
}

function entryJson(entry: ImaEntry, authenticated: boolean | undefined, signature: FileSignatureVerdict | undefined) {
  const { number, pcr, templateName, path, violation, templateDigestMatches } = entry
  const digest = fileDigest(entry)
  const sig = entry.signature
  return {
    number,
    pcr,
    templateDigest: entry.templateDigest.toHex(),
    ...(templateDigestMatches !== undefined && { templateDigestMatches }),
    templateName,
    ...(digest !== undefined && { fileDigest: digest }),
    ...(path !== undefined && { path }),
    ...(sig !== undefined && { signature: sig.toHex() }),
    ...(violation && { violation }),
    ...(authenticated !== undefined && { authenticated }),
    ...(signature !== undefined && { fileSignature: signature }),
  }
}

function fileDigest({ fileDigest: digest }: ImaEntry): string | undefined {
  if (digest === undefined) return undefined
  return printable(`${digest.type === undefined ? '' : `${digest.type}:`}${digest.algorithm}:`) + digest.digest.toHex()
}

function signatureText(verdict: FileSignatureVerdict | undefined): string {
  if (verdict === undefined || verdict.status === 'none') return ''
  return `${verdict.status}${verdict.signer === undefined ? '' : ` ${verdict.signer.slice(-8)}`}`
}
