/** Go's time layouts, which show a reference time: Mon Jan 2 15:04:05 MST 2006. */
import { failure } from './types.ts'

/** Layouts that have a name. */
export const NAMED_LAYOUTS: Readonly<Record<string, string>> = {
  ANSIC: 'Mon Jan _2 15:04:05 2006',
  UnixDate: 'Mon Jan _2 15:04:05 MST 2006',
  RubyDate: 'Mon Jan 02 15:04:05 -0700 2006',
  RFC822: '02 Jan 06 15:04 MST',
  RFC822Z: '02 Jan 06 15:04 -0700',
  RFC850: 'Monday, 02-Jan-06 15:04:05 MST',
  RFC1123: 'Mon, 02 Jan 2006 15:04:05 MST',
  RFC1123Z: 'Mon, 02 Jan 2006 15:04:05 -0700',
  RFC3339: '2006-01-02T15:04:05Z07:00',
  RFC3339Nano: '2006-01-02T15:04:05.999999999Z07:00',
}

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
export const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const ELEMENT =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|002|01|02|03|04|05|06|15|PM|pm|_2|[Z-]07(?::?00(?::?00)?)?|[.,](?:0+|9+)(?!\d)|[1-5]/g

/** A civil time with its zone. */
export interface Civil {
  year: number
  /** From 1. */
  month: number
  day: number
  hour: number
  minute: number
  second: number
  nanosecond: number
  /** From 0, Sunday. */
  weekday: number
  yearDay: number
  /** Seconds east of UTC. */
  offset: number
  abbreviation: string
}

export function formatTime(layout: string, t: Civil): string {
  return layout.replace(ELEMENT, (element) => formatElement(element, t))
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function formatElement(element: string, t: Civil): string {
  const hour = t.hour % 12 === 0 ? 12 : t.hour % 12
  switch (element) {
    case 'January':
      return MONTHS[t.month - 1]!
    case 'Jan':
      return MONTHS[t.month - 1]!.slice(0, 3)
    case 'Monday':
      return WEEKDAYS[t.weekday]!
    case 'Mon':
      return WEEKDAYS[t.weekday]!.slice(0, 3)
    case 'MST':
      return t.abbreviation
    case '2006':
      return String(t.year).padStart(4, '0')
    case '06':
      return two(t.year % 100)
    case '1':
      return String(t.month)
    case '01':
      return two(t.month)
    case '2':
      return String(t.day)
    case '_2':
      return String(t.day).padStart(2, ' ')
    case '02':
      return two(t.day)
    case '__2':
      return String(t.yearDay).padStart(3, ' ')
    case '002':
      return String(t.yearDay).padStart(3, '0')
    case '15':
      return two(t.hour)
    case '3':
      return String(hour)
    case '03':
      return two(hour)
    case '4':
      return String(t.minute)
    case '04':
      return two(t.minute)
    case '5':
      return String(t.second)
    case '05':
      return two(t.second)
    case 'PM':
      return t.hour < 12 ? 'AM' : 'PM'
    case 'pm':
      return t.hour < 12 ? 'am' : 'pm'
    default:
      return element[0] === '.' || element[0] === ',' ? fraction(element, t.nanosecond) : zoneText(element, t.offset)
  }
}

function fraction(element: string, nanosecond: number): string {
  const digits = String(nanosecond)
    .padStart(9, '0')
    .slice(0, element.length - 1)
    .padEnd(element.length - 1, '0')
  if (element[1] === '0') return element[0] + digits
  const trimmed = digits.replace(/0+$/, '')
  return trimmed === '' ? '' : element[0] + trimmed
}

function zoneText(element: string, offset: number): string {
  if (element[0] === 'Z' && offset === 0) return 'Z'
  const size = Math.abs(offset)
  const colon = element.includes(':') ? ':' : ''
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60].slice(0, (element.replaceAll(':', '').length - 1) / 2)
  return (offset < 0 ? '-' : '+') + parts.map(two).join(colon)
}

const DIGITS: Readonly<Record<string, RegExp>> = {
  2006: /\d{4}/y,
  '06': /\d{2}/y,
  '01': /\d{2}/y,
  1: /\d{1,2}/y,
  '02': /\d{2}/y,
  2: /\d{1,2}/y,
  _2: / ?\d{1,2}/y,
  '002': /\d{3}/y,
  __2: / {0,2}\d{1,3}/y,
  15: /\d{2}/y,
  '03': /\d{2}/y,
  3: /\d{1,2}/y,
  '04': /\d{2}/y,
  4: /\d{1,2}/y,
  '05': /\d{2}/y,
  5: /\d{1,2}/y,
}

/** What a text says by a layout: civil fields and an offset, undefined where the text names none. */
export interface ParsedTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  nanosecond: number
  offset: number
}

