/** Quotes inside a Gramine enclave: files under /dev/attestation (Gramine documentation, "Attestation and Secret Provisioning"). */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { QuoteProviderError } from '../errors.ts'
import { parseQuote } from '../quote/quote.ts'
import { checkReportData, providerError } from './provider.ts'
import type { QuoteProvider } from './provider.ts'

const DEFAULT_PATH = '/dev/attestation'

/**
 * Quotes are made one at a time: the whole enclave shares one file for report data.
 *
 * @example
 * gramineProvider().name // → 'gramine'
 */
export function gramineProvider({ path = DEFAULT_PATH }: { path?: string } = {}): QuoteProvider {
  let last: Promise<unknown> = Promise.resolve()
  return {
    name: 'gramine',
    quote(reportData) {
      checkReportData(reportData)
      const next = last.then(() => readQuote(path, reportData))
      last = next.catch(() => undefined)
      return next
    },
  }
}

async function readQuote(path: string, reportData: Uint8Array): Promise<{ format: 'dcap'; bytes: Buffer }> {
  const type = (await attempt(join(path, 'attestation_type'), (file) => readFile(file, 'latin1'))).trim()
  if (type !== 'dcap') throw new QuoteProviderError(`gramine: attestation type ${JSON.stringify(type.slice(0, 20))} is not dcap`)
  await attempt(join(path, 'user_report_data'), (file) => writeFile(file, reportData, { flag: 'r+' }))
  const bytes = await attempt(join(path, 'quote'), (file) => readFile(file))
  const { body } = parseQuote(bytes)
  if (!body.reportData.equals(reportData)) throw new QuoteProviderError('gramine: the quote has other report data')
  return { format: 'dcap', bytes }
}

async function attempt<T>(file: string, work: (file: string) => Promise<T>): Promise<T> {
  try {
    return await work(file)
  } catch (error) {
    throw providerError('gramine', file, error)
  }
}
