/** Time zones: offsets from UTC by IANA name. */
import { spend } from '../run/budget.ts'
import { failure } from './types.ts'

export interface Zone {
  /** What stands in an instant's text for the zone. */
  abbreviation: string
  /** Seconds east of UTC. */
  offset: number
}

const formatters = new Map<string, Intl.DateTimeFormat>()
/** What making a formatter takes, and using it. */
const ZONE_STEPS = 2000
const FORMAT_STEPS = 60
/** Zones that are kept; a policy could name any. */
const MAX_FORMATTERS = 64

/** The zone's offset at an instant, in milliseconds since 1970. Throws BuiltinError for unknown names. */
export function zoneAt(name: string, milliseconds: number): Zone {
  if (name === '' || name === 'UTC' || name === 'Local') return { abbreviation: 'UTC', offset: 0 }
  spend(FORMAT_STEPS)
  const parts = new Map(
    formatterOf(name)
      .formatToParts(milliseconds)
      .map(({ type, value }) => [type, value]),
  )
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type))
  const civil = Date.UTC(number('year'), number('month') - 1, number('day'), number('hour') % 24, number('minute'), number('second'))
  const offset = Math.round((civil - Math.floor(milliseconds / 1000) * 1000) / 1000)
  const label = parts.get('timeZoneName') ?? ''
  return { abbreviation: /^[A-Z]{2,5}$/.test(label) ? label : offsetText(offset), offset }
}

function formatterOf(name: string): Intl.DateTimeFormat {
  const known = formatters.get(name)
  if (known) return known
  spend(ZONE_STEPS)
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/.test(name)) throw failure(`unknown time zone ${name.slice(0, 64)}`)
  try {
    const options = {
      hour12: false,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    } as const
    const made = new Intl.DateTimeFormat('en-US', { ...options, timeZone: name, timeZoneName: 'short' })
    if (formatters.size >= MAX_FORMATTERS) formatters.clear()
    formatters.set(name, made)
    return made
  } catch {
    throw failure(`unknown time zone ${name}`)
  }
}

function offsetText(offset: number): string {
  const minutes = Math.abs(offset) / 60
  const text = String(Math.floor(minutes / 60)).padStart(2, '0')
  return `${offset < 0 ? '-' : '+'}${text}${minutes % 60 === 0 ? '' : String(minutes % 60).padStart(2, '0')}`
}
