import type { ChangeFeed } from '../storage/index.ts'
import type { Log } from '../foundation/index.ts'
import type { Envelope } from './envelope.ts'

/** A rotation of domain keys waits for this server, and there may be no other announcement for a long time. */
const AGAIN_MS = 1_000

/**
 * Keeps an envelope up to date with the store's domain keys, by the change feed, until it is disposed of. A failed update is retried: the
 * database may come back, or someone may supply the root key that another server has made.
 */
export function followDomainKeys(envelope: Envelope, feed: ChangeFeed, log: Log): AsyncDisposable {
  let stopped = false
  let again: NodeJS.Timeout | undefined
  const refresh = (): void => {
    clearTimeout(again)
    envelope.refresh().catch((error: unknown) => {
      if (stopped) return
      log.error({ err: error }, 'cannot take in the domain keys of the store; it is tried again')
      clearTimeout(again)
      again = setTimeout(refresh, AGAIN_MS).unref()
    })
  }
  feed.subscribe({ changed: (kind) => kind === 'domain-keys' && refresh(), reset: refresh })
  return {
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(again)
      await envelope.idle()
    },
  }
}
