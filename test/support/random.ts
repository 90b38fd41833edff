// Random choices that the run's seed (VOUCHSAFE_TEST_SEED) repeats.

let state = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? Date.now()) | 0

/** At least 0 and less than 1 (Mulberry32). */
export function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
