// The short names of the command line and the API's own.
import { KEY_SPECS, SHORT_NAMES, keySpecOf, shortSpec } from '@vouchsafe/client'
import type { KeySpec } from '@vouchsafe/client'
import { UsageError, didYouMean } from '@vouchsafe/command'

export const {
  padding: PADDINGS,
  digest: DIGESTS,
  usage: USAGES,
  origin: ORIGINS,
  message: MESSAGE_TYPES,
  wrapping: WRAPPING_SPECS,
} = SHORT_NAMES

/** The key spec that is meant, by its own name or its short one. Throws UsageError. */
export function keySpec(text: string): KeySpec {
  const found = keySpecOf(text)
  if (found) return found
  const short = KEY_SPECS.map(shortSpec)
  throw new UsageError(`unknown key spec '${text}'${didYouMean(text.toLowerCase(), short) || `; there are: ${short.join(', ')}`}`)
}

/** The API's name for an option's value. Throws UsageError that lists the choices. */
export function choice<T extends Record<string, string>>(option: string, names: T, value: string): T[keyof T] {
  const found = Object.hasOwn(names, value) ? names[value] : Object.values(names).find((name) => name === value)
  if (found === undefined) throw new UsageError(`--${option} must be one of: ${Object.keys(names).join(', ')}`)
  return found as T[keyof T]
}
