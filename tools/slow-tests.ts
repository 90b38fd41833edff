// A reporter beside the usual one: names, at the end of a run, the tests that took longer than a seeded sample should. It fails nothing: the
// machine may have been busy.
import type { TestEvent } from 'node:test/reporters'

const SLOW_MS = 20_000

export default async function* slowTests(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const slow: { name: string; file: string | undefined; seconds: number }[] = []
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { name, file, details } = data
    if (details.type !== 'suite' && details.duration_ms > SLOW_MS) slow.push({ name, file, seconds: details.duration_ms / 1_000 })
  }
  slow.sort((a, b) => b.seconds - a.seconds)
  if (slow.length > 0) yield `test: longer than ${SLOW_MS / 1_000} s:\n`
  for (const { name, file, seconds } of slow) yield `  ${seconds.toFixed(1)} s  ${name}${file === undefined ? '' : ` (${file})`}\n`
}
