import { ServiceError } from '../foundation/index.ts'

/** The format of a rotation interval: a whole number of days, hours, minutes or seconds. */
export const ROTATION_INTERVAL_PATTERN = /^\d{1,4}[dhms]$/
export const DEFAULT_ROTATION_INTERVAL = '30d'

const HOUR_MS = 60 * 60 * 1000
const LEAST_MS = 6 * HOUR_MS
const MOST_MS = 8760 * HOUR_MS
const UNIT_MS: Readonly<Record<string, number>> = { d: 24 * HOUR_MS, h: HOUR_MS, m: 60 * 1000, s: 1000 }

/**
 * A rotation interval in milliseconds; `text` matches the pattern.
 * @throws {ServiceError} `rotation_interval` unless it is 6 to 8760 hours
 */
export function rotationIntervalMs(text: string): number {
  const ms = Number(text.slice(0, -1)) * UNIT_MS[text.at(-1)!]!
  if (!(ms >= LEAST_MS && ms <= MOST_MS)) throw new ServiceError('rotation_interval')
  return ms
}
