// Cron expressions as of cron(8), in UTC; with six fields the first one is seconds.
import { FieldError } from './fields.ts'
import type { Reader } from './fields.ts'

/** When something is due. */
export interface Cron {
  /** The first due time after this one, both in milliseconds since 1970. */
  next(after: number): number
}

interface CronField {
  name: string
  min: number
  max: number
  names?: readonly string[]
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const FIELDS: readonly CronField[] = [
  { name: 'seconds', min: 0, max: 59 },
  { name: 'minutes', min: 0, max: 59 },
  { name: 'hours', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of the week', min: 0, max: 7, names: DAYS },
]

const DAY_MS = 86_400_000
/** 29 February on a given weekday comes at least once in 40 years, over 2100 too. */
const HORIZON_DAYS = 41 * 366

/** Reads an expression. One that never matches, such as 30 February, is refused. */
export const readCron: Reader<Cron> = (value, field) => {
  const words = typeof value === 'string' ? value.trim().split(/\s+/) : []
  if (words.length !== 5 && words.length !== 6) throw new FieldError(field, 'must be a cron expression of five or six fields')
  const all = words.length === 5 ? ['0', ...words] : words
  const [seconds, minutes, hours, days, months, weekdays] = all.map((word, index) => readField(word, FIELDS[index]!, field)) as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ]
  if (weekdays.has(7)) weekdays.add(0)
  // When both kinds of days are restricted, either will do (crontab(5)).
  const anyDay = /^[*?]/.test(all[3]!)
  const anyWeekday = /^[*?]/.test(all[5]!)
  const isDue = (date: Date): boolean => {
    if (!months.has(date.getUTCMonth() + 1)) return false
    const byDay = days.has(date.getUTCDate())
    const byWeekday = weekdays.has(date.getUTCDay())
    return anyDay || anyWeekday ? byDay && byWeekday : byDay || byWeekday
  }
  const times = [...hours].flatMap((hour) => [...minutes].map((minute) => hour * 60 + minute)).sort((a, b) => a - b)
  const ticks = [...seconds].sort((a, b) => a - b)

  const find = (after: number): number | undefined => {
    const today = Math.floor(after / DAY_MS) * DAY_MS
    for (let day = 0; day < HORIZON_DAYS; day++) {
      const midnight = today + day * DAY_MS
      if (!isDue(new Date(midnight))) continue
      for (const minute of times) {
        const start = midnight + minute * 60_000
        if (start + 60_000 <= after) continue
        const second = ticks.find((each) => start + each * 1000 > after)
        if (second !== undefined) return start + second * 1000
      }
    }
    return undefined
  }
  if (find(Date.UTC(2024, 0, 1)) === undefined) throw new FieldError(field, 'never matches')
  return { next: (after) => find(after)! }
}

/** `*`, `?`, numbers, names, ranges, steps, and lists of them. */
function readField(word: string, { name, min, max, names = [] }: CronField, field: string): Set<number> {
  const wrong = (part: string) =>
    new FieldError(field, `${name}: '${part.slice(0, 20)}' is not a number from ${min} to ${max}, nor a range, list or step of such`)
  const number = (part: string): number => {
    const named = names.indexOf(part.toLowerCase())
    const value = named === -1 ? (/^\d{1,2}$/.test(part) ? Number(part) : NaN) : named + min
    if (!(value >= min && value <= max)) throw wrong(part)
    return value
  }
  const values = new Set<number>()
  for (const part of word.split(',')) {
    const [range = '', step, ...more] = part.split('/')
    const by = step === undefined ? 1 : /^[1-9]\d?$/.test(step) ? Number(step) : NaN
    if (more.length > 0 || Number.isNaN(by)) throw wrong(part)
    const [from = '', to, ...rest] = range.split('-')
    if (rest.length > 0) throw wrong(part)
    const isAll = range === '*' || range === '?'
    const first = isAll ? min : number(from)
    const last = isAll || (to === undefined && step !== undefined) ? max : to === undefined ? first : number(to)
    if (last < first) throw wrong(part)
    for (let value = first; value <= last; value += by) values.add(value)
  }
  return values
}
