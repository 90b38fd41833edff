import { UsageError } from '@vouchsafe/command'

const DAY_MS = 86_400_000

/** Milliseconds since 1970 of `90d` (from now) or of an ISO 8601 date or date-time, taken as UTC unless it says else. Throws UsageError. */
export function expiry(text: string, now: number): number {
  const days = /^([1-9]\d{0,4})d$/.exec(text)
  if (days) return now + Number(days[1]) * DAY_MS
  const ms = utcTime(text)
  if (ms === undefined)
    throw new UsageError(`--expires must be a number of days such as 90d, or a date such as 2030-12-31 or 2030-12-31T12:00Z`)
  if (ms <= now) throw new UsageError(`--expires must lie in the future`)
  return ms
}

/** Milliseconds since 1970 of an ISO 8601 date or date-time, taken as UTC unless it says else; undefined for anything else. */
export function utcTime(text: string): number | undefined {
  const date = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/.exec(text)
  if (!date) return undefined
  const ms = Date.parse(date[2] && !/(Z|[+-]\d{2}:\d{2})$/.test(date[2]) ? `${text}Z` : text)
  const day = new Date(Date.parse(`${date[1]}T00:00Z`))
  // Date.parse takes 2027-02-30 for a day in March.
  return Number.isNaN(ms) || Number.isNaN(day.getTime()) || !day.toISOString().startsWith(date[1]!) ? undefined : ms
}