/** Reads a text by a layout. Throws BuiltinError. */
export function parseTime(layout: string, text: string): ParsedTime {
  const reader = { text, at: 0, layout }
  const t: ParsedTime = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0, offset: 0 }
  const state = { isAfternoon: undefined as boolean | undefined, yearDay: 0 }
  let at = 0
  for (const match of layout.matchAll(ELEMENT)) {
    expectText(reader, layout.slice(at, match.index))
    readElement(reader, match[0], t, state)
    at = match.index + match[0].length
    // Go takes a fraction behind seconds even where the layout has none.
    if ((match[0] === '05' || match[0] === '5') && !/^[.,][09]/.test(layout.slice(at))) readFraction(reader, t)
  }
  expectText(reader, layout.slice(at))
  if (reader.at < text.length) throw cannotParse(reader, `: extra text: ${JSON.stringify(text.slice(reader.at))}`)
  if (state.isAfternoon !== undefined) t.hour = (t.hour % 12) + (state.isAfternoon ? 12 : 0)
  if (state.yearDay > 0) [t.month, t.day] = [1, state.yearDay]
  const days = new Date(Date.UTC(2000, t.month, 0)).getUTCDate()
  const last = t.month === 2 && !isLeap(t.year) ? 28 : days
  if (t.month < 1 || t.month > 12) throw cannotParse(reader, ': month out of range')
  if (state.yearDay === 0 && (t.day < 1 || t.day > last)) throw cannotParse(reader, ': day out of range')
  if (t.hour > 23 || t.minute > 59 || t.second > 59) throw cannotParse(reader, ': time out of range')
  return t
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

interface Reader {
  text: string
  at: number
  layout: string
}

function cannotParse({ text, layout }: Reader, why: string): Error {
  return failure(`parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}${why}`)
}

function expectText(reader: Reader, literal: string): void {
  if (!reader.text.startsWith(literal, reader.at)) throw cannotParse(reader, `: cannot parse as ${JSON.stringify(literal)}`)
  reader.at += literal.length
}

function take(reader: Reader, pattern: RegExp): string {
  pattern.lastIndex = reader.at
  const found = pattern.exec(reader.text)?.[0]
  if (found === undefined) throw cannotParse(reader, `: cannot parse ${JSON.stringify(reader.text.slice(reader.at))}`)
  reader.at += found.length
  return found
}

function takeName(reader: Reader, names: readonly string[], length?: number): number {
  const index = names.findIndex((name) =>
    reader.text
      .slice(reader.at)
      .toLowerCase()
      .startsWith((length ? name.slice(0, length) : name).toLowerCase()),
  )
  if (index < 0) throw cannotParse(reader, ': cannot parse a name')
  reader.at += length ?? names[index]!.length
  return index
}

function readElement(reader: Reader, element: string, t: ParsedTime, state: { isAfternoon: boolean | undefined; yearDay: number }): void {
  const digits = DIGITS[element]
  if (digits) return assignNumber(element, Number(take(reader, digits)), t, state)
  switch (element) {
    case 'January':
      t.month = takeName(reader, MONTHS) + 1
      return
    case 'Jan':
      t.month = takeName(reader, MONTHS, 3) + 1
      return
    case 'Monday':
      takeName(reader, WEEKDAYS)
      return
    case 'Mon':
      takeName(reader, WEEKDAYS, 3)
      return
    case 'PM':
    case 'pm':
      state.isAfternoon = take(reader, /[AaPp][Mm]/y).toLowerCase() === 'pm'
      return
    case 'MST':
      // A name of a zone says no offset, but for UTC, GMT+n.
      take(reader, /[A-Z]{3,4}|[+-]\d{2}/y)
      return
    default:
      if (element[0] === '.' || element[0] === ',') {
        if (element[1] === '0') t.nanosecond = nanoseconds(take(reader, new RegExp(`[.,]\\d{${element.length - 1}}`, 'y')))
        else readFraction(reader, t)
      } else t.offset = readZone(reader, element)
  }
}

function assignNumber(element: string, value: number, t: ParsedTime, state: { yearDay: number }): void {
  switch (element) {
    case '2006':
      t.year = value
      return
    case '06':
      t.year = value + (value >= 69 ? 1900 : 2000)
      return
    case '01':
    case '1':
      t.month = value
      return
    case '02':
    case '2':
    case '_2':
      t.day = value
      return
    case '002':
    case '__2':
      state.yearDay = value
      return
    case '15':
    case '03':
    case '3':
      t.hour = value
      return
    case '04':
    case '4':
      t.minute = value
      return
    default:
      t.second = value
  }
}

function nanoseconds(text: string): number {
  return Number(text.slice(1, 10).padEnd(9, '0'))
}

function readFraction(reader: Reader, t: ParsedTime): void {
  if (/^[.,]\d/.test(reader.text.slice(reader.at, reader.at + 2))) t.nanosecond = nanoseconds(take(reader, /[.,]\d+/y))
}

function readZone(reader: Reader, element: string): number {
  if (element[0] === 'Z' && reader.text[reader.at] === 'Z') {
    reader.at++
    return 0
  }
  const groups = (element.replaceAll(':', '').length - 1) / 2
  const colon = element.includes(':') ? ':' : ''
  const text = take(reader, new RegExp(`[+-]\\d{2}(?:${colon}\\d{2}){${groups - 1}}`, 'y'))
  const [hours = 0, minutes = 0, seconds = 0] = (text.slice(1).replaceAll(':', '').match(/\d{2}/g) ?? []).map(Number)
  if (hours > 24 || minutes > 59) throw cannotParse(reader, ': time zone offset out of range')
  return (text[0] === '-' ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
}
