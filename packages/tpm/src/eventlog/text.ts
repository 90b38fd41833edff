/** Text in event data, and hex. */

const utf8 = new TextDecoder('utf-8', { fatal: true })
const utf16 = new TextDecoder('utf-16le')

export function hexNumber(value: number | bigint, digits = 0): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

export function hexBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
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
  if (body.length === 0) return undefined
  try {
    const text = utf8.decode(body)
    return isPrintable(text) ? text : undefined
  } catch {
    return undefined
  }
}

export type EncodedText = { text: string; encoding: 'utf-8' | 'utf-16le' }

/**
 * Text whose encoding the event doesn't tell (EV_IPL, EV_S_CRTM_VERSION and others; loaders log both). UTF-8 is tried first: UTF-16 text in Latin letters has
 * NULs inside, so it is no printable UTF-8. Then UTF-16LE, when the length is even, at least half of the units are Latin (so that digests and other binary
 * data, most of which are valid UTF-16 by chance, aren't taken for text), and none is a control character. Undefined for anything else.
 */
export function guessText(bytes: Uint8Array): EncodedText | undefined {
  const narrow = printableUtf8(bytes)
  if (narrow !== undefined) return { text: narrow, encoding: 'utf-8' }
  if (bytes.length < 2 || bytes.length % 2 !== 0) return undefined
  const wide = utf16.decode(bytes).replace(/\0+$/, '')
  const latin = wide.match(/[\x20-\x7e]/g)?.length ?? 0
  if (wide === '' || latin * 2 < wide.length || wide.includes('\ufffd') || !isPrintable(wide)) return undefined
  return { text: wide, encoding: 'utf-16le' }
}

function isPrintable(text: string): boolean {
  return !/[^\P{Cc}\t\n\r]/u.test(text)
}
