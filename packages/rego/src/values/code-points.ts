/** Positions in strings by code points, without taking strings apart. */
import { spend } from '../run/budget.ts'

const SURROGATE = /[\ud800-\udfff]/
/** Units that are looked at one by one for one step. */
const UNITS_PER_STEP = 16

/** How many code points a string has. */
export function codePointCount(text: string): number {
  if (!SURROGATE.test(text)) return text.length
  spend(text.length / UNITS_PER_STEP)
  let count = text.length
  for (let i = 0; i + 1 < text.length; i++) {
    if (!isPair(text, i)) continue
    count--
    i++
  }
  return count
}

/** The offset, in units, of the code point number `index`; the string's length where it has fewer. */
export function unitOffset(text: string, index: number): number {
  if (!SURROGATE.test(text)) return Math.min(index, text.length)
  spend(Math.min(index, text.length) / UNITS_PER_STEP)
  let at = 0
  for (let points = 0; points < index && at < text.length; points++) at += isPair(text, at) ? 2 : 1
  return at
}

/** Whether a pair of surrogates begins at an offset. */
export function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  if (unit < 0xd800 || unit > 0xdbff || at + 1 >= text.length) return false
  const next = text.charCodeAt(at + 1)
  return next >= 0xdc00 && next <= 0xdfff
}
