/** A token bucket: so many requests a second, and after a rest so many at once. `now` gives milliseconds of a clock that only goes forward. */
export function rateLimiter(perSecond: number, burst: number, now: () => number): () => boolean {
  let left = burst
  let last = now()
  return () => {
    const time = now()
    left = Math.min(burst, left + ((time - last) / 1000) * perSecond)
    last = time
    if (left < 1) return false
    left--
    return true
  }
}
