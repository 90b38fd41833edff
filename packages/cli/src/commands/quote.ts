// SGX and TDX quotes: showing and verifying them on this machine, without a server.
import { open } from 'node:fs/promises'
import { certificatesFromPem, X509Error } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import {
  CollateralError,
  fetchCollateral,
  isTcbStatus,
  measurementsOf,
  parseQuote,
  platformIdOf,
  QuoteError,
  readCollateral,
  readCollateralFiles,
  TCB_STATUSES,
  verifyQuote,
} from '@vouchsafe/dcap'
import type { Collateral, Quote, QuoteReport, TcbStatus } from '@vouchsafe/dcap'
import { CommandError, UsageError, columns, printable, timeText } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { command } from '../command.ts'
import type { Host } from '../command.ts'
import { utcTime } from '../expiry.ts'

/** A quote is up to 32 KiB; base64 makes it longer. */
const MAX_QUOTE_FILE = 64 * 1024
const MAX_ROOT_FILE = 1024 * 1024
/** Neither accepted (0) nor refused (1). */
const UNREADABLE = 2

export const quoteCommands = [
  command({
    name: 'quote show',
    args: ['FILE'],
    summary: 'Show what an SGX or TDX quote says; nothing is verified',
    options: {},
    run: (_host, [file]) => readable(async () => showOutcome(await readQuote(file!))),
  }),
  command({
    name: 'quote verify',
    args: ['FILE'],
    summary: 'Verify an SGX or TDX quote; exits 0 if it is accepted, 1 if refused, 2 if something cannot be read',
    options: {
      collateral: {
        type: 'string',
        value: 'PATH|URL',
        summary: "Intel's collateral: a file, a folder, or the address of a PCCS or of Intel's PCS",
      },
      at: { type: 'string', value: 'TIME', summary: 'verify as of this time, such as 2026-01-31 or 2026-01-31T12:00Z (default: now)' },
      root: { type: 'string', value: 'PEM', summary: "trust the certificates in this file instead of Intel's root" },
      accept: {
        type: 'string',
        value: 'STATUS',
        summary: 'a TCB status to accept, such as SWHardeningNeeded; repeatable (default: UpToDate only)',
        multiple: true,
      },
      'allow-debug': { type: 'boolean', summary: 'accept enclaves and TDs in debug mode, which the host can read' },
    },
    run: (host, [file], values) =>
      readable(async () => {
        const { collateral: source } = values
        if (source === undefined) throw new UsageError('--collateral PATH|URL is missing')
        const at = timeOf(values.at, host)
        const accept = statusesOf(values.accept ?? [])
        const roots = values.root === undefined ? undefined : await readRoots(values.root)
        const quote = await readQuote(file!)
        const collateral = await readSource(source, quote)
        const allowDebug = values['allow-debug'] ?? false
        return reportOutcome(
          verifyQuote(quote, { collateral, at, allowDebug, ...(roots && { roots }), ...(accept && { accept }) }),
          collateral,
        )
      }),
  }),
]

function timeOf(text: string | undefined, host: Host): Date {
  if (text === undefined) return new Date(host.now())
  const ms = utcTime(text)
  if (ms === undefined) throw new UsageError('--at must be a date such as 2026-01-31 or 2026-01-31T12:00Z')
  return new Date(ms)
}

function statusesOf(texts: readonly string[]): TcbStatus[] | undefined {
  const unknown = texts.find((text) => !isTcbStatus(text))
  if (unknown !== undefined) throw new UsageError(`unknown TCB status '${unknown}'; there are: ${TCB_STATUSES.join(', ')}`)
  return texts.length === 0 ? undefined : texts.filter(isTcbStatus)
}

async function readRoots(path: string): Promise<Certificate[]> {
  return certificatesFromPem((await readFile(path, MAX_ROOT_FILE)).toString('latin1'))
}

