/** What of DER (X.690) public keys need; written only, since every key read here is read by node:crypto. */

/** A SEQUENCE of encoded values. */
export function derSequence(...values: Uint8Array[]): Uint8Array {
  return derValue(0x30, Buffer.concat(values))
}

/** An INTEGER from its unsigned big-endian bytes. */
export function derInteger(unsigned: Uint8Array): Uint8Array {
  const start = unsigned.findIndex((byte) => byte !== 0)
  const minimal = start === -1 ? new Uint8Array(1) : unsigned.subarray(start)
  return derValue(0x02, minimal[0]! & 0x80 ? Buffer.concat([new Uint8Array(1), minimal]) : minimal)
}

/** A BIT STRING of whole bytes. */
export function derBitString(bytes: Uint8Array): Uint8Array {
  return derValue(0x03, Buffer.concat([new Uint8Array(1), bytes]))
}

function derValue(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag, ...size), content]))
}
