import { QuoteProviderError } from '../errors.ts'

export const REPORT_DATA_LENGTH = 64

export interface Evidence {
  /** `dcap` can be verified here; a `sev-snp` report is passed on unchanged. */
  format: 'dcap' | 'sev-snp'
  bytes: Buffer
}

/** Something that signs 64 bytes of the caller's choice together with the measurements of the environment that it runs in. */
export interface QuoteProvider {
  readonly name: 'gramine' | 'configfs-tsm' | 'simulated'
  /** Throws QuoteProviderError. */
  quote(reportData: Uint8Array): Promise<Evidence>
}

export function checkReportData(reportData: Uint8Array): void {
  if (reportData.length !== REPORT_DATA_LENGTH)
    throw new QuoteProviderError(`report data: ${reportData.length} bytes, exactly ${REPORT_DATA_LENGTH} are expected`)
}

/** For failures of the platform's interface: which file, and the system's code. */
export function providerError(provider: string, path: string, error: unknown): QuoteProviderError {
  const code = (error as NodeJS.ErrnoException).code ?? 'failed'
  return new QuoteProviderError(`${provider}: ${path}: ${code}`)
}
