import { Type } from 'typebox'

/** A text of so many characters (code points), without U+0000, which no database of ours keeps. */
export function text(min: number, max: number, description?: string) {
  return Type.String({ minLength: min, maxLength: max, pattern: '^[^\\u0000]*$', ...(description === undefined ? {} : { description }) })
}
