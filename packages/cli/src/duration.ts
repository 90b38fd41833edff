import { UsageError } from '@vouchsafe/command'

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds of `90s`, `15m`, `24h` or `7d`; a plain 0 means no time. Throws UsageError. */
export function duration(option: string, text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (text === '0') return 0
  if (count === undefined || unit === undefined) throw new UsageError(`--${option} must be a duration such as 15m, 24h or 7d`)
  return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS]
}
