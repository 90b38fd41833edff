import type { Log, Runtime } from '../foundation/index.ts'

const HOUR_MS = 3_600_000

/** Returns a function that names in the log an app that signs in upper case, once an hour each, so that its owner can be told. */
export function upperCaseLog(log: Log, runtime: Runtime): (appId: string) => void {
  const named = new Set<string>()
  let until = -Infinity
  return (appId) => {
    const now = runtime.monotonic()
    if (now >= until) {
      named.clear()
      until = now + HOUR_MS
    }
    if (named.has(appId)) return
    named.add(appId)
    log.info({ app: appId }, 'an app signs in upper case')
  }
}
