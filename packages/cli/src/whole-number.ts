import { UsageError } from './command.ts'

/** The number that an option says in decimal digits, from `least` to `most`. Throws UsageError. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (!(value >= least && value <= most)) throw new UsageError(`--${option} must be a whole number from ${least} to ${most}`)
  return value
}
