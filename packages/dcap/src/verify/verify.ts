/** Verification of quotes (Intel SGX and TDX DCAP, quote verification; the numbered steps of Intel's library, 4.1.2.4). */
import { hash } from 'node:crypto'
import { Checks } from '@vouchsafe/checks'
import type { Check } from '@vouchsafe/checks'
import type { Certificate } from '@vouchsafe/x509'
import type { Collateral } from '../collateral/collateral.ts'
import { combineStatus } from '../collateral/tcb-status.ts'
import type { TcbStatus } from '../collateral/tcb-status.ts'
import { INTEL_SGX_ROOT } from '../intel-root.ts'
import { measurementsOf } from '../quote/measurements.ts'
import { isDebugEnclave } from '../quote/sgx-report.ts'
import { isDebugTd } from '../quote/td-report.ts'
import type { Quote } from '../quote/quote.ts'
import { INTEL_QE_VENDOR_ID } from '../quote/vendor.ts'
import { isDateCheck } from './chains.ts'
import { collateralAge } from './collateral-age.ts'
import { p256Key, verifyP256 } from './p256.ts'
import { appraisePlatform } from './platform.ts'
import type { Platform, PlatformCache } from './platform.ts'
import { checkQeIdentity } from './quoting-enclave.ts'
import type { PartStatus, QuoteReport } from './report.ts'
import { isvShortfalls, platformShortfalls } from './shortfall.ts'
import type { Shortfall } from './shortfall.ts'
import { selectIsvLevel, selectTcbLevel } from './tcb-level.ts'
import { checkTdxModule, relaunchStatus } from './tdx-module.ts'

export interface VerifyOptions {
  collateral: Collateral
  /** The time at which everything must be valid. */
  at: Date
  /** The roots that certificate chains must end at; Intel's by default. */
  roots?: readonly Certificate[]
  /** Statuses that the caller accepts; only UpToDate by default. */
  accept?: readonly TcbStatus[]
  /** Whether enclaves and TDs in debug mode, into which the host can look, are accepted. */
  allowDebug?: boolean
  /** Avoids repeating the verification of chains and collateral. */
  cache?: PlatformCache
}

export const DEFAULT_ACCEPTED: readonly TcbStatus[] = ['UpToDate']

/** Checks of the caller's policy; they do not affect the status. */
const POLICY_CHECKS: ReadonlySet<string> = new Set(['tcb-status', 'debug-mode'])

/**
 * Verifies a parsed quote. Never throws because of what quotes and collateral contain: every refusal is a failed check.
 *
 * @example
 * const report = verifyQuote(parseQuote(bytes), { collateral, at, roots: [enclave.root] })
 * const found = [report.accepted, report.status] // → [true, 'UpToDate']
 * verifyQuote(parseQuote(bytes), { collateral, at }).accepted // → false
 */
export function verifyQuote(quote: Quote, options: VerifyOptions): QuoteReport {
  const { collateral, at, roots = [INTEL_SGX_ROOT], accept = DEFAULT_ACCEPTED, allowDebug = false, cache } = options
  const platform = appraisePlatform({ quote, collateral, roots, at, ...(cache && { cache }) })
  const checks = new Checks()
  checkSignatures(checks, quote, platform)
  const tcb = appraiseTcb(checks, quote, platform)
  const debug = quote.body.kind === 'sgx' ? isDebugEnclave(quote.body) : isDebugTd(quote.body)
  checks.add('debug-mode', allowDebug || !debug, { expected: allowDebug ? 'any' : 'off', found: debug ? 'on' : 'off' })
  checks.add('tcb-status', tcb.status !== null && accept.includes(tcb.status), {
    expected: `one of ${accept.join(', ')}`,
    found: tcb.status ?? 'unknown',
  })
  const all = [...platform.checks, ...checks.list]
  const failed = all.filter(({ passed }) => !passed)
  const stands = failed.every((check) => isDateCheck(check) || POLICY_CHECKS.has(check.name))
  return {
    accepted: failed.length === 0,
    reasons: failed.map(reasonOf),
    status: stands ? tcb.status : null,
    acceptedStatuses: [...accept],
    advisories: [...new Set(tcb.parts.flatMap(({ advisories }) => advisories))].sort(),
    at: at.toISOString(),
    tee: quote.tee,
    quoteVersion: quote.version,
    measurements: measurementsOf(quote),
    fmspc: platform.pck?.extension.fmspc.toString('hex') ?? '',
    parts: tcb.parts,
    shortfalls: tcb.shortfalls,
    collateral: platform.dated.map((part) => collateralAge(part, at)),
    checks: all,
  }
}