/** From the bytes themselves, or from base64 as the API returns it. */
async function readQuote(path: string): Promise<Quote> {
  const bytes = await readFile(path, MAX_QUOTE_FILE)
  const text = bytes.toString('latin1').replace(/\s+/g, '')
  return parseQuote(/^[A-Za-z0-9+/]{8,}={0,2}$/.test(text) ? Buffer.from(text, 'base64') : bytes)
}

async function readSource(source: string, quote: Quote): Promise<Collateral> {
  const parts = /^https?:\/\//i.test(source)
    ? await fetchCollateral({ baseUrl: source, platform: platformIdOf(quote) })
    : await readCollateralFiles(source)
  const collateral = readCollateral(parts)
  const { certificates, crls, tcbInfos, identities, broken } = collateral
  if (certificates.length + crls.length + tcbInfos.length + identities.length > 0) return collateral
  throw new CommandError(`${source} holds no collateral${broken[0] ? `: ${broken[0].reason}` : ''}`, UNREADABLE)
}

async function readFile(path: string, limit: number): Promise<Buffer> {
  await using file = await open(path)
  const stats = await file.stat()
  if (stats.isDirectory()) throw new CommandError(`${path} is a folder, not a file`, UNREADABLE)
  if (stats.size > limit) throw new CommandError(`${path} is too long: at most ${limit} bytes are read`, UNREADABLE)
  return await file.readFile()
}

async function readable(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (error instanceof QuoteError || error instanceof CollateralError || error instanceof X509Error)
      throw new CommandError(error.message, UNREADABLE)
    if (code !== undefined && path !== undefined) throw new CommandError(`cannot read ${path}: ${code}`, UNREADABLE)
    throw error
  }
}

function showOutcome(quote: Quote): Outcome {
  const measurements = measurementsOf(quote)
  const platform = quote.certification.pem === undefined ? undefined : platformIdOf(quote)
  const json = {
    version: quote.version,
    tee: quote.tee,
    qeVendorId: quote.qeVendorId.toString('hex'),
    userData: quote.userData.toString('hex'),
    ...measurements,
    qe: { mrSigner: quote.qeReport.mrSigner.toString('hex'), isvProdId: quote.qeReport.isvProdId, isvSvn: quote.qeReport.isvSvn },
    certificationDataType: quote.certification.type,
    ...(platform && { fmspc: platform.fmspc, ca: platform.ca }),
  }
  const rows = Object.entries(json).map(([name, value]) => [name, printable(textOf(value))])
  return { json, text: `${columns(rows)}none of this is verified\n` }
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(' ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function reportOutcome(report: QuoteReport, { ignored }: Collateral): Outcome {
  const { accepted, status, reasons, advisories, parts, shortfalls, collateral, at } = report
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${printable(line)}\n`).join('')}`
  const text = [
    `${accepted ? 'accepted' : 'REFUSED'} at ${timeText(Date.parse(at))}: TCB status ${status ?? 'unknown'}\n`,
    list('reasons:', reasons),
    list('advisories:', advisories),
    list(
      'parts:',
      parts.map(
        (part) =>
          `${part.part}: ${part.status ?? 'no level reached'}${part.tcbDate === null ? '' : `, as of ${part.tcbDate.slice(0, 10)}`}`,
      ),
    ),
    list(
      'short of the newest level:',
      shortfalls.map(
        ({ component, description, found, needed, short }) =>
          `${component}${description === undefined ? '' : ` (${description})`}: ${found}, ${needed} needed: ${short} short`,
      ),
    ),
    list(
      'measurements:',
      Object.entries(report.measurements).map(([name, value]) => `${name} ${textOf(value)}`),
    ),
    list(
      'collateral:',
      collateral.map(
        ({ name, ageDays, daysLeft }) =>
          `${name}: ${ageDays} days old, ${daysLeft < 0 ? `expired ${-daysLeft} days ago` : `${daysLeft} days left`}`,
      ),
    ),
    list(
      'not collateral, ignored:',
      ignored.map(({ name }) => name),
    ),
  ].join('')
  return { json: report, text, exitCode: accepted ? 0 : 1 }
}
