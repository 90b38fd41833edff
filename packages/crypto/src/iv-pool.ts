/**
 * Random IVs, drawn 4 KiB at a time: one call of the system's generator costs as much as the encryption of a short message.
 * Each byte of the pool is handed out once; IVs are public, so what remains in the buffer is no secret.
 */
import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(4096)
let used = pool.length

/** `length` fresh random bytes, at most 16, as a view that is valid until the next call: copy or use at once. */
export function nextIv(length: number): Buffer {
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const start = used
  used += length
  return pool.subarray(start, used)
}
