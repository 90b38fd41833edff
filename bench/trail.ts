/**
 * How fast the trail takes changes: keys are made at a fixed rate, each with a leaf in the transaction that makes it, while the checkpoint that anyone may
 * fetch says how many leaves the tree holds. A leaf is integrated when a checkpoint covers it.
 */
import { VouchsafeClient } from '@vouchsafe/client'
import type { Report } from './figures.ts'
import { openLoop } from './open-loop.ts'
import { startServer } from './program.ts'
import { signedRequests } from './requests.ts'
import { median, percentile } from './statistics.ts'
import { CONNECTIONS } from './wrk.ts'

/** Changes a second, and for how long. */
const RATE = 1_500
const SECONDS = 6
const LOOK_EVERY_MS = 10
const WARM_UP = 1_000
const PATIENCE_MS = 30_000

export async function benchTrail(report: Report, serverArgs: readonly string[]): Promise<void> {
  await using server = await startServer(serverArgs)
  const baseUrl = `http://127.0.0.1:${server.port}`
  const payload = () => ({ keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })
  const create = async (count: number, rate: number) => {
    const credentials = await VouchsafeClient.enroll({ baseUrl })
    const requests = signedRequests(credentials, 'CreateKey', count, payload)
    const committed: number[] = []
    const answered = () => committed.push(performance.now())
    const result = await openLoop({ port: server.port, connections: 4 * CONNECTIONS, rate, requests, answered })
    return { ...result, committed }
  }
  await create(WARM_UP, RATE)
  const size = async () => {
    const response = await fetch(`${baseUrl}/v1/trail/checkpoint`)
    return response.ok ? Number((await response.text()).split('\n')[1]) : 0
  }
  const before = await settled(size)
  const seen: { at: number; size: number }[] = []
  const timer = setInterval(() => void size().then((size) => seen.push({ at: performance.now(), size })), LOOK_EVERY_MS)
  const { committed, latencies, rate } = await create(RATE * SECONDS, RATE)
  const after = await settled(size)
  clearInterval(timer)
  seen.push({ at: performance.now(), size: after })
  // Batches of plain uses have leaves too: counted as if all of them came first.
  const others = after - before - committed.length
  let look = 0
  const delays = committed.map((at, i) => {
    while (seen[look]!.size < before + others + i + 1) look++
    return Math.max(0, seen[look]!.at - at)
  })
  report.row('trail: changes committed and integrated', {
    'a second': rate,
    'ms (p50) until integrated': percentile(delays, 0.5),
    'ms (p99) until integrated': percentile(delays, 0.99),
    'ms (p50) until answered': median(latencies),
    'ms (p99) until answered': percentile(latencies, 0.99),
  })
}

/** The size of the tree once it grows no more. */
async function settled(size: () => Promise<number>): Promise<number> {
  const started = performance.now()
  let [last, since] = [await size(), started]
  while (performance.now() - since < 1_500) {
    if (performance.now() - started > PATIENCE_MS) throw new Error('the tree does not settle')
    await new Promise((resolve) => setTimeout(resolve, 100))
    const now = await size()
    if (now !== last) [last, since] = [now, performance.now()]
  }
  return last
}
