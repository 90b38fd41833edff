// Random changes of byte strings, the same for the same seed.

/** Whole numbers below the given one. */
export type Random = (below: number) => number

/** xorshift32. */
export function randomNumbers(seed: number): Random {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const EXTREMES = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff]

/** One to four changes: bits, bytes, fields set to extremes, cuts, and parts that are removed, repeated, moved or filled. */
export function mutate(original: Uint8Array, random: Random): Buffer {
  let bytes = Buffer.from(original)
  for (let changes = 1 + random(4); changes > 0 && bytes.length > 8; changes--) {
    const at = random(bytes.length)
    const length = Math.min(1 + random(64), bytes.length - at)
    switch (random(8)) {
      case 0:
        bytes[at]! ^= 1 << random(8)
        break
      case 1:
        bytes[at] = random(256)
        break
      case 2:
        bytes.writeUInt32LE(EXTREMES[random(EXTREMES.length)]!, Math.min(at, bytes.length - 4))
        break
      case 3:
        bytes.writeUInt16LE(EXTREMES[random(EXTREMES.length)]! & 0xffff, Math.min(at, bytes.length - 2))
        break
      case 4:
        bytes = bytes.subarray(0, at)
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 6:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
        break
      default:
        bytes.fill(random(2) === 0 ? 0 : 0xff, at, at + length)
    }
  }
  return bytes
}
