import type { Check } from '@vouchsafe/checks'
import type { TcbStatus } from '../collateral/tcb-status.ts'
import type { Tee } from '../quote/quote.ts'
import type { Shortfall } from './shortfall.ts'

/** What a verification found. Plain data: times in ISO 8601, bytes in hex. */
export interface QuoteReport {
  /** The verdict: every check passed, and the status is one of `acceptedStatuses`. */
  accepted: boolean
  /** The reasons for a refusal; empty if accepted. */
  reasons: string[]
  /**
   * The status of the platform with all its parts, in Intel's spelling; null if a check on which it depends failed. Expired collateral does
   * not affect it.
   */
  status: TcbStatus | null
  acceptedStatuses: TcbStatus[]
  /** The advisories of all parts together. */
  advisories: string[]
  /** The time as of which everything was verified. */
  at: string
  tee: Tee
  quoteVersion: 3 | 4 | 5
  measurements: SgxMeasurements | TdxMeasurements
  /** 6 bytes; empty where there is no PCK certificate. */
  fmspc: string
  /** What the collateral says about each part, whether or not it can be trusted. */
  parts: PartStatus[]
  /** For a platform that is not up to date: what it lacks to reach the newest level. */
  shortfalls: Shortfall[]
  collateral: CollateralAge[]
  checks: Check[]
}

export interface SgxMeasurements {
  mrEnclave: string
  mrSigner: string
  isvProdId: number
  isvSvn: number
  attributes: string
  reportData: string
}

export interface TdxMeasurements {
  mrTd: string
  rtmrs: string[]
  mrSeam: string
  mrSignerSeam: string
  mrConfigId: string
  mrOwner: string
  mrOwnerConfig: string
  tdAttributes: string
  xfam: string
  teeTcbSvn: string
  reportData: string
}

export interface PartStatus {
  part: 'platform' | 'quoting enclave' | 'TDX module'
  /** null where no level was reached. */
  status: TcbStatus | null
  advisories: string[]
  /** When the level was current. */
  tcbDate: string | null
}

export interface CollateralAge {
  name: string
  issued: string
  expires: string
  ageDays: number
  /** Negative once it has expired. */
  daysLeft: number
}
