/** Bytes of standard base64 (RFC 4648 §4): padded, nothing else in it, and the one text that these bytes have; undefined for other text. */
export function bytesOfBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
