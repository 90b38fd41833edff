import { UsageError } from '@vouchsafe/command'
import { duration } from './duration.ts'

/** Milliseconds since 1970 of an ISO 8601 date or date-time, taken as UTC unless it says else, or of `2h`, so long before `now`. Throws UsageError. */
export function moment(option: string, text: string, now: number): number {
  if (/^\d{1,6}[smhd]$/.test(text)) return now - duration(option, text)
  const isTime = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)
  const ms = isTime ? Date.parse(text.includes('T') && !/(Z|[+-]\d{2}:\d{2})$/.test(text) ? `${text}Z` : text) : NaN
  if (Number.isNaN(ms)) throw new UsageError(`--${option} must be a time such as 2030-12-31T12:00Z, or a duration such as 2h`)
  return ms
}
