import { UsageError } from './command.ts'

/** The number that an option says in decimal digits, from `min` to `max`. Throws UsageError. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (!(value >= min && value <= max)) throw new UsageError(`--${option} must be a whole number from ${min} to ${max}`)
  return value
}
