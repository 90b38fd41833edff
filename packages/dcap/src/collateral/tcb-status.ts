/**
 * TCB statuses, and how to combine those of several parts (Intel DCAP, "Determine the TCB status of the platform"; PCS API v4, TCB Info).
 */
import { CollateralError } from '../errors.ts'

/** In Intel's spelling. The two TDRelaunch statuses are never in collateral: they result from a TDX 1.5 verification. */
export const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
export type TcbStatus = (typeof TCB_STATUSES)[number]

/**
 * Whether a value is one of `TCB_STATUSES`.
 *
 * @example
 * isTcbStatus('UpToDate') // → true
 * isTcbStatus('up to date') // → false
 */
export function isTcbStatus(value: unknown): value is TcbStatus {
  return TCB_STATUSES.some((status) => status === value)
}

/** A status as collateral may state it. */
export function statedStatus(value: unknown, path: string): TcbStatus {
  if (!isTcbStatus(value) || value.startsWith('TDRelaunch')) throw new CollateralError(path, 'not a known TCB status')
  return value
}

/**
 * Combines the platform's status with that of one more part, a quoting enclave or a TDX module: a part that is out of date or revoked makes
 * the whole so, and what the platform itself needs remains in the result.
 */
export function combineStatus(platform: TcbStatus, part: TcbStatus): TcbStatus {
  if (part === 'Revoked' || platform === 'Revoked') return 'Revoked'
  if (part === 'UpToDate') return platform
  return needsConfiguration(platform) ? 'OutOfDateConfigurationNeeded' : 'OutOfDate'
}

export function needsConfiguration(status: TcbStatus): boolean {
  return status.startsWith('Configuration') || status.endsWith('ConfigurationNeeded')
}

export function isOutOfDate(status: TcbStatus): boolean {
  return status.startsWith('OutOfDate')
}

/** Returns the worse of two statuses. */
export function worseStatus(one: TcbStatus, other: TcbStatus): TcbStatus {
  return TCB_STATUSES.indexOf(one) >= TCB_STATUSES.indexOf(other) ? one : other
}
