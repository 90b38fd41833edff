/** Quotes of a TDX guest and reports of an SEV-SNP guest (Linux, Documentation/ABI/testing/configfs-tsm). */
import { randomUUID } from 'node:crypto'
import { constants, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { QuoteProviderError } from '../errors.ts'
import { parseQuote } from '../quote/quote.ts'
import { checkReportData, providerError } from './provider.ts'
import type { Evidence, QuoteProvider } from './provider.ts'

const DEFAULT_PATH = '/sys/kernel/config/tsm/report'
/** Where the report data stands in an SNP report (AMD SEV-SNP ABI, ATTESTATION_REPORT). */
const SNP_REPORT_DATA = { start: 0x50, end: 0x90 }

/** What the provider does to files: the kernel's interface is directories that fill themselves, which no plain folder imitates. */
export interface TsmFiles {
  mkdir(path: string): Promise<unknown>
  rmdir(path: string): Promise<unknown>
  write(path: string, bytes: Uint8Array): Promise<unknown>
  read(path: string): Promise<Buffer>
}

export const kernelFiles: TsmFiles = {
  mkdir: (path) => mkdir(path),
  rmdir: (path) => rmdir(path),
  // The kernel lets no one, not even root, open `inblob` for reading.
  write: (path, bytes) => writeFile(path, bytes, { flag: constants.O_WRONLY }),
  read: (path) => readFile(path),
}

/**
 * Each quote has a directory of its own, so that several may be made at once.
 *
 * @example
 * configfsTsmProvider().name // → 'configfs-tsm'
 */
export function configfsTsmProvider({ path = DEFAULT_PATH, files = kernelFiles }: { path?: string; files?: TsmFiles } = {}): QuoteProvider {
  return {
    name: 'configfs-tsm',
    async quote(reportData) {
      checkReportData(reportData)
      const folder = join(path, `vouchsafe-${randomUUID()}`)
      await attempt(folder, () => files.mkdir(folder))
      try {
        return await readReport(files, folder, reportData)
      } finally {
        await files.rmdir(folder).catch(() => undefined)
      }
    },
  }
}

async function readReport(files: TsmFiles, folder: string, reportData: Uint8Array): Promise<Evidence> {
  const read = (name: string) => attempt(join(folder, name), (file) => files.read(file))
  await attempt(join(folder, 'inblob'), (file) => files.write(file, reportData))
  const bytes = await read('outblob')
  const provider = (await read('provider')).toString('latin1').trim()
  // One more than this would mean that someone else wrote into our directory before the kernel answered.
  const generation = Number((await read('generation')).toString('latin1'))
  if (generation !== 1) throw new QuoteProviderError('configfs-tsm: the report was disturbed by another program')
  const isSnp = provider === 'sev_guest'
  if (!isSnp && provider !== 'tdx_guest')
    throw new QuoteProviderError(`configfs-tsm: provider ${JSON.stringify(provider.slice(0, 20))} is not known`)
  const bound = isSnp ? bytes.subarray(SNP_REPORT_DATA.start, SNP_REPORT_DATA.end) : parseQuote(bytes).body.reportData
  if (!bound.equals(reportData)) throw new QuoteProviderError('configfs-tsm: the report has other report data')
  return { format: isSnp ? 'sev-snp' : 'dcap', bytes }
}

async function attempt<T>(file: string, work: (file: string) => Promise<T>): Promise<T> {
  try {
    return await work(file)
  } catch (error) {
    throw providerError('configfs-tsm', file, error)
  }
}
