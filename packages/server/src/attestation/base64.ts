/** Bytes of standard base64 (RFC 4648 §4): padded, nothing else in it, and in canonical form; undefined for other text. */
export function bytesOfBase64(text: string): Buffer | undefined {
  try {
    const { buffer, length } = Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
    // White space is ignored by the decoder, but makes the text longer.
    return text.length === Math.ceil(length / 3) * 4 ? Buffer.from(buffer) : undefined
  } catch {
    return undefined
  }
}
