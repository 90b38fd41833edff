import { digestCoversData, type Coverage, type EventRecord, type HashAlgorithm } from '@vouchsafe/tpm'
import { eventInput } from './boot-events.ts'
import { HASHES } from './tpm-evidence.ts'

/** Events whose digests boot loaders compute roughly from the data, without a specification. There are many of them. */
const LOADER_EVENTS: ReadonlySet<string> = new Set(['EV_IPL', 'EV_EVENT_TAG', 'EV_NONHOST_INFO'])

export type EventInput = ReturnType<typeof recordOf>

/** Whether an event's digest is that of its data; undefined if the specification does not require that. */
export function coversData(event: EventRecord, bank: HashAlgorithm): boolean | undefined {
  if (LOADER_EVENTS.has(event.typeName)) return undefined
  const coverage = digestCoversData(event, bank, HASHES)
  return coverage === 'covered' ? true : coverage === 'not-covered' ? false : undefined
}

/**
 * An event as policies see it. `authenticated`: the quote covers its position and digest. `digest_covers_data`: it also covers what `event`
 * says; absent if the specification does not define the digest as that of the data; `digest_coverage` tells more.
 */
export function recordOf(event: EventRecord, bank: HashAlgorithm, authenticated: boolean) {
  const { number, pcr, typeName, digests } = event
  const digest = digests[bank]
  const covered = coversData(event, bank)
  let decoded: ReturnType<typeof eventInput> | undefined
  let coverage: Coverage | undefined
  return {
    event_number: number,
    pcr_index: pcr,
    event_type: typeName,
    // The first record has only a SHA-1 digest.
    digest: number === 0 && digests.sha1 ? digests.sha1.toHex() : { hash_id: bank, digest: digest ? digest.toHex() : '' },
    get event() {
      return (decoded ??= eventInput(event))
    },
    get digest_coverage() {
      return (coverage ??= digestCoversData(event, bank, HASHES))
    },
    authenticated,
    ...(covered === undefined ? {} : { digest_covers_data: covered }),
  }
}
