import { Type } from 'typebox'

/** A text with a given number of characters (code points), without U+0000, which our databases cannot store. */
export function text(min: number, max: number, description?: string) {
  return Type.String({ minLength: min, maxLength: max, pattern: '^[^\\u0000]*$', ...(description === undefined ? {} : { description }) })
}
