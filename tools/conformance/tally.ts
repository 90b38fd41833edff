/** What a suite has found so far. Skips are kept per file and reason, in the order in which they came up. */
export interface Tally {
  passed: number
  failed: number
  skipped: number
  /** Lines to print: why tests were skipped, and which failed. */
  readonly lines: () => string[]
  pass(): void
  fail(file: string, test: string, why: string): void
  skip(file: string, reason: string, count: number): void
}

/** Failures beyond this many are counted, not printed. */
const MAX_FAILURES_PRINTED = 50

export function createTally(suite: string): Tally {
  const skips = new Map<string, number>()
  const failures: string[] = []
  return {
    passed: 0,
    failed: 0,
    skipped: 0,
    lines() {
      const reasons = [...skips].map(([key, count]) => `${suite}: skipped ${count} in ${key}`)
      const hidden = this.failed - MAX_FAILURES_PRINTED
      return [...reasons, ...failures, ...(hidden > 0 ? [`${suite}: ${hidden} more failures are not shown`] : [])]
    },
    pass() {
      this.passed++
    },
    fail(file, test, why) {
      this.failed++
      if (failures.length < MAX_FAILURES_PRINTED) failures.push(`${suite}: FAILED ${file} ${test}: ${why}`)
    },
    skip(file, reason, count) {
      if (count === 0) return
      this.skipped += count
      const key = `${file}: ${reason}`
      skips.set(key, (skips.get(key) ?? 0) + count)
    },
  }
}
