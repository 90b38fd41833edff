// Text in event data, and hex.
import type { LogReader } from '../log-reader.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })
const utf16 = new TextDecoder('utf-16le')

/** Longer data is not looked at as text. Kernel command lines, the longest texts, have some thousand bytes. */
const MAX_TEXT = 64 * 1024

export function hexNumber(value: number | bigint, digits = 0): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

/** UTF-16LE up to the first NUL. Lone surrogates become U+FFFD; an odd last byte is dropped. */
export function utf16Text(bytes: Uint8Array): string {
  const text = utf16.decode(bytes.subarray(0, bytes.length & ~1))
  const end = text.indexOf('\0')
  return end === -1 ? text : text.slice(0, end)
}

/** The bytes without NULs at their end. */
export function withoutNuls(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}

/** ASCII or UTF-8 text without control characters but tabs and line breaks; NULs at the end are dropped. Undefined for anything else. */
export function printableUtf8(bytes: Uint8Array): string | undefined {
  const body = withoutNuls(bytes)
  if (body.length === 0 || body.length > MAX_TEXT) return undefined
  try {
    const text = utf8.decode(body)
    return isPrintable(text) ? text : undefined
  } catch {
    return undefined
  }
}

/** ASCII up to its NUL, or the rest when there is none; what isn't printable becomes `.`. */
export function asciiField(reader: LogReader): string {
  let text = ''
  while (reader.remaining > 0) {
    const byte = reader.u8('text')
    if (byte === 0) break
    text += byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '.'
  }
  return text
}

export type EncodedText = { text: string; encoding: 'utf-8' | 'utf-16le' }

/**
 * Text whose encoding the event doesn't tell (EV_IPL, EV_S_CRTM_VERSION and others; loaders log both). UTF-8 is tried first: UTF-16 text in Latin letters has
 * NULs inside, so it is no printable UTF-8. Then UTF-16LE, when the length is even (or an odd last byte is 0), at least half of the units are Latin (so that digests and other binary
 * data, most of which are valid UTF-16 by chance, aren't taken for text), and none is a control character. Undefined for anything else.
 */
export function guessText(bytes: Uint8Array): EncodedText | undefined {
  const narrow = printableUtf8(bytes)
  if (narrow !== undefined) return { text: narrow, encoding: 'utf-8' }
  if (bytes.length < 2 || bytes.length > MAX_TEXT || (bytes.length % 2 !== 0 && bytes.at(-1) !== 0)) return undefined
  const units = utf16.decode(bytes.subarray(0, bytes.length & ~1))
  let end = units.length
  while (end > 0 && units.charCodeAt(end - 1) === 0) end--
  const wide = units.slice(0, end)
  const latin = wide.match(/[\x20-\x7e]/g)?.length ?? 0
  if (wide === '' || latin * 2 < wide.length || wide.includes('\ufffd') || !isPrintable(wide)) return undefined
  return { text: wide, encoding: 'utf-16le' }
}

function isPrintable(text: string): boolean {
  return !/[^\P{Cc}\t\n\r]/u.test(text)
}
