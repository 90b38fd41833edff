// Times evaluations: as often as fits in a second, after a warm-up.
import { performance } from 'node:perf_hooks'

const WARM_UP_MS = 200
const MEASURED_MS = 1_000
const MAX_RUNS = 1_000_000

export interface Timing {
  runs: number
  /** Milliseconds of one run. */
  mean: number
  median: number
  p99: number
}

export function time(work: () => unknown): Timing {
  const until = performance.now() + WARM_UP_MS
  while (performance.now() < until) work()
  const times: number[] = []
  const end = performance.now() + MEASURED_MS
  for (let before = performance.now(); before < end && times.length < MAX_RUNS;) {
    work()
    const after = performance.now()
    times.push(after - before)
    before = after
  }
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
  return { runs: times.length, mean: times.reduce((sum, each) => sum + each, 0) / times.length, median: at(0.5), p99: at(0.99) }
}

export function timingText(name: string, { runs, mean, median, p99 }: Timing): string {
  return `${name}: ${mean.toFixed(4)} ms a run (median ${median.toFixed(4)}, 99 % below ${p99.toFixed(4)}), ${runs} runs`
}
