/** DER written by the runner itself, so that the product's own writer is not its judge. */

/** SEQUENCE { r INTEGER, s INTEGER } of `r ‖ s`; zero is written too, which signatures must not hold. */
export function encodeSignature(compact: Uint8Array): Buffer {
  const width = compact.length / 2
  return element(0x30, Buffer.concat([integer(compact.subarray(0, width)), integer(compact.subarray(width))]))
}

export function integer(bytes: Uint8Array): Buffer {
  const digits = Buffer.from(bytes)
    .toString('hex')
    .replace(/^(00)+/, '')
  const body = digits === '' ? '00' : Number.parseInt(digits.slice(0, 2), 16) >= 0x80 ? `00${digits}` : digits
  return element(0x02, Buffer.from(body, 'hex'))
}

/** One element of up to 255 bytes. */
export function element(tag: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(value.length < 0x80 ? [tag, value.length] : [tag, 0x81, value.length]), value])
}
