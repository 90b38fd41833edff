/**
 * Bodies as JSON, bounded by their parsed size: sixteen million characters may be one text, or five million empty lists, which take twenty
 * times the memory and block the server for seconds.
 */
import { invalidParameter } from '../foundation/index.ts'

/** More than any request needs: 64 measurements with all PCRs, plus as much data as a token can carry. */
const MAX_VALUES = 100_000
/** Deeper values cannot be passed to a worker. */
const MAX_DEPTH = 100

const QUOTE = 0x22
const COMMA = 0x2c
const LIST = 0x5b
const BACKSLASH = 0x5c
const END_OF_LIST = 0x5d
const OBJECT = 0x7b
const END_OF_OBJECT = 0x7d

/**
 * What the text says.
 * @throws {ServiceError} `invalid` if there are too many values, or they are nested too deep
 * @throws {SyntaxError} when it isn't JSON
 */
export function parseJson(text: string): unknown {
  let values = 1
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfText(text, at)
    else if (code === COMMA) values++
    else if (code === LIST || code === OBJECT) {
      values++
      depth++
    } else if (code === END_OF_LIST || code === END_OF_OBJECT) depth--
    if (values > MAX_VALUES) throw invalidParameter(`the body has more than ${MAX_VALUES} values`)
    if (depth > MAX_DEPTH) throw invalidParameter(`the body is nested more than ${MAX_DEPTH} deep`)
  }
  return JSON.parse(text)
}

/** The position of the quotation mark that ends the text beginning at `start`; the end if there is none. */
function endOfText(text: string, start: number): number {
  const first = text.indexOf('"', start + 1)
  if (first === -1) return text.length
  if (text.charCodeAt(first - 1) !== BACKSLASH) return first
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    // A quotation mark after a backslash is not the end.
    if (code === BACKSLASH) at++
  }
  return text.length
}
