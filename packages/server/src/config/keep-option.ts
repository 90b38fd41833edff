const HOUR_MS = 60 * 60 * 1000
const UNITS_MS = { h: HOUR_MS, d: 24 * HOUR_MS } as const

/**
 * What is kept of the trail: an age such as `365d` or `12h`, a number of entries, or both with a comma between them.
 * @throws an Error that says what is wrong
 */
export function readKeep(text: string): { ageMs: number | null; entries: number | null } {
  const [, count, unit, both, alone] = /^(?:(\d{1,6})([hd])(?:,(\d{1,15}))?|(\d{1,15}))$/.exec(text) ?? []
  const entries = both ?? alone
  if (count === undefined && entries === undefined)
    throw new Error(`'${text}' is no age, such as 365d, no number of entries, and not both (365d,1000000)`)
  return {
    ageMs: count === undefined ? null : Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS],
    entries: entries === undefined ? null : Number(entries),
  }
}