function checkSignatures(checks: Checks, quote: Quote, { pck, identity }: Platform): void {
  checks.equal('qe-vendor', INTEL_QE_VENDOR_ID, quote.qeVendorId)
  const { qeReport, qeReportSignature, attestationKey, qeAuthData } = quote
  const signature = (name: string, valid: boolean, by: string) =>
    checks.add(name, valid, { expected: `signed by the ${by}`, found: valid ? 'signature verifies' : 'signature does not verify' })
  signature('qe-report-signature', pck !== undefined && verifyP256(qeReport.raw, pck.key, qeReportSignature), 'PCK')
  const binding = Buffer.concat([hash('sha256', Buffer.concat([attestationKey, qeAuthData]), 'buffer'), Buffer.alloc(32)])
  checks.equal('qe-report-binding', binding, qeReport.reportData)
  if (identity) checkQeIdentity(checks, qeReport, identity)
  const key = p256Key(attestationKey)
  signature('quote-signature', key !== undefined && verifyP256(quote.signed, key, quote.signature), 'attestation key')
}

interface TcbVerdict {
  status: TcbStatus | null
  parts: PartStatus[]
  shortfalls: Shortfall[]
}

function appraiseTcb(checks: Checks, { body, qeReport }: Quote, { pck, tcbInfo, identity }: Platform): TcbVerdict {
  if (!pck || !tcbInfo || !identity) return { status: null, parts: [], shortfalls: [] }
  const { sgx, pceSvn } = pck.extension
  const reached = { sgx, pceSvn, ...(body.kind === 'td' && { tdx: [...body.teeTcbSvn] }) }
  const selected = selectTcbLevel(tcbInfo, reached)
  const qeLevel = selectIsvLevel(identity.levels, qeReport.isvSvn)
  levelCheck(checks, 'tcb-level', selected, `components ${sgx.join(' ')}, PCE ${pceSvn}`)
  levelCheck(checks, 'qe-tcb-level', qeLevel, `ISVSVN ${qeReport.isvSvn}`)
  const module = body.kind === 'td' ? checkTdxModule(checks, body, tcbInfo) : undefined

  const parts = [partStatus('platform', selected?.level), partStatus('quoting enclave', qeLevel)]
  if (module?.identity) parts.push(partStatus('TDX module', module.level))
  const status = selected && qeLevel && combined()
  return { status: status ?? null, parts, shortfalls: status === 'UpToDate' ? [] : shortfalls() }

  function combined(): TcbStatus | undefined {
    const { level, sgxLevel } = selected!
    const qeStatus = qeLevel!.status
    if (sgxLevel.status === 'Revoked') return 'Revoked'
    if (body.kind === 'sgx') return combineStatus(level.status, qeStatus)
    if (module?.identity && !module.level) return undefined
    const moduleStatus = module?.level?.status ?? 'UpToDate'
    const tdxStatus = combineStatus(level.status, moduleStatus)
    const { teeTcbSvn2 } = body
    const relaunched = teeTcbSvn2
      ? relaunchStatus(teeTcbSvn2, { info: tcbInfo!, sgxStatus: sgxLevel.status, moduleStatus, qeStatus, tdxStatus })
      : tdxStatus
    return combineStatus(relaunched, qeStatus)
  }

  function shortfalls(): Shortfall[] {
    return [
      ...platformShortfalls(tcbInfo!, reached),
      ...isvShortfalls('QE', identity!.levels, qeReport.isvSvn),
      ...(module?.identity ? isvShortfalls('TDX module', module.identity.levels, module.isvSvn) : []),
    ]
  }
}

function levelCheck(checks: Checks, name: string, level: object | undefined, found: string): void {
  checks.add(name, level !== undefined, { expected: 'at least the lowest level of the collateral', found })
}

function partStatus(
  part: PartStatus['part'],
  level: { status: TcbStatus; advisories: readonly string[]; date: Date } | undefined,
): PartStatus {
  return {
    part,
    status: level?.status ?? null,
    advisories: [...(level?.advisories ?? [])],
    tcbDate: level?.date.toISOString() ?? null,
  }
}

function reasonOf({ name, subject, expected, found }: Check): string {
  const about = subject === undefined ? name : `${name} (${subject})`
  return `${about}: expected ${expected ?? 'otherwise'}, found ${found ?? 'nothing'}`
}
